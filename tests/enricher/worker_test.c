// The worker between a pipe and a file: what comes out, when it ends, and what a reload changes.
#include "enricher/worker.h"

#include "common/base/log.h"
#include "common/enrich/context.h"
#include "common/flow/wire.h"
#include "enricher/source/stdin.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

// Long enough that only what never happens takes longer.
#define PATIENCE_MS 60000

struct fixture {
    int in[2];
    int out[2];
    char out_path[64];
    struct format *format;
    struct source *source;
    struct sink *sink;
    struct worker *worker;
};

static struct snapshot *context(const char *name)
{
    char yaml[256];
    snprintf(yaml, sizeof yaml, "networks: [{name: %s, cidr: 192.0.2.0/24}]", name);
    const struct snapshot_options options = {.context_path = scratch_text(yaml)};
    struct snapshot *snapshot = snapshot_new(&options);
    assert_non_null(snapshot);
    return snapshot;
}

static void begin(struct fixture *f, enum format_kind kind, struct snapshot *take)
{
    *f = (struct fixture){.format = format_new(kind, 0)};
    assert_int_equal(pipe(f->in), 0);
    assert_int_equal(pipe(f->out), 0);
    snprintf(f->out_path, sizeof f->out_path, "/proc/self/fd/%d", f->out[1]);
    const struct sink_options sink = {
        .path = f->out_path, .separator = "", .buffer_bytes = 1 << 20, .blocking = true};
    f->source = stdin_open(f->in[0]);
    f->sink = sink_find("file")->open(&sink);
    assert_non_null(f->sink);
    close(f->out[1]);
    const struct worker_options options = {
        .source = f->source, .sink = f->sink, .format = f->format, .drain_ms = 1000};
    f->worker = worker_start(&options, take);
    assert_non_null(f->worker);
}

// As long as usual flows. Returns the frame's length.
static size_t make_frame(uint8_t frame[static 256], unsigned sequence)
{
    static const uint8_t addr[] = {192, 0, 2, 1};
    static const enum flow_field times[] = {FLOW_TIME_RECEIVED_NS, FLOW_TIME_FLOW_START_NS,
                                            FLOW_TIME_FLOW_END_NS};
    static const enum flow_field numbers[] = {FLOW_TYPE,     FLOW_BYTES,    FLOW_PACKETS,
                                              FLOW_SRC_PORT, FLOW_DST_PORT, FLOW_PROTO};
    struct flow flow;
    flow_reset(&flow);
    for (size_t i = 0; i < 3; i++)
        flow_set_num(&flow, times[i], UINT64_C(1700000000123456789) + i);
    for (size_t i = 0; i < 6; i++)
        flow_set_num(&flow, numbers[i], 3 + 100 * i);
    flow_set_num(&flow, FLOW_SEQUENCE_NUM, sequence);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, addr, sizeof addr);
    return (size_t)(wire_write(frame, &flow) - frame);
}

static void feed(struct fixture *f, unsigned sequence)
{
    uint8_t frame[256];
    size_t len = make_frame(frame, sequence);
    assert_int_equal(write(f->in[1], frame, len), len);
}

// Reads one frame of the output, waiting for it.
static void assert_comes(struct fixture *f, unsigned sequence, const char *group)
{
    uint8_t frame[256];
    size_t have = 0;
    size_t head;
    size_t len;
    struct flow flow;
    while (wire_frame(frame, have, &head, &len) != WIRE_FRAME) {
        struct pollfd fd = {.fd = f->out[0], .events = POLLIN};
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
        assert_int_equal(read(f->out[0], frame + have, 1), 1);
        have++;
    }
    assert_int_equal(wire_read(&flow, frame + head, len), 0);
    struct span got = flow_bytes(&flow, FLOW_SRC_GROUP);
    assert_int_equal(flow_num(&flow, FLOW_SEQUENCE_NUM), sequence);
    assert_int_equal(got.len, strlen(group));
    if (got.len != 0)
        assert_memory_equal(got.data, group, got.len);
}

// Waits for the worker's end: its result, and the balance of its books.
static int finish(struct fixture *f, struct ledger *ledger)
{
    struct pollfd done = {.fd = worker_done_fd(f->worker), .events = POLLIN};
    assert_int_equal(poll(&done, 1, PATIENCE_MS), 1);
    int result = worker_join(f->worker);
    sink_close(f->sink);
    *ledger = *worker_ledger(f->worker);
    assert_true(ledger_balanced(ledger));
    assert_int_equal(ledger->flows_waiting, 0);
    worker_free(f->worker);
    source_close(f->source);
    format_free(f->format);
    close(f->in[0]);
    if (f->in[1] >= 0)
        close(f->in[1]);
    if (f->out[0] >= 0)
        close(f->out[0]);
    return result;
}

static void end_input(struct fixture *f)
{
    close(f->in[1]);
    f->in[1] = -1;
}

static void enriches_until_the_end(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_BIN, context("web"));
    for (unsigned i = 1; i <= 100; i++)
        feed(&f, i);
    end_input(&f);
    for (unsigned i = 1; i <= 100; i++)
        assert_comes(&f, i, "web");
    assert_int_equal(finish(&f, &ledger), 0);
    assert_int_equal(ledger.flows_made, 100);
    assert_int_equal(ledger.flows_delivered, 100);
}

// With the input still open, a flow is out as soon as nothing more is to be read.
static void hands_on_without_waiting_for_more(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_BIN, context("web"));
    for (unsigned i = 1; i <= 3; i++) {
        feed(&f, i);
        assert_comes(&f, i, "web");
    }
    end_input(&f);
    assert_int_equal(finish(&f, &ledger), 0);
}

static void stops_while_it_waits_for_input(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_BIN, context("web"));
    feed(&f, 1);
    assert_comes(&f, 1, "web");
    worker_stop(f.worker);
    assert_int_equal(finish(&f, &ledger), 0);
    assert_int_equal(ledger.flows_delivered, 1);
}

static void stops_while_the_reader_of_its_output_stands_still(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_JSON, context("web"));
    for (unsigned i = 0; i < 10000; i++) // more JSON than pipe and ring hold
        feed(&f, i + 1);
    worker_stop(f.worker);
    sink_abandon(f.sink);
    assert_int_equal(finish(&f, &ledger), 0);
}

static void takes_up_an_offered_snapshot(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_BIN, context("old"));
    feed(&f, 1);
    assert_comes(&f, 1, "old");
    worker_offer(f.worker, context("passed-over"));
    worker_offer(f.worker, context("new"));
    feed(&f, 2);
    assert_comes(&f, 2, "new");
    worker_offer(f.worker, context("too-late"));
    end_input(&f);
    assert_int_equal(finish(&f, &ledger), 0);
}

static void fails_at_a_frame_that_is_no_flow(void **state)
{
    (void)state;
    static const uint8_t bad[] = {3, 0x0f, 0x0f, 0x0f};
    static const enum format_kind kinds[] = {FORMAT_BIN, FORMAT_JSON};
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        struct ledger ledger;
        begin(&f, kinds[i], context("web"));
        feed(&f, 1);
        assert_int_equal(write(f.in[1], bad, sizeof bad), sizeof bad);
        end_input(&f);
        assert_int_equal(finish(&f, &ledger), -1);
        assert_int_equal(ledger.flows_made, 1);
        assert_int_equal(ledger.flows_delivered, 1);
    }
}

// A process that was killed left the beginning of a frame, and another one went on behind it. Torn
// within its last value, a flow takes the rest of that from the next one.
static void goes_on_behind_a_tear(void **state)
{
    (void)state;
    uint8_t torn[256];
    unsigned less = 0;
    size_t len = make_frame(torn, 99);
    for (size_t part = 1; part < len; part++) {
        struct fixture f;
        struct ledger ledger;
        begin(&f, part % 2 != 0 ? FORMAT_BIN : FORMAT_JSON, context("web"));
        for (unsigned i = 1; i <= 5; i++)
            feed(&f, i);
        assert_int_equal(write(f.in[1], torn, part), part);
        for (unsigned i = 6; i <= 40; i++)
            feed(&f, i);
        end_input(&f);
        assert_int_equal(finish(&f, &ledger), -1);
        assert_in_range(ledger.flows_made, 39, 40);
        assert_int_equal(ledger.flows_delivered, ledger.flows_made);
        less += ledger.flows_made < 40;
    }
    assert_true(less < len / 4);
}

// Of a pipe that stays open the flows behind the tear come at once.
static void goes_on_behind_a_tear_without_waiting_for_the_end(void **state)
{
    (void)state;
    uint8_t torn[256];
    struct fixture f;
    struct ledger ledger;
    (void)make_frame(torn, 99);
    begin(&f, FORMAT_BIN, context("web"));
    feed(&f, 1);
    assert_comes(&f, 1, "web");
    assert_int_equal(write(f.in[1], torn, 5), 5);
    for (unsigned i = 2; i <= 20; i++)
        feed(&f, i);
    for (unsigned i = 2; i <= 20; i++)
        assert_comes(&f, i, "web");
    worker_stop(f.worker);
    assert_int_equal(finish(&f, &ledger), 0);
    assert_int_equal(ledger.flows_made, 20);
}

// Wherever the bad frame stands among the others: all before it come out, and the one behind it.
static void hands_on_what_comes_before_a_bad_frame(void **state)
{
    (void)state;
    // Not protobuf; protobuf with a list that ends within a number, which only decoding looks at.
    static const uint8_t bad[][6] = {{3, 0x0f, 0x0f, 0x0f}, {5, 0xb2, 0x06, 0x02, 0x01, 0x80}};
    static const size_t len[] = {4, 6};
    static const enum format_kind kinds[] = {FORMAT_BIN, FORMAT_JSON};
    for (unsigned before = 0; before <= 2 * ENRICH_GROUP_MAX + 1; before++) {
        for (size_t i = 0; i < 4; i++) {
            struct fixture f;
            struct ledger ledger;
            if (i == 1) // passed through: it is protobuf
                continue;
            begin(&f, kinds[i / 2], context("web"));
            for (unsigned n = 0; n < before; n++)
                feed(&f, n + 1);
            assert_int_equal(write(f.in[1], bad[i % 2], len[i % 2]), len[i % 2]);
            feed(&f, before + 1);
            end_input(&f);
            assert_int_equal(finish(&f, &ledger), -1);
            // What does not even begin with a flow is something else.
            assert_int_equal(ledger.flows_made, before == 0 ? 0 : before + 1);
            assert_int_equal(ledger.flows_delivered, ledger.flows_made);
        }
    }
}

static void fails_when_nobody_reads_its_output(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    begin(&f, FORMAT_BIN, context("web"));
    close(f.out[0]);
    f.out[0] = -1;
    feed(&f, 1);
    assert_int_equal(finish(&f, &ledger), -1);
    assert_int_equal(ledger.reasons[REASON_OUTPUT_FAILED], 1);
}

// As many tags as a network may have, as long as they may be.
static struct snapshot *largest_context(void)
{
    static char yaml[1 << 17];
    static char filler[CONTEXT_VALUE_MAX + 1];
    memset(filler, 'x', CONTEXT_VALUE_MAX);
    int len = snprintf(yaml, sizeof yaml,
                       "networks:\n- name: %.*s\n  cidr: 192.0.2.0/24\n"
                       "  context:\n",
                       CONTEXT_NAME_MAX, filler);
    for (int i = 0; i < FLOW_LIST_MAX; i++)
        len += snprintf(yaml + len, sizeof yaml - (size_t)len, "    %02d%.*s: %s\n", i,
                        CONTEXT_NAME_MAX - 2, filler, filler);
    const struct snapshot_options options = {.context_path = scratch_text(yaml),
                                             .asn_path = FIXTURES "/demo-asn.mmdb",
                                             .country_path = FIXTURES "/demo-country.mmdb"};
    struct snapshot *snapshot = snapshot_new(&options);
    assert_non_null(snapshot);
    return snapshot;
}

// A frame of WIRE_FRAME_MAX: both addresses, and a custom field that fills it up.
static uint8_t *largest_frame(size_t *len)
{
    static const uint8_t addresses[] = {0x32, 4, 192, 0, 2, 1, 0x3a, 4, 192, 0, 2, 2};
    static const uint8_t field[] = {0xba, 0x3e}; // 999 as bytes
    size_t filler_len = WIRE_FRAME_MAX - sizeof addresses - sizeof field - 4;
    uint8_t *frame = calloc(1, WIRE_FRAME_MAX + 16);
    uint8_t *end = wire_put_varint(frame, WIRE_FRAME_MAX);
    memcpy(end, addresses, sizeof addresses);
    memcpy(end + sizeof addresses, field, sizeof field);
    end = wire_put_varint(end + sizeof addresses + sizeof field, filler_len) + filler_len;
    *len = (size_t)(end - frame);
    assert_int_equal(*len, WIRE_FRAME_MAX + 4);
    return frame;
}

struct feeder {
    int fd;
    const uint8_t *bytes;
    size_t len;
};

static void *write_all(void *argument)
{
    struct feeder *feeder = argument;
    while (feeder->len != 0) {
        ssize_t written = write(feeder->fd, feeder->bytes, feeder->len);
        if (written <= 0)
            break;
        feeder->bytes += written;
        feeder->len -= (size_t)written;
    }
    close(feeder->fd);
    return NULL;
}

static void puts_out_the_largest_frame_with_the_largest_answers(void **state)
{
    (void)state;
    struct fixture f;
    struct ledger ledger;
    pthread_t thread;
    struct feeder feeder = {.len = 0};
    struct snapshot *snapshot = largest_context();
    uint8_t *frame = largest_frame(&feeder.len);
    uint8_t *expected = malloc(enrich_frame_bound(snapshot, WIRE_FRAME_MAX));
    const struct enrich_options keep = {.sampling_rate = 0};
    const uint8_t *end = enrich_frame(snapshot, &keep, frame + 4, WIRE_FRAME_MAX, expected);
    size_t len = (size_t)(end - expected);
    uint8_t *got = malloc(len);
    begin(&f, FORMAT_BIN, snapshot);
    feeder.bytes = frame;
    feeder.fd = f.in[1];
    f.in[1] = -1;
    assert_int_equal(pthread_create(&thread, NULL, write_all, &feeder), 0);
    for (size_t have = 0; have < len;) {
        ssize_t more = read(f.out[0], got + have, len - have);
        assert_true(more > 0);
        have += (size_t)more;
    }
    pthread_join(thread, NULL);
    assert_int_equal(finish(&f, &ledger), 0);
    assert_int_equal(ledger.flows_delivered, 1);
    assert_memory_equal(got, expected, len);
    free(frame);
    free(expected);
    free(got);
}

static int quiet(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_ERROR + 1, false);
    return 0;
}

static int remove_scratch(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enriches_until_the_end),
        cmocka_unit_test(hands_on_without_waiting_for_more),
        cmocka_unit_test(stops_while_it_waits_for_input),
        cmocka_unit_test(stops_while_the_reader_of_its_output_stands_still),
        cmocka_unit_test(takes_up_an_offered_snapshot),
        cmocka_unit_test(fails_at_a_frame_that_is_no_flow),
        cmocka_unit_test(goes_on_behind_a_tear),
        cmocka_unit_test(goes_on_behind_a_tear_without_waiting_for_the_end),
        cmocka_unit_test(hands_on_what_comes_before_a_bad_frame),
        cmocka_unit_test(puts_out_the_largest_frame_with_the_largest_answers),
        cmocka_unit_test(fails_when_nobody_reads_its_output),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
