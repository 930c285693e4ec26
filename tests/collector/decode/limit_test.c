// -limit.flows: what is kept stands for all that came.
#include "collector/decode/limit.h"

#include "tests/collector/decode/rig.h"
#include "tests/hostile/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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

// Two exporters of one source, each far above the limit, and a third one that says little.
static void exporters_of_one_source_share_a_limit(void **state)
{
    static const struct addr address = {.bytes = {192, 0, 2, 1}, .len = 4};
    struct limit_table limits;
    struct limit exporters[3] = {{.level_ns = 0}};
    uint64_t kept = 0;
    uint64_t weight = 0;
    uint64_t came = 0;
    assert_int_equal(limit_table_init(&limits, 1), 0);
    for (unsigned at = 0; at < 20 * 50; at++)
        for (unsigned i = 0; i < 401; i++) {
            struct limit *exporter = &exporters[i == 400 ? 2 : i % 2];
            uint64_t now_ns = START_NS + at * SECOND_NS / 50;
            uint32_t one = limit_take_of(limit_source_of(&limits, &address), exporter, 1000,
                                         now_ns);
            kept += one != 0;
            weight += one;
            came++;
        }
    assert_in_range(kept, 18 * 1000, 21 * 1000);
    assert_int_equal(weight + exporters[0].skipped + exporters[1].skipped + exporters[2].skipped,
                     came);
    assert_true(exporters[0].shared > 1);
    limit_table_fini(&limits);
    (void)state;
}

static unsigned send_notation(struct rig *rig, uint8_t sender, uint64_t now_ns, const char *text)
{
    uint8_t *bytes = malloc(NOTATION_BYTES_MAX);
    assert_non_null(bytes);
    const struct datagram datagram = {.data = bytes,
                                      .len = notation_read(bytes, text, "limit_test"),
                                      .source = {.bytes = {192, 0, 2, sender}, .len = 4},
                                      .port = 1,
                                      .received_ns = now_ns};
    rig->count = 0;
    decoder_run(rig->decoder, DECODE_FLOW, &datagram);
    free(bytes);
    return rig->count;
}

// As many domains as datagrams: the source has what one domain would have, others lose nothing.
static void counting_up_the_domain_passes_no_limit(void **state)
{
    const struct decode_options options = {.hash_seed = 1, .limit_flows = 100};
    struct rig *rig = rig_with(&options);
    unsigned kept = 0;
    for (unsigned i = 0; i < 400; i++) {
        char text[128];
        snprintf(text, sizeof text, "v9(%u: set(0: 0100 0001 00040001) set(100: 1000*(06)))", i);
        kept += send_notation(rig, 66, RIG_NOW_NS + i * SECOND_NS / 100, text);
        if (i % 8 == 0)
            assert_int_equal(send_notation(rig, 1, RIG_NOW_NS + i * SECOND_NS / 100,
                                           "v9(7: set(0: 0100 0001 00040001) set(100: 06060606))"),
                             4);
    }
    assert_in_range(kept, 100, 500); // of four seconds, and the bucket that was full
    rig_free(rig);
    (void)state;
}

struct row {
    uint8_t sender;
    uint64_t flows;
    uint64_t limited;
    uint64_t trouble; // lost, twice, late, begun anew
};

static void take_row(void *user, const struct exporter *exporter)
{
    struct row *rows = user;
    struct row *row = &rows[exporter->router.bytes[3] == 66];
    row->sender = exporter->router.bytes[3];
    row->flows += exporter->counts.flows;
    row->limited += exporter->counts.flows_limited;
    row->trouble += exporter->sequence.lost + exporter->sequence.duplicates +
                    exporter->sequence.reordered + exporter->sequence.resets;
}

#define SAMPLE                                                                                     \
    "item(1: 00000001 00000100 00000400 00000000 00000000 00000001 00000002 00000001 item(1: "     \
    "0000000b 00000064 00000004 00000028 45000060 12344000 3f06aaaa 0a060001 0a060002 01bb3039 "   \
    "00000001 00000002 50180400 beef0000))"

// The agent of sFlow is the sender's word: naming another one's costs that one neither flows nor
// its good name. A sender that forwards several agents has an exporter for each.
static void an_agent_is_known_by_its_sender(void **state)
{
    const struct decode_options options = {.hash_seed = 1, .limit_flows = 20};
    struct rig *rig = rig_with(&options);
    struct row rows[2] = {{.flows = 0}};
    for (unsigned i = 0; i < 30; i++) {
        uint64_t now_ns = RIG_NOW_NS + i * SECOND_NS / 10;
        char text[1024];
        // Agent 10.9.8.7 with sequence numbers of its own; 20 samples of 66 under its name.
        snprintf(text, sizeof text, "00000005 00000001 0a090807 00000000 %08x 00002710 00000001 %s",
                 i + 1, SAMPLE);
        assert_int_equal(send_notation(rig, 1, now_ns, text), 1);
        snprintf(text, sizeof text,
                 "00000005 00000001 0a090807 00000000 %08x 00002710 00000014 20*(%s)",
                 1000000 + 1000 * i, SAMPLE);
        (void)send_notation(rig, 66, now_ns, text);
    }
    decoder_exporters(rig->decoder, take_row, rows);
    assert_int_equal(rows[0].sender, 1);
    assert_int_equal(rows[0].flows, 30);
    assert_int_equal(rows[0].limited, 0);
    assert_int_equal(rows[0].trouble, 0);
    assert_true(rows[1].limited > 500);
    rig_free(rig);
    (void)state;
}

static void count_row(void *user, const struct exporter *exporter)
{
    (void)exporter;
    ++*(unsigned *)user;
}

static void a_sender_may_have_several_agents(void **state)
{
    const struct decode_options options = {.hash_seed = 1};
    struct rig *rig = rig_with(&options);
    unsigned count = 0;
    for (unsigned i = 0; i < 10; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "00000005 00000001 0a0908%02x 00000000 %08x 00002710 00000001 %s", i % 2, i / 2,
                 SAMPLE);
        assert_int_equal(send_notation(rig, 1, RIG_NOW_NS, text), 1);
    }
    decoder_exporters(rig->decoder, count_row, &count);
    assert_int_equal(count, 2);
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
        cmocka_unit_test(exporters_of_one_source_share_a_limit),
        cmocka_unit_test(counting_up_the_domain_passes_no_limit),
        cmocka_unit_test(an_agent_is_known_by_its_sender),
        cmocka_unit_test(a_sender_may_have_several_agents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
