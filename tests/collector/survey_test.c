// What the monitor makes of the copies of several lanes: each exporter and sender once, the busiest
// of them, and the sum of the others; nothing is counted twice and nothing lost.
#include "collector/monitor/exporter_list.h"
#include "collector/monitor/sender_list.h"
#include "collector/traffic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct addr address(unsigned number)
{
    return (struct addr){
        .bytes = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}, .len = 4};
}

// A decoder that has got one NetFlow v5 datagram without records for each unit of `weights`.
struct lane_double {
    struct ledger ledger;
    struct decoder *decoder;
    struct traffic traffic;
};

static void take(void *user, struct flow *flow)
{
    (void)user;
    (void)flow;
}

static void init(struct lane_double *lane, const unsigned *weights, unsigned count)
{
    static const uint8_t bytes[24] = {0, 5};
    const struct decode_options options = {.hash_seed = 1};
    *lane = (struct lane_double){.decoder = NULL};
    lane->decoder = decoder_new(&options, &lane->ledger, take, NULL);
    assert_non_null(lane->decoder);
    assert_int_equal(traffic_init(&lane->traffic, 1), 0);
    for (unsigned i = 0; i < count; i++) {
        for (unsigned n = 0; n < weights[i]; n++) {
            const struct datagram datagram = {
                .data = bytes, .len = sizeof bytes, .source = address(i), .received_ns = 1000 + n};
            decoder_run(lane->decoder, DECODE_FLOW, &datagram);
            assert_non_null(traffic_take(&lane->traffic, &datagram.source, 0, sizeof bytes));
        }
    }
}

static struct survey *look(const struct lane_double *lane, size_t room)
{
    static const struct lane_report report;
    const struct survey_limits limits = {.exporters = room, .senders = room};
    const struct lane_view view = {
        .report = &report, .decoder = lane->decoder, .traffic = &lane->traffic};
    struct survey *survey = survey_new(&limits);
    assert_non_null(survey);
    survey->errand.run(&survey->errand, &view);
    return survey;
}

static void fini(struct lane_double *lane)
{
    decoder_free(lane->decoder);
    traffic_fini(&lane->traffic);
}

static void a_survey_has_the_busiest(void **state)
{
    static const unsigned weights[] = {5, 1, 9, 2, 8, 3, 7};
    struct lane_double lane;
    init(&lane, weights, 7);
    struct survey *survey = look(&lane, 3);
    assert_int_equal(survey->exporter_count, 3);
    assert_int_equal(survey->exporters_seen, 7);
    uint64_t shown = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(survey->exporters[i].exporter.counts.datagrams >= 7);
        shown += survey->exporters[i].exporter.counts.datagrams;
    }
    assert_int_equal(shown, 9 + 8 + 7);
    assert_int_equal(survey->others[FLOW_TYPE_NETFLOW_V5].counts.datagrams, 5 + 1 + 2 + 3);
    assert_int_equal(survey->sender_count, 3);
    assert_int_equal(survey->other_senders[0].datagrams, 5 + 1 + 2 + 3);
    assert_int_equal(survey->other_senders[0].bytes, 11 * 24);
    survey_free(survey);
    fini(&lane);
    (void)state;
}

static void lanes_are_merged(void **state)
{
    static const unsigned weights[2][4] = {{4, 1, 0, 2}, {5, 0, 3, 2}};
    struct lane_double lanes[2];
    struct survey *surveys[2];
    struct exporter_list list;
    struct sender_list senders;
    for (int i = 0; i < 2; i++) {
        init(&lanes[i], weights[i], 4);
        surveys[i] = look(&lanes[i], 10);
    }
    assert_int_equal(exporter_list_init(&list, surveys, 2, 10), 0);
    assert_int_equal(list.count, 4);
    for (unsigned i = 0; i < 4; i++) { // by address
        struct addr wanted = address(i);
        assert_true(addr_equal(&list.items[i].exporter.key.source, &wanted));
        assert_int_equal(list.items[i].exporter.counts.datagrams, weights[0][i] + weights[1][i]);
    }
    assert_int_equal(list.items[0].exporter.first_seen_ns, 1000);
    assert_int_equal(list.items[0].exporter.last_seen_ns, 1004);
    assert_int_equal(list.left_out, 0);
    exporter_list_fini(&list);
    assert_int_equal(exporter_list_init(&list, surveys, 2, 2), 0);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.left_out, 2);
    assert_int_equal(list.items[0].exporter.counts.datagrams, 9);
    assert_int_equal(list.items[1].exporter.counts.datagrams, 4);
    assert_int_equal(list.others[FLOW_TYPE_NETFLOW_V5].counts.datagrams, 1 + 3);
    exporter_list_fini(&list);
    assert_int_equal(sender_list_init(&senders, surveys, 2, 1), 0);
    assert_int_equal(senders.count, 1);
    assert_int_equal(senders.items[0].counts.datagrams, 9);
    assert_int_equal(senders.others[0].datagrams, 1 + 3 + 4);
    sender_list_fini(&senders);
    for (int i = 0; i < 2; i++) {
        survey_free(surveys[i]);
        fini(&lanes[i]);
    }
    (void)state;
}

static void a_flood_of_senders_is_summed(void **state)
{
    struct traffic traffic;
    assert_int_equal(traffic_init(&traffic, 7), 0);
    struct addr honest = address(0xffffff);
    for (int i = 0; i < TRAFFIC_PROVEN; i++)
        traffic_take(&traffic, &honest, 3, 100);
    for (unsigned i = 0; i < TRAFFIC_COUNT_MAX + 1000; i++) {
        struct addr forged = address(i);
        traffic_take(&traffic, &forged, 3, 1)->counts.errors++;
    }
    assert_int_equal(traffic.table.count, TRAFFIC_COUNT_MAX);
    assert_int_equal(traffic.gone[3].datagrams, 1001);
    assert_int_equal(traffic.gone[3].errors, 1001);
    const struct traffic_entry *sender = traffic_take(&traffic, &honest, 3, 100);
    assert_int_equal(sender->counts.datagrams, TRAFFIC_PROVEN + 1); // the flood pushed out itself
    traffic_fini(&traffic);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_survey_has_the_busiest),
        cmocka_unit_test(lanes_are_merged),
        cmocka_unit_test(a_flood_of_senders_is_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
