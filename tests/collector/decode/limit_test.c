// -limit.flows: what is kept stands for all that came.
#include "collector/decode/limit.h"

#include "tests/collector/decode/rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define START_NS  (1700000000 * SECOND_NS)

struct tally {
    uint64_t kept;
    uint64_t weight;
    uint32_t heaviest;
};

// A second of flows, in batches of equal time.
static void run(struct limit *limit, uint64_t limit_flows, uint64_t second, unsigned batches,
                unsigned flows, struct tally *tally)
{
    for (unsigned b = 0; b < batches; b++) {
        for (unsigned i = 0; i < flows; i++) {
            uint64_t now_ns = START_NS + second * SECOND_NS + b * (SECOND_NS / batches);
            uint32_t weight = limit_take(limit, limit_flows, now_ns);
            tally->kept += weight != 0;
            tally->weight += weight;
            tally->heaviest = weight > tally->heaviest ? weight : tally->heaviest;
        }
    }
}

static void below_the_limit_nothing_is_touched(void **state)
{
    struct limit limit = {.level_ns = 0};
    struct tally tally = {.kept = 0};
    for (unsigned s = 0; s < 10; s++)
        run(&limit, 1000, s, 10, 90, &tally);
    assert_int_equal(tally.kept, 9000);
    assert_int_equal(tally.weight, 9000);
    assert_int_equal(tally.heaviest, 1);
    (void)state;
}

static void above_it_the_weights_add_up_to_what_came(void **state)
{
    struct limit limit = {.level_ns = 0};
    struct tally tally = {.kept = 0};
    for (unsigned s = 0; s < 20; s++)
        run(&limit, 1000, s, 50, 200, &tally); // ten times the limit
    assert_true(tally.kept <= 21 * 1000);
    assert_true(tally.kept >= 19 * 1000);
    assert_int_equal(tally.weight + limit.skipped, 20 * 10000);
    (void)state;
}

static void under_a_steady_excess_kept_flows_weigh_the_same(void **state)
{
    struct limit limit = {.level_ns = 0};
    struct tally tally = {.kept = 0};
    run(&limit, 1000, 0, 50, 200, &tally);
    run(&limit, 1000, 1, 50, 200, &tally);
    tally = (struct tally){.kept = 0};
    run(&limit, 1000, 2, 50, 200, &tally);
    assert_int_equal(tally.kept, 1000);
    assert_int_equal(tally.heaviest, 10);
    (void)state;
}

static void after_the_excess_all_are_kept_again(void **state)
{
    struct limit limit = {.level_ns = 0};
    struct tally tally = {.kept = 0};
    run(&limit, 1000, 0, 50, 200, &tally);
    run(&limit, 1000, 5, 10, 10, &tally);
    tally = (struct tally){.kept = 0};
    run(&limit, 1000, 6, 10, 10, &tally);
    assert_int_equal(tally.kept, 100);
    assert_int_equal(tally.weight, 100);
    (void)state;
}

static void a_clock_that_is_set_back_stops_nothing(void **state)
{
    struct limit limit = {.level_ns = 0};
    struct tally tally = {.kept = 0};
    run(&limit, 10, 1000, 1, 100, &tally);
    tally = (struct tally){.kept = 0};
    run(&limit, 10, 2, 10, 1, &tally);
    run(&limit, 10, 3, 10, 1, &tally);
    run(&limit, 10, 4, 10, 1, &tally);
    assert_true(tally.kept > 10);
    (void)state;
}

// A datagram of `count` flows of IPFIX that say their sampling rate, or do not.
static unsigned send_flows(struct rig *rig, uint64_t now_ns, unsigned count, unsigned rate)
{
    static const uint16_t fields[][2] = {{8, 4}, {34, 4}, {0, 0}};
    static struct message m;
    message_ipfix(&m);
    message_open(&m, 2);
    message_template(&m, 256, fields);
    message_close(&m);
    message_open(&m, 256);
    for (unsigned i = 0; i < count; i++) {
        message_put(&m, 0x0a000001, 4);
        message_put(&m, rate, 4);
    }
    message_close(&m);
    message_end(&m);
    return rig_send_at(rig, now_ns, 1, m.bytes, m.len);
}

static void sampling_rates_stand_for_what_was_dropped(void **state)
{
    const struct decode_options options = {.hash_seed = 1, .limit_flows = 4};
    struct rig *rig = rig_with(&options);
    assert_int_equal(send_flows(rig, RIG_NOW_NS, 10, 100), 4);
    assert_int_equal(flow_num(&rig->flows[3], FLOW_SAMPLING_RATE), 100);
    assert_int_equal(send_flows(rig, RIG_NOW_NS + SECOND_NS / 4, 1, 100), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SAMPLING_RATE), 700); // six dropped and itself
    assert_int_equal(send_flows(rig, RIG_NOW_NS + SECOND_NS / 4, 2, 0), 0);
    // In the next second one of four is due; its rate is not known, but how many it stands for is.
    assert_int_equal(send_flows(rig, RIG_NOW_NS + 5 * SECOND_NS / 4, 2, 0), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SAMPLING_RATE), 4);
    assert_int_equal(rig->ledger.flows_made, 15);
    assert_int_equal(rig->ledger.flows_filtered, 9);
    assert_int_equal(rig->ledger.reasons[REASON_FLOW_LIMITED], 9);
    rig_free(rig);
    (void)state;
}

static void unknown_rates_are_filled(void **state)
{
    static const struct sampling_network defaults[] = {
        {{{{192}, 4}, 8}, 10}, {{{{192, 0, 2}, 4}, 24}, 20}, {{{{192, 0, 3}, 4}, 24}, 30}};
    const struct decode_options options = {
        .hash_seed = 1, .sampling_defaults = defaults, .sampling_default_count = 3};
    struct rig *rig = rig_with(&options);
    assert_int_equal(send_flows(rig, RIG_NOW_NS, 1, 0), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SAMPLING_RATE), 20);
    assert_int_equal(rig->ledger.reasons[REASON_SAMPLING_UNKNOWN], 0);
    assert_int_equal(send_flows(rig, RIG_NOW_NS, 1, 7), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SAMPLING_RATE), 7);
    rig_free(rig);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_the_limit_nothing_is_touched),
        cmocka_unit_test(above_it_the_weights_add_up_to_what_came),
        cmocka_unit_test(under_a_steady_excess_kept_flows_weigh_the_same),
        cmocka_unit_test(after_the_excess_all_are_kept_again),
        cmocka_unit_test(a_clock_that_is_set_back_stops_nothing),
        cmocka_unit_test(sampling_rates_stand_for_what_was_dropped),
        cmocka_unit_test(unknown_rates_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
