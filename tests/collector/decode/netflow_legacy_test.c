// NetFlow version 5.
#include "tests/collector/decode/rig_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BASE_NS (UINT64_C(1700000000) * 1000000000 + 500)

static struct message m;

static void put_header(unsigned count, uint32_t uptime_ms, unsigned sampling)
{
    m.len = 0;
    message_put(&m, 5, 2);
    message_put(&m, count, 2);
    message_put(&m, uptime_ms, 4);
    message_put(&m, 1700000000, 4);
    message_put(&m, 500, 4);
    message_put(&m, 11, 4);
    message_put(&m, 0x0102, 2);
    message_put(&m, sampling, 2);
}

static void put_record(uint32_t first_ms, uint32_t last_ms)
{
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 0x0a0000fe, 4);
    message_put(&m, 1, 2);
    message_put(&m, 2, 2);
    message_put(&m, 10, 4);
    message_put(&m, 1500, 4);
    message_put(&m, first_ms, 4);
    message_put(&m, last_ms, 4);
    message_put(&m, 1234, 2);
    message_put(&m, 80, 2);
    message_put(&m, 0, 1);
    message_put(&m, 0x1b, 1);
    message_put(&m, 6, 1);
    message_put(&m, 8, 1);
    message_put(&m, 64496, 2);
    message_put(&m, 64497, 2);
    message_put(&m, 24, 1);
    message_put(&m, 16, 1);
    message_put(&m, 0, 2);
}

static void every_field(void **state)
{
    static const struct {
        enum flow_field id;
        uint64_t value;
    } expected[] = {
        {FLOW_TYPE, FLOW_TYPE_NETFLOW_V5},
        {FLOW_SEQUENCE_NUM, 11},
        {FLOW_SAMPLING_RATE, 100},
        {FLOW_TIME_RECEIVED_NS, UINT64_C(1700000000123456789)},
        {FLOW_TIME_FLOW_START_NS, BASE_NS - 1000000000},
        {FLOW_TIME_FLOW_END_NS, BASE_NS - 500000000},
        {FLOW_BYTES, 1500},
        {FLOW_PACKETS, 10},
        {FLOW_ETYPE, 0x0800},
        {FLOW_PROTO, 6},
        {FLOW_SRC_PORT, 1234},
        {FLOW_DST_PORT, 80},
        {FLOW_IN_IF, 1},
        {FLOW_OUT_IF, 2},
        {FLOW_IP_TOS, 8},
        {FLOW_TCP_FLAGS, 0x1b},
        {FLOW_SRC_AS, 64496},
        {FLOW_DST_AS, 64497},
        {FLOW_SRC_NET, 24},
        {FLOW_DST_NET, 16},
    };
    struct rig *rig = *state;
    put_header(1, 10000, 0x4000 | 100); // the mode is no part of the rate
    put_record(9000, 9500);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 1);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(flow_num(&rig->flows[0], expected[i].id), expected[i].value);
    assert_int_equal(bytes_u32(flow_bytes(&rig->flows[0], FLOW_SRC_ADDR).data), 0x0a000001);
    assert_int_equal(bytes_u32(flow_bytes(&rig->flows[0], FLOW_DST_ADDR).data), 0x0a000002);
    assert_int_equal(bytes_u32(flow_bytes(&rig->flows[0], FLOW_NEXT_HOP).data), 0x0a0000fe);
}

static void uptime_wraps(void **state)
{
    struct rig *rig = *state;
    put_header(1, 1000, 1);
    put_record(UINT32_MAX - 999, 500);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_TIME_FLOW_START_NS), BASE_NS - 2000000000);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_TIME_FLOW_END_NS), BASE_NS - 500000000);
}

static void the_count_is_only_a_claim(void **state)
{
    struct rig *rig = *state;
    put_header(65535, 1000, 1);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 0); // nothing is invented
    assert_int_equal(rig->ledger.reasons[REASON_RECORDS_MISSING], 1);
    put_record(1, 2);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 1);
    assert_int_equal(rig->ledger.reasons[REASON_RECORDS_MISSING], 2);
    put_header(0, 1000, 1);
    put_record(1, 2);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 0);
    assert_int_equal(rig->ledger.reasons[REASON_TRAILING_BYTES], 1);
}

static void every_cut_gives_whole_records(void **state)
{
    struct rig *rig = *state;
    put_header(3, 1000, 1);
    for (int i = 0; i < 3; i++)
        put_record(1, 2);
    for (size_t cut = 0; cut <= m.len; cut++)
        assert_int_equal(rig_send(rig, 1, m.bytes, cut), cut < 24 ? 0 : (cut - 24) / 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_field),
        RIG_TEST(uptime_wraps),
        RIG_TEST(the_count_is_only_a_claim),
        RIG_TEST(every_cut_gives_whole_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
