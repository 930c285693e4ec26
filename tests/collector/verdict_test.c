// What is said of an exporter.
#include "collector/monitor/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)
#define NOW_NS    (1700000000 * SECOND_NS)

// One that sends and is well.
static struct exporter healthy(void)
{
    struct exporter e = {
        .key = {.source = {.bytes = {192, 0, 2, 1}, .len = 4}, .type = FLOW_TYPE_NETFLOW_V9},
        .first_seen_ns = NOW_NS - 60 * MINUTE_NS,
        .last_seen_ns = NOW_NS - SECOND_NS,
        .last_flow_ns = NOW_NS - SECOND_NS,
        .last_template_ns = NOW_NS - MINUTE_NS,
        .sampling = EXPORTER_SAMPLING_OPTIONS,
        .sampling_rate = 100};
    e.counts.datagrams = 100;
    e.counts.flows = 7000;
    e.sequence.taken = 1000;
    e.mark_old = (struct exporter_mark){
        .at_ns = NOW_NS - 100 * SECOND_NS, .flows = 1000, .taken = 21, .lost = 0};
    return e;
}

static void assert_verdict(const struct exporter *e, const char *wanted)
{
    char room[VERDICT_TEXT_MAX];
    struct buf text = buf_over(room, sizeof room - 1);
    const struct verdict verdict = verdict_of(e, false, NOW_NS);
    verdict_write(&text, &verdict);
    assert_true(buf_ok(&text));
    room[text.len] = '\0';
    assert_string_equal(room, wanted);
}

static void one_that_is_well_is_ok(void **state)
{
    struct exporter e = healthy();
    assert_verdict(&e, "ok");
    e.skew_ns = -59 * (int64_t)SECOND_NS;
    e.last_missing_ns = NOW_NS - 6 * MINUTE_NS; // long ago
    assert_verdict(&e, "ok");
    (void)state;
}

static void silence_is_said_alone_of_flows(void **state)
{
    struct exporter e = healthy();
    e.last_seen_ns = NOW_NS - 5 * MINUTE_NS;
    e.missing_since_ns = NOW_NS - 7 * MINUTE_NS;
    assert_verdict(&e, "silent for 5 min (docs/agents.md#verdicts)");
    e.last_seen_ns = NOW_NS - 72 * 60 * MINUTE_NS;
    assert_verdict(&e, "silent for 3 d (docs/agents.md#verdicts)");
    (void)state;
}

static void missing_templates_are_said(void **state)
{
    struct exporter e = healthy();
    e.last_missing_ns = NOW_NS - SECOND_NS;
    assert_verdict(&e,
                   "some data without template (-templates.json.path, docs/agents.md#verdicts)");
    e.missing_since_ns = NOW_NS - SECOND_NS; // and flows a moment ago
    assert_verdict(&e,
                   "some data without template (-templates.json.path, docs/agents.md#verdicts)");
    e.missing_since_ns = NOW_NS - 12 * MINUTE_NS;
    e.last_flow_ns = NOW_NS - 13 * MINUTE_NS;
    assert_verdict(
        &e, "data but no template for 12 min (-templates.json.path, docs/agents.md#verdicts)");
    e.last_flow_ns = 0;
    assert_verdict(
        &e, "data but no template for 12 min (-templates.json.path, docs/agents.md#verdicts)");
    (void)state;
}

static void datagrams_without_flows_are_said(void **state)
{
    struct exporter e = healthy();
    e.last_flow_ns = NOW_NS - 6 * MINUTE_NS;
    assert_verdict(&e, "no flows for 6 min (docs/agents.md#verdicts)");
    e.last_flow_ns = 0;
    assert_verdict(&e, "no flows for 60 min (docs/agents.md#verdicts)");
    e.first_seen_ns = NOW_NS - SECOND_NS; // too early to tell
    assert_verdict(&e, "ok");
    (void)state;
}

static void clocks_are_compared(void **state)
{
    struct exporter e = healthy();
    e.skew_ns = 8 * 60 * (int64_t)MINUTE_NS;
    assert_verdict(&e, "clock 8 h ahead (NTP there)");
    e.skew_ns = -(int64_t)(90 * SECOND_NS);
    assert_verdict(&e, "clock 90 s behind (NTP there)");
    e.skew_ns = INT64_MIN;
    assert_verdict(&e, "clock 106751 d behind (NTP there)");
    (void)state;
}

static void losses_are_those_of_the_latest_minutes(void **state)
{
    struct exporter e = healthy();
    e.mark_old.lost = e.sequence.lost = 5000; // long ago
    assert_verdict(&e, "ok");
    e.sequence.lost += 21; // of 1000 since then
    assert_verdict(&e, "losing 2.1% on the way (docs/agents.md#verdicts)");
    e.sequence.lost = 0; // what came late after all
    assert_verdict(&e, "ok");
    (void)state;
}

static void sampling_is_never_silently_wrong(void **state)
{
    struct exporter e = healthy();
    e.sampling = EXPORTER_SAMPLING_UNKNOWN;
    assert_verdict(&e, "sampling rate unknown (-sampling.default 192.0.2.1=N)");
    e.counts.flows = 0;
    e.mark_old.flows = 0;
    assert_verdict(&e, "ok");
    e.limit.step = 4;
    assert_verdict(&e, "over its limit, one of 4 flows kept (-limit.flows)");
    (void)state;
}

static void all_that_is_wrong_is_said(void **state)
{
    struct exporter e = healthy();
    e.skew_ns = 8 * 60 * (int64_t)MINUTE_NS;
    e.sequence.lost = 21;
    e.sampling = EXPORTER_SAMPLING_UNKNOWN;
    assert_verdict(&e,
                   "clock 8 h ahead (NTP there); losing 2.1% on the way (docs/agents.md#verdicts); "
                   "sampling rate unknown (-sampling.default 192.0.2.1=N)");
    (void)state;
}

static void exporters_that_say_nothing_of_sampling_are_well(void **state)
{
    struct exporter e = healthy();
    e.sampling = EXPORTER_SAMPLING_SILENT;
    assert_verdict(&e, "ok");
    e.sampling = EXPORTER_SAMPLING_UNSAMPLED;
    assert_verdict(&e, "ok");
    (void)state;
}

static void flows_without_volumes_are_said(void **state)
{
    struct exporter e = healthy();
    struct flow flow;
    flow_reset(&flow);
    for (int i = 0; i < EXPORTER_LOOKS; i++) {
        assert_verdict(&e, "ok"); // too few to tell
        assert_true(exporter_wants_look(&e));
        exporter_look(&e, &flow);
    }
    assert_false(exporter_wants_look(&e));
    assert_verdict(&e, "sends no volumes (docs/agents.md#verdicts)");
    e.volume.looked = 0; // a minute later
    flow_set_num(&flow, FLOW_PACKETS, 2);
    exporter_look(&e, &flow);
    assert_verdict(&e, "sends packets but no bytes (docs/agents.md#verdicts)");
    flow_set_num(&flow, FLOW_BYTES, 100);
    exporter_look(&e, &flow);
    assert_verdict(&e, "ok");
    assert_false(exporter_wants_look(&e));
    (void)state;
}

static void a_domain_beside_one_with_flows_needs_none(void **state)
{
    struct exporter e = healthy();
    e.last_flow_ns = 0;
    assert_int_equal(verdict_of(&e, true, NOW_NS).count, 0);
    assert_int_equal(verdict_of(&e, false, NOW_NS).count, 1);
    e.last_flow_ns = NOW_NS - 6 * MINUTE_NS; // it had some
    assert_int_equal(verdict_of(&e, true, NOW_NS).count, 1);
    (void)state;
}

// All that can be wrong at once fits, with the longest address.
static void the_longest_verdict_fits(void **state)
{
    struct exporter e = healthy();
    memset(&e.key.source, 0xff, sizeof e.key.source);
    e.key.source.len = 16;
    e.missing_since_ns = NOW_NS - 12 * MINUTE_NS;
    e.last_flow_ns = NOW_NS - 13 * MINUTE_NS;
    e.skew_ns = INT64_MIN;
    e.sequence.lost = 1000;
    e.sampling = EXPORTER_SAMPLING_UNKNOWN;
    e.volume.missed = e.volume.packets = true;
    e.limit.step = UINT32_MAX;
    const struct verdict verdict = verdict_of(&e, false, NOW_NS);
    char room[VERDICT_TEXT_MAX];
    struct buf text = buf_over(room, sizeof room - 1);
    verdict_write(&text, &verdict);
    assert_true(buf_ok(&text));
    assert_int_equal(verdict.count, 6);
    for (unsigned i = 0; i < verdict.count; i++) {
        assert_in_range(strlen(verdict.faults[i].says), 1, sizeof verdict.faults[i].says - 2);
        assert_in_range(strlen(verdict.faults[i].cure), 1, sizeof verdict.faults[i].cure - 2);
    }
    (void)state;
}

static void rates_are_those_since_the_mark(void **state)
{
    struct exporter e = healthy();
    struct verdict_rates rates = verdict_rates(&e, NOW_NS);
    assert_true(rates.flows_per_second > 59.9 && rates.flows_per_second < 60.1);
    rates = verdict_rates(&e, e.mark_old.at_ns - SECOND_NS); // our clock was set back
    assert_true(rates.flows_per_second > 5999 && rates.flows_per_second < 6001);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_well_is_ok),
        cmocka_unit_test(silence_is_said_alone_of_flows),
        cmocka_unit_test(missing_templates_are_said),
        cmocka_unit_test(datagrams_without_flows_are_said),
        cmocka_unit_test(clocks_are_compared),
        cmocka_unit_test(losses_are_those_of_the_latest_minutes),
        cmocka_unit_test(sampling_is_never_silently_wrong),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(exporters_that_say_nothing_of_sampling_are_well),
        cmocka_unit_test(flows_without_volumes_are_said),
        cmocka_unit_test(a_domain_beside_one_with_flows_needs_none),
        cmocka_unit_test(the_longest_verdict_fits),
        cmocka_unit_test(rates_are_those_since_the_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
