// A capture file, the whole way of -read: pcap or pcapng, a filter, frames, datagrams, flows as
// JSON to nowhere. Input: a byte that chooses the filter, the file.
#include "collector/capture.h"
#include "common/base/log.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const char *const FILTERS[] = {"", "udp", "src host 192.0.2.1 or port 2055", "greater 80"};

static struct layout *json(void)
{
    static struct layout *layout;
    if (layout == NULL)
        layout = layout_new(&(struct layout_options){.kind = FORMAT_JSON});
    FUZZ_REQUIRE(layout != NULL);
    return layout;
}

static void read_capture(const char *path, const char *filter, int event_fd, struct lane *lane)
{
    const struct capture_options options = {.files = path, .filter = filter, .done_fd = event_fd};
    const int64_t never_ns = INT64_MAX / 2;
    struct capture *capture = capture_start(&options, lane);
    FUZZ_REQUIRE(capture != NULL);
    FUZZ_REQUIRE(capture_join(capture, never_ns) == 0);
    FUZZ_REQUIRE(capture_ended(capture));
    (void)capture_free(capture);
}

static void run(const char *path, const char *filter)
{
    const struct decode_options decode = {.hash_seed = 1};
    const struct sink_options output = {.path = "/dev/null", .separator = "\n", .blocking = true};
    struct lane_report report;
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct sink *sink = sink_find("file")->open(&output);
    FUZZ_REQUIRE(event_fd >= 0 && sink != NULL);
    const struct lane_options options = {
        .decode = &decode, .layout = json(), .sink = sink, .alarm_fd = event_fd};
    struct lane *lane = lane_new(&options);
    FUZZ_REQUIRE(lane != NULL);
    read_capture(path, filter, event_fd, lane);
    sink_close(sink);
    lane_final(lane, &report);
    FUZZ_REQUIRE(ledger_balanced(&report.ledger));
    FUZZ_REQUIRE(report.ledger.flows_waiting == 0);
    lane_free(lane);
    close(event_fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[FUZZ_PATH_MAX];
    if (len == 0)
        return 0;
    log_setup(FUZZ_LOG_NOTHING, false);
    int fd = fuzz_file(data + 1, len - 1, path);
    run(path, FILTERS[data[0] % (sizeof FILTERS / sizeof FILTERS[0])]);
    close(fd);
    return 0;
}
