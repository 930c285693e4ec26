// Rows byte for byte, batches to their bounds, and what answers of the server mean.
#include "common/flow/wire.h"
#include "common/sink/clickhouse/answer.h"
#include "common/sink/clickhouse/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DAY_NS (UINT64_C(86400) * 1000000000)

static const struct flow_origin ORIGIN = {
    .stream = UINT64_C(0x0102030405060708), .sequence = 9, .time_ns = 11, .index = 10};

// Where the value of a column begins in a row of zeros and empty values.
static size_t offset_of(enum clickhouse_profile profile, const char *name)
{
    static const size_t lengths[CLICKHOUSE_KIND_COUNT] = {
        [CLICKHOUSE_NUM] = 8,      [CLICKHOUSE_NUM32] = 4,        [CLICKHOUSE_TIME] = 8,
        [CLICKHOUSE_NAME] = 12,    [CLICKHOUSE_ADDRESS] = 16,     [CLICKHOUSE_TEXT] = 1,
        [CLICKHOUSE_NUM_LIST] = 1, [CLICKHOUSE_ADDRESS_LIST] = 1, [CLICKHOUSE_TAGS] = 1,
        [CLICKHOUSE_STREAM] = 8,   [CLICKHOUSE_SEQUENCE] = 8,     [CLICKHOUSE_INDEX] = 4,
        [CLICKHOUSE_STORED] = 8,
    };
    size_t offset = 0;
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        struct clickhouse_column column = clickhouse_column(i);
        if (strcmp(column.name, name) == 0)
            return offset;
        offset += lengths[column.kind];
        offset += column.kind == CLICKHOUSE_TAGS && profile == CLICKHOUSE_REDUCED;
    }
    fail_msg("no column %s", name);
    return 0;
}

static size_t write_row(enum clickhouse_profile profile, const struct flow *flow, uint8_t *row,
                        size_t cap)
{
    struct clickhouse_layout layout;
    clickhouse_layout_init(&layout, profile);
    assert_true(clickhouse_row_bound(flow) <= cap);
    size_t len = (size_t)(clickhouse_row_write(&layout, row, flow, &ORIGIN) - row);
    assert_true(len <= clickhouse_row_bound(flow));
    return len;
}

static void an_empty_flow_is_a_row_of_zeros(void **state)
{
    static struct flow flow;
    uint8_t row[4096];
    (void)state;
    flow_reset(&flow);
    size_t len = write_row(CLICKHOUSE_FULL, &flow, row, sizeof row);
    size_t origin = offset_of(CLICKHOUSE_FULL, "src_stream");
    assert_int_equal(len, origin + 28);
    assert_memory_equal(row,
                        "\x0b"
                        "FLOWUNKNOWN",
                        12);
    for (size_t i = 12; i < origin; i++)
        assert_int_equal(row[i], 0);
    assert_memory_equal(row + origin,
                        "\x08\7\6\5\4\3\2\1"
                        "\x09\0\0\0\0\0\0\0"
                        "\x0a\0\0\0"
                        "\x0b\0\0\0\0\0\0\0",
                        28);
    assert_int_equal(write_row(CLICKHOUSE_REDUCED, &flow, row, sizeof row), len + 2);
}

static void numbers_are_little_endian_and_addresses_mapped(void **state)
{
    static const uint8_t address[] = {192, 0, 2, 1};
    static struct flow flow;
    uint8_t row[4096];
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_BYTES, UINT64_C(0x1122334455667788));
    flow_set_num(&flow, FLOW_SRC_PORT, 0x1234);
    flow_set_num(&flow, FLOW_TIME_FLOW_END_NS, UINT64_MAX);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, address, sizeof address);
    flow_set_bytes(&flow, FLOW_DST_ADDR, address, 3);
    (void)write_row(CLICKHOUSE_FULL, &flow, row, sizeof row);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "bytes"),
                        "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "src_port"), "\x34\x12\0\0", 4);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "time_flow_end_ns"),
                        "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "src_addr"),
                        "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "dst_addr"),
                        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void tags_stand_in_pairs_or_in_two_lists(void **state)
{
    static struct flow flow;
    uint8_t entries[2][32];
    uint8_t row[4096];
    (void)state;
    flow_reset(&flow);
    for (unsigned i = 0; i < 2; i++) {
        struct span key = {(const uint8_t *)(i == 0 ? "a" : "b"), 1};
        struct span value = {(const uint8_t *)(i == 0 ? "xy" : ""), i == 0 ? 2 : 0};
        uint8_t *end = wire_put_entry(entries[i], key, value);
        flow_append_bytes(&flow, FLOW_SRC_CONTEXT, entries[i], (size_t)(end - entries[i]));
    }
    flow_append_bytes(&flow, FLOW_SRC_CONTEXT, "\xff", 1); // no entry: it is left out
    (void)write_row(CLICKHOUSE_FULL, &flow, row, sizeof row);
    assert_memory_equal(row + offset_of(CLICKHOUSE_FULL, "src_context"), "\2\1a\2xy\1b\0", 8);
    (void)write_row(CLICKHOUSE_REDUCED, &flow, row, sizeof row);
    assert_memory_equal(row + offset_of(CLICKHOUSE_REDUCED, "src_context"), "\2\1a\1b\2\2xy\0", 9);
}

static void the_fullest_flow_keeps_to_its_bound(void **state)
{
    static struct flow flow;
    static uint8_t bytes[300];
    (void)state;
    flow_reset(&flow);
    for (unsigned id = 0; id < FLOW_FIELD_COUNT; id++) {
        switch (FLOW_FIELDS[id].kind) {
        case FIELD_NUM:
        case FIELD_NUM32:
            flow_set_num(&flow, (enum flow_field)id, UINT32_MAX);
            break;
        case FIELD_BYTES:
            flow_set_bytes(&flow, (enum flow_field)id, bytes, sizeof bytes);
            break;
        case FIELD_NUM_LIST:
            for (unsigned i = 0; i < FLOW_ROUTE_LIST_MAX; i++)
                flow_append_num(&flow, (enum flow_field)id, UINT32_MAX);
            break;
        case FIELD_BYTES_LIST:
            for (unsigned i = 0; i < FLOW_LIST_MAX; i++)
                flow_append_bytes(&flow, (enum flow_field)id, "\x0a\0\x12\0", 4);
            break;
        }
    }
    uint8_t *row = malloc(clickhouse_row_bound(&flow));
    for (int profile = 0; profile < CLICKHOUSE_PROFILE_COUNT; profile++)
        (void)write_row((enum clickhouse_profile)profile, &flow, row, clickhouse_row_bound(&flow));
    free(row);
}

static bool add(struct clickhouse_batch *batch, uint64_t received_ns, struct flow_origin origin)
{
    static struct flow flow;
    struct clickhouse_layout layout;
    clickhouse_layout_init(&layout, CLICKHOUSE_FULL);
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TIME_RECEIVED_NS, received_ns);
    return clickhouse_batch_add(batch, &layout, &flow, &origin);
}

static void a_batch_is_of_one_stream_and_of_near_times(void **state)
{
    struct clickhouse_batch *batch = clickhouse_batch_new(1 << 20, 4);
    struct flow_origin other = ORIGIN;
    (void)state;
    other.stream++;
    assert_true(add(batch, 40 * DAY_NS, ORIGIN));
    assert_false(add(batch, 40 * DAY_NS, other));
    assert_false(add(batch, 5 * DAY_NS, ORIGIN));
    assert_false(add(batch, 80 * DAY_NS, ORIGIN));
    assert_true(add(batch, 30 * DAY_NS, ORIGIN));
    assert_true(add(batch, 50 * DAY_NS, ORIGIN));
    assert_true(batch->first_ns == (int64_t)(30 * DAY_NS) &&
                batch->last_ns == (int64_t)(50 * DAY_NS));
    assert_true(add(batch, 50 * DAY_NS, ORIGIN));
    assert_false(add(batch, 50 * DAY_NS, ORIGIN)); // four is all
    assert_int_equal(batch->places[3].end, batch->len);
    assert_int_equal(clickhouse_batch_begin(batch, 1), batch->places[0].end);
    clickhouse_batch_clear(batch);
    assert_true(add(batch, UINT64_MAX, other));
    assert_true(add(batch, UINT64_MAX, other));
    clickhouse_batch_free(batch);
}

static void a_batch_takes_no_row_past_its_room(void **state)
{
    struct clickhouse_batch *batch = clickhouse_batch_new(5000, 1000);
    unsigned count = 0;
    (void)state;
    while (add(batch, 1, ORIGIN))
        count++;
    assert_in_range(count, 5, 20);
    assert_true(batch->len <= 5000);
    clickhouse_batch_free(batch);
}

static void answers_say_whom_they_need(void **state)
{
    (void)state;
    assert_int_equal(clickhouse_answer_code("Code: 60, e.displayText() = ..."), 60);
    assert_int_equal(clickhouse_answer_code("Code: 241. DB::Exception: ..."), 241);
    assert_int_equal(clickhouse_answer_code("<html>"), 0);
    assert_int_equal(clickhouse_answer_judge(200, 0), CLICKHOUSE_DONE);
    assert_int_equal(clickhouse_answer_judge(404, 60), CLICKHOUSE_SETUP);
    assert_int_equal(clickhouse_answer_judge(500, 469), CLICKHOUSE_REFUSED);
    assert_int_equal(clickhouse_answer_judge(500, 241), CLICKHOUSE_UNKNOWN); // memory
    assert_int_equal(clickhouse_answer_judge(500, 252), CLICKHOUSE_UNKNOWN); // parts
    assert_int_equal(clickhouse_answer_judge(502, 0), CLICKHOUSE_UNKNOWN);
    assert_int_equal(clickhouse_answer_judge(401, 0), CLICKHOUSE_SETUP);
    assert_int_equal(clickhouse_answer_judge(200, 159), CLICKHOUSE_UNKNOWN);
    assert_non_null(strstr(clickhouse_answer_advice(60), "-clickhouse.migrate"));
    assert_null(clickhouse_answer_advice(241));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_flow_is_a_row_of_zeros),
        cmocka_unit_test(numbers_are_little_endian_and_addresses_mapped),
        cmocka_unit_test(tags_stand_in_pairs_or_in_two_lists),
        cmocka_unit_test(the_fullest_flow_keeps_to_its_bound),
        cmocka_unit_test(a_batch_is_of_one_stream_and_of_near_times),
        cmocka_unit_test(a_batch_takes_no_row_past_its_room),
        cmocka_unit_test(answers_say_whom_they_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
