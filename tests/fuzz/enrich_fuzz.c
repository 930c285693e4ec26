// A message body enriched by appending; what comes out is a frame that reads like the flow enriched
// the other way.
#include "common/enrich/enrich.h"
#include "common/flow/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <unistd.h>

static struct snapshot *make_snapshot(void)
{
    static const char yaml[] = "networks:\n"
                               "  - {name: inside, cidr: 10.0.0.0/8, context: {site: a}}\n"
                               "  - {name: all, cidrs: [0.0.0.0/0, '::/0'], context: {x: y}}\n";
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file((const uint8_t *)yaml, sizeof yaml - 1, path);
    struct snapshot *snapshot = snapshot_new(&(struct snapshot_options){.context_path = path});
    FUZZ_REQUIRE(snapshot != NULL);
    close(fd);
    return snapshot;
}

static uint8_t *write_flow(const struct flow *flow, size_t *len)
{
    uint8_t *out = malloc(wire_bound(flow));
    FUZZ_REQUIRE(out != NULL);
    *len = (size_t)(wire_write(out, flow) - out);
    return out;
}

static void compare(const struct flow *a, const struct flow *b)
{
    size_t a_len;
    size_t b_len;
    uint8_t *a_bytes = write_flow(a, &a_len);
    uint8_t *b_bytes = write_flow(b, &b_len);
    FUZZ_REQUIRE(a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0);
    free(a_bytes);
    free(b_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct enrich_options options = {.sampling_rate = 0};
    static struct snapshot *snapshot;
    static struct flow appended;
    static struct flow decoded;
    size_t head;
    size_t body;
    if (snapshot == NULL)
        snapshot = make_snapshot();
    uint8_t *bytes = fuzz_copy(data, len);
    if (wire_read(&decoded, bytes, len) == 0) {
        size_t bound = enrich_frame_bound(snapshot, len);
        uint8_t *out = malloc(bound);
        FUZZ_REQUIRE(out != NULL);
        size_t out_len = (size_t)(enrich_frame(snapshot, &options, bytes, len, out) - out);
        FUZZ_REQUIRE(out_len <= bound);
        FUZZ_REQUIRE(wire_frame(out, out_len, &head, &body) == WIRE_FRAME);
        FUZZ_REQUIRE(head + body == out_len && wire_read(&appended, out + head, body) == 0);
        enrich_flow(snapshot, &options, &decoded);
        compare(&appended, &decoded);
        free(out);
    }
    free(bytes);
    return 0;
}
