// Data sets that come before their template: held, decoded, bounded, given up in time.
#include "tests/collector/decode/rig.h"

#include "collector/decode/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MINUTE_NS UINT64_C(60000000000)

static const struct decode_options OPTIONS = {
    .hash_seed = 1,
    .hold = {.exporter_bytes = 4096, .total_bytes = 8192, .time_ns = 5 * MINUTE_NS}};

static struct message m;

static void data(unsigned id, uint32_t address)
{
    message_v9(&m);
    message_open(&m, id);
    message_put(&m, address, 4);
    message_put(&m, 1500, 4);
    message_close(&m);
}

static void template(unsigned id)
{
    static const uint16_t fields[][2] = {{8, 4}, {1, 4}, {0, 0}};
    message_v9(&m);
    message_open(&m, 0);
    message_template(&m, id, fields);
    message_close(&m);
}

static void held_sets_are_decoded_when_the_template_comes(void **state)
{
    struct rig *rig = *state;
    data(256, 0x0a000001);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    data(257, 0x0a000002);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    data(256, 0x0a000003);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    assert_int_equal(rig->ledger.units_held, 3);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 0);
    template(256);
    message_end(&m);
    // Later, with another clock: the flows keep the times of their own message.
    assert_int_equal(rig_send_at(rig, RIG_NOW_NS + MINUTE_NS, 1, m.bytes, m.len), 2);
    assert_int_equal(rig->ledger.units_held, 1);
    assert_int_equal(rig->sources[0], 0x0a000001);
    assert_int_equal(rig->sources[1], 0x0a000003);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_TIME_RECEIVED_NS), RIG_NOW_NS);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SEQUENCE_NUM), 99);
}

static void another_port_may_bring_the_template(void **state)
{
    struct rig *rig = *state;
    data(257, 0x0a000001);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    template(257); // of a port that has sent no data yet, and so may be forged
    assert_int_equal(rig_message(rig, 2, &m), 0);
    assert_int_equal(rig->ledger.units_held, 1);
    data(257, 0x0a000002);
    assert_int_equal(rig_message(rig, 2, &m), 2);
    assert_int_equal(rig->ledger.units_held, 0);
    data(256, 0x0a000003);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    template(256);
    assert_int_equal(rig_message(rig, 2, &m), 1);
}

static void what_waits_too_long_is_dropped_and_counted(void **state)
{
    struct rig *rig = *state;
    data(256, 0x0a000001);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    data(999, 0);
    assert_int_equal(rig_send_at(rig, RIG_NOW_NS + 6 * MINUTE_NS, 1, m.bytes, m.len), 0);
    assert_int_equal(rig->ledger.units_held, 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
    template(256);
    message_end(&m);
    assert_int_equal(rig_send_at(rig, RIG_NOW_NS + 6 * MINUTE_NS, 1, m.bytes, m.len), 0);
}

static void an_exporter_holds_so_much(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < 100; i++) {
        data(256, 0x0a000001);
        rig_message(rig, 1, &m);
    }
    uint64_t held = rig->ledger.units_held;
    assert_in_range(held, 20, 50);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 100 - held);
    template(256);
    assert_int_equal(rig_message(rig, 1, &m), held);
}

static unsigned send_from(struct rig *rig, uint32_t domain)
{
    message_patch(&m, 16, domain, 4);
    return rig_message(rig, 1, &m);
}

static void an_exporter_with_a_history_takes_the_place_of_others(void **state)
{
    struct rig *rig = *state;
    template(300);
    send_from(rig, 1);
    for (int i = 0; i < EXPORTER_PROVEN; i++) {
        data(300, 1);
        assert_int_equal(send_from(rig, 1), 1);
    }
    for (uint32_t forged = 100; forged < 110; forged++)
        for (int i = 0; i < 20; i++) {
            data(256, 1);
            send_from(rig, forged);
        }
    uint64_t full = rig->ledger.units_held;
    data(256, 7);
    send_from(rig, 200); // no room for one more newcomer
    assert_int_equal(rig->ledger.units_held, full);
    data(256, 0x0a000001);
    send_from(rig, 1);
    template(256);
    assert_int_equal(send_from(rig, 1), 1);
}

static void holding_can_be_switched_off(void **state)
{
    (void)state;
    struct rig *rig = rig_new(false);
    data(256, 1);
    rig_message(rig, 1, &m);
    assert_int_equal(rig->ledger.units_held, 0);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
    rig_free(rig);
}

static int setup(void **state)
{
    *state = rig_with(&OPTIONS);
    return 0;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(held_sets_are_decoded_when_the_template_comes),
        TEST(another_port_may_bring_the_template),
        TEST(what_waits_too_long_is_dropped_and_counted),
        TEST(an_exporter_holds_so_much),
        TEST(an_exporter_with_a_history_takes_the_place_of_others),
        TEST(holding_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
