// Files whose last process was killed at any byte: what is appended can be read.
#include "common/sink/file_tail.h"
#include "common/flow/wire.h"
#include "tests/common/sink/file_case.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX (512u << 10)

// A flow as it stands in a file: returns the end.
static uint8_t *put_flow(uint8_t *out, unsigned n, size_t filler_len, bool lines)
{
    static const uint8_t filler[FRAME_MAX];
    uint8_t addr[] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    struct flow flow;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TYPE, 3);
    flow_set_num(&flow, FLOW_TIME_RECEIVED_NS, UINT64_C(1700000000000000000) + n);
    flow_set_num(&flow, FLOW_SEQUENCE_NUM, n);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, addr, sizeof addr);
    flow_set_num(&flow, FLOW_BYTES, n * UINT64_C(1000003));
    if (filler_len != 0)
        flow_set_bytes(&flow, FLOW_SRC_AS_NAME, filler, filler_len);
    out = wire_write(out, &flow);
    if (lines)
        *out++ = '\n';
    return out;
}

static uint8_t *put_flows(uint8_t *out, unsigned count, bool lines)
{
    for (unsigned n = 0; n < count; n++)
        out = put_flow(out, n, 0, lines);
    return out;
}

static void write_file(const struct file_case *f, const void *bytes, size_t len)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static enum file_tail mend(const struct file_case *f, const char *separator, bool framed,
                           size_t *cut)
{
    struct outlet outlet;
    assert_int_equal(outlet_open(&outlet, f->path, false), 0);
    enum file_tail tail = file_tail_mend(&outlet, separator, framed, cut);
    outlet_close(&outlet);
    return tail;
}

// The file, whose last `last` bytes are a frame, cut within that: not at each byte, as each is
// looked at for a while.
static void assert_cut_everywhere(const struct file_case *f, const uint8_t *bytes, size_t len,
                                  size_t last, bool lines)
{
    size_t cut;
    for (size_t torn = 1; torn < last - lines; torn += torn < 3 ? 1 : 17) {
        bool sure = len != last || torn >= WIRE_VARINT_MAX;
        write_file(f, bytes, len - last + torn);
        assert_int_equal(mend(f, lines ? "\n" : "", true, &cut),
                         sure ? FILE_TAIL_CUT : FILE_TAIL_UNKNOWN);
        assert_int_equal(cut, sure ? torn : 0);
        assert_int_equal(file_case_size(f->path), sure ? len - last : torn);
    }
    write_file(f, bytes, len);
    assert_int_equal(mend(f, lines ? "\n" : "", true, &cut), FILE_TAIL_WHOLE);
    assert_int_equal(file_case_size(f->path), len);
}

static void frames_are_cut_back_to_whole_ones(void **state)
{
    static const unsigned before[] = {0, 1, 100};
    const struct file_case *f = *state;
    uint8_t *bytes = malloc(FRAME_MAX);
    for (unsigned i = 0; i < 6; i++) {
        bool lines = i % 2 != 0;
        uint8_t *begin = put_flows(bytes, before[i / 2], lines);
        uint8_t *end = put_flow(begin, 77, 0, lines);
        assert_cut_everywhere(f, bytes, (size_t)(end - bytes), (size_t)(end - begin), lines);
    }
    free(bytes);
}

// Of more than is read at first, and of frames so large that hardly any is in it.
static void only_the_end_of_a_large_file_is_looked_at(void **state)
{
    const struct file_case *f = *state;
    uint8_t *bytes = malloc(16 * FRAME_MAX);
    uint8_t *begin = put_flows(bytes, 90000, false);
    uint8_t *end = put_flow(begin, 77, 0, false);
    assert_true(begin - bytes > (2 << 20));
    assert_cut_everywhere(f, bytes, (size_t)(end - bytes), (size_t)(end - begin), false);
    begin = bytes;
    for (unsigned n = 0; n < 9; n++)
        begin = put_flow(begin, n, FRAME_MAX - 1000, false);
    end = put_flow(begin, 77, 0, false);
    assert_cut_everywhere(f, bytes, (size_t)(end - bytes), (size_t)(end - begin), false);
    free(bytes);
}

// As an earlier release left it: the end is whole all the same.
static void a_tear_in_the_middle_stays(void **state)
{
    const struct file_case *f = *state;
    uint8_t *bytes = malloc(FRAME_MAX);
    uint8_t *torn = put_flows(bytes, 20, false) - 11;
    uint8_t *begin = put_flows(torn, 30, false);
    uint8_t *end = put_flow(begin, 77, 0, false);
    assert_cut_everywhere(f, bytes, (size_t)(end - bytes), (size_t)(end - begin), false);
    free(bytes);
}

static void a_frame_without_its_newline_gets_it(void **state)
{
    const struct file_case *f = *state;
    uint8_t bytes[4096];
    size_t cut;
    size_t len = (size_t)(put_flows(bytes, 10, true) - bytes);
    write_file(f, bytes, len - 1);
    assert_int_equal(mend(f, "\n", true, &cut), FILE_TAIL_SEPARATED);
    assert_int_equal(file_case_size(f->path), len);
    assert_int_equal(mend(f, "\n", true, &cut), FILE_TAIL_WHOLE);
}

// They may be another program's: nothing is taken out of them.
static void lines_are_ended_and_never_cut(void **state)
{
    const struct file_case *f = *state;
    size_t cut;
    write_file(f, "{\"a\":1}\n{\"a\"", 12);
    assert_int_equal(mend(f, "\n", false, &cut), FILE_TAIL_SEPARATED);
    assert_int_equal(file_case_size(f->path), 13);
    assert_int_equal(mend(f, "\n", false, &cut), FILE_TAIL_WHOLE);
    assert_int_equal(mend(f, "", false, &cut), FILE_TAIL_WHOLE);
    assert_int_equal(mend(f, "--\n", false, &cut), FILE_TAIL_SEPARATED);
    assert_int_equal(file_case_size(f->path), 16);
}

static void what_is_no_flows_is_left_alone(void **state)
{
    static const char *const others[] = {"hello, world: this is a diary\n", "\177ELF and so on",
                                         "hello\n", "x", "{\"type\":\"NETFLOW_V5\"}\n"};
    const struct file_case *f = *state;
    size_t cut;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_file(f, others[i], strlen(others[i]));
        assert_int_equal(mend(f, "", true, &cut), FILE_TAIL_UNKNOWN);
        assert_int_equal(file_case_size(f->path), strlen(others[i]));
    }
    write_file(f, "", 0);
    assert_int_equal(mend(f, "", true, &cut), FILE_TAIL_WHOLE);
}

struct appending {
    const char *path;
    atomic_bool ending;
};

static void *append(void *argument)
{
    struct appending *a = argument;
    const struct timespec nap = {.tv_nsec = 1000000};
    int fd = open(a->path, O_WRONLY | O_APPEND);
    while (!atomic_load(&a->ending) && fd >= 0) {
        (void)!write(fd, "x", 1);
        nanosleep(&nap, NULL);
    }
    close(fd);
    return NULL;
}

static void what_another_writes_to_is_left_alone(void **state)
{
    const struct file_case *f = *state;
    struct appending a = {.path = f->path};
    pthread_t thread;
    size_t cut;
    write_file(f, "begun", 5);
    assert_int_equal(pthread_create(&thread, NULL, append, &a), 0);
    while (file_case_size(f->path) < 10)
        sched_yield();
    enum file_tail tail = mend(f, "\n", false, &cut);
    atomic_store(&a.ending, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(tail, FILE_TAIL_BUSY);
}

// A sink whose flow is half written, and which waits: another one takes nothing of it away.
static void what_another_sink_holds_is_left_alone(void **state)
{
    const struct file_case *f = *state;
    struct outlet outlet;
    size_t cut;
    uint8_t bytes[4096];
    size_t len = (size_t)(put_flows(bytes, 10, false) - bytes) - 1;
    write_file(f, bytes, 0);
    struct sink *sink = file_case_open(f->path, true);
    write_file(f, bytes, len);
    assert_int_equal(mend(f, "", true, &cut), FILE_TAIL_BUSY);
    assert_int_equal(file_case_size(f->path), len);
    assert_int_equal(sink_reopen(sink), 0); // the same file
    assert_int_equal(mend(f, "", true, &cut), FILE_TAIL_BUSY);
    assert_int_equal(rename(f->path, f->moved), 0);
    assert_int_equal(sink_reopen(sink), 0);
    assert_int_equal(outlet_open(&outlet, f->moved, false), 0);
    assert_int_equal(file_tail_mend(&outlet, "", true, &cut), FILE_TAIL_CUT);
    outlet_close(&outlet);
    sink_close(sink);
}

// What the sink makes of it: a line of its own for each flow that is written now.
static void a_sink_goes_on_behind_a_tear(void **state)
{
    const struct file_case *f = *state;
    struct ledger ledger = {0};
    write_file(f, "0 1 30 torn", 11);
    struct sink *sink = file_case_open(f->path, true);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    file_case_write(writer, 0, 1, 100);
    assert_int_equal(sink_sync(writer, -1), 0);
    assert_int_equal(file_case_size(f->path), 12 + 101);
    assert_int_equal(rename(f->path, f->moved), 0);
    write_file(f, "0 1 30 torn", 11);
    assert_int_equal(sink_reopen(sink), 0);
    file_case_write(writer, 0, 2, 100);
    assert_int_equal(sink_sync(writer, -1), 0);
    assert_int_equal(file_case_size(f->path), 12 + 101);
    sink_writer_free(writer);
    sink_close(sink);
    assert_balance(&ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_set_up, file_case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_are_cut_back_to_whole_ones),
        TEST(only_the_end_of_a_large_file_is_looked_at),
        TEST(a_tear_in_the_middle_stays),
        TEST(a_frame_without_its_newline_gets_it),
        TEST(lines_are_ended_and_never_cut),
        TEST(what_is_no_flows_is_left_alone),
        TEST(what_another_writes_to_is_left_alone),
        TEST(a_sink_goes_on_behind_a_tear),
        TEST(what_another_sink_holds_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
