// Every case of the hostile corpus: it costs what it must cost and nothing more, and honest
// exporters beside it, one of each protocol, lose nothing.
#include "common/flow/format.h"
#include "tests/hostile/case.h"
#include "tests/hostile/honest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define START_NS   UINT64_C(1700000000000000000)
#define NS_PER_S   UINT64_C(1000000000)
#define HONEST_NS  (START_NS + 61 * NS_PER_S) // by now they have a history
#define LINE_COUNT 8

struct rig {
    struct decoder *decoder;
    struct ledger ledger;
    struct format *formats[3];
    const struct hostile_case *of; // NULL while honest exporters send
    uint64_t hostile_flows;
    unsigned shown; // one bit for each of the case's `shows`
    unsigned line_count;
    char *lines[LINE_COUNT]; // texts of the flows of honest exporters since the last look
};

// In a buffer of exactly the bytes promised, so that a sanitizer sees what passes them.
static char *format(const struct rig *rig, enum format_kind kind, const struct flow *flow)
{
    size_t bound = format_bound(rig->formats[kind], flow);
    uint8_t *out = malloc(bound);
    assert_non_null(out);
    size_t len = (size_t)(format_flow(rig->formats[kind], flow, out) - out);
    assert_true(len <= bound);
    char *text = strndup((char *)out, len);
    free(out);
    assert_non_null(text);
    return text;
}

static void look_at_hostile(struct rig *rig, const struct flow *flow)
{
    rig->hostile_flows++;
    free(format(rig, FORMAT_BIN, flow));
    free(format(rig, FORMAT_JSON, flow));
    char *text = format(rig, FORMAT_TEXT, flow);
    for (unsigned i = 0; i < rig->of->show_count; i++)
        if (strstr(text, rig->of->shows[i]) != NULL)
            rig->shown |= 1u << i;
    free(text);
}

static void take(void *user, struct flow *flow)
{
    struct rig *rig = user;
    rig->ledger.flows_delivered++;
    if (rig->of != NULL) {
        look_at_hostile(rig, flow);
        return;
    }
    assert_true(rig->line_count < LINE_COUNT);
    flow_set_num(flow, FLOW_TIME_RECEIVED_NS, START_NS); // what they send is always the same
    if (flow_num(flow, FLOW_TYPE) == FLOW_TYPE_SFLOW_5) {
        flow_set_num(flow, FLOW_TIME_FLOW_START_NS, START_NS);
        flow_set_num(flow, FLOW_TIME_FLOW_END_NS, START_NS);
    }
    rig->lines[rig->line_count++] = format(rig, FORMAT_TEXT, flow);
}

static void rig_init(struct rig *rig, bool holds)
{
    struct decode_options options = {.hash_seed = 1};
    *rig = (struct rig){.decoder = NULL};
    if (holds)
        options.hold = (struct hold_limits){65536, 1u << 20, 300 * NS_PER_S};
    rig->decoder = decoder_new(&options, &rig->ledger, take, rig);
    assert_non_null(rig->decoder);
    for (int i = 0; i < 3; i++) {
        rig->formats[i] = format_new((enum format_kind)i, 0);
        assert_non_null(rig->formats[i]);
    }
}

static void rig_fini(struct rig *rig)
{
    decoder_free(rig->decoder);
    for (int i = 0; i < 3; i++)
        format_free(rig->formats[i]);
}

// One datagram of each; each gives its one flow, as ever.
static void honest_exporters_lose_nothing(struct rig *rig, uint64_t now_ns)
{
    static char *wanted[HONEST_COUNT];
    rig->of = NULL;
    for (unsigned i = 0; i < HONEST_COUNT; i++) {
        honest_data(rig->decoder, i, now_ns);
        assert_int_equal(rig->line_count, 1);
        rig->line_count = 0;
        assert_non_null(strstr(rig->lines[0], HONEST[i].shows));
        if (wanted[i] == NULL)
            wanted[i] = strdup(rig->lines[0]);
        assert_string_equal(rig->lines[0], wanted[i]);
        free(rig->lines[0]);
    }
}

static void send_step(struct rig *rig, const struct hostile_case *c, const struct case_step *step,
                      uint64_t now_ns)
{
    uint8_t *exact = malloc(step->len == 0 ? 1 : step->len);
    assert_non_null(exact);
    memcpy(exact, step->data, step->len);
    struct datagram datagram = {
        .data = exact, .len = step->len, .source = step->source, .received_ns = now_ns};
    rig->of = c;
    for (unsigned i = 0; i < step->ports; i++) {
        datagram.port = (uint16_t)(step->port + i);
        decoder_run(rig->decoder, c->scheme, &datagram);
        assert_true(ledger_balanced(&rig->ledger));
    }
    free(exact);
}

static void check_costs(const struct rig *rig, const struct hostile_case *c)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        if (i == REASON_SAMPLING_UNKNOWN && !c->cost_named[i])
            continue;
        if (rig->ledger.reasons[i] != c->costs[i])
            print_error("%s: %s: got %llu, wanted %llu\n", c->name, reason_label((enum reason)i),
                        (unsigned long long)rig->ledger.reasons[i],
                        (unsigned long long)c->costs[i]);
    }
    for (int i = 0; i < REASON_COUNT; i++)
        if (i != REASON_SAMPLING_UNKNOWN || c->cost_named[i])
            assert_int_equal(rig->ledger.reasons[i], c->costs[i]);
    assert_int_equal(rig->hostile_flows, c->flows);
    assert_int_equal(rig->ledger.units_held, c->held);
    for (unsigned i = 0; i < c->show_count; i++)
        if ((rig->shown >> i & 1) == 0)
            fail_msg("%s: no flow shows \"%s\"", c->name, c->shows[i]);
}

static void run_case(void **state)
{
    const struct hostile_case *c = *state;
    struct rig rig;
    rig_init(&rig, c->holds);
    for (unsigned i = 0; i < HONEST_COUNT; i++)
        honest_learn(rig.decoder, i, START_NS);
    honest_exporters_lose_nothing(&rig, START_NS);
    honest_exporters_lose_nothing(&rig, HONEST_NS);
    for (unsigned i = 0; i < c->step_count; i++) {
        uint64_t now_ns = HONEST_NS + c->steps[i].at_s * NS_PER_S;
        send_step(&rig, c, &c->steps[i], now_ns);
        honest_exporters_lose_nothing(&rig, now_ns);
    }
    check_costs(&rig, c);
    rig_fini(&rig);
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[1024];
    struct case_list list = {.cases = NULL};
    if (argc != 2) {
        fprintf(stderr, "usage: hostile_test DIRECTORY\n");
        return 2;
    }
    case_read_directory(&list, argv[1]);
    if (list.count > sizeof tests / sizeof tests[0]) {
        fprintf(stderr, "%s: more than %zu cases\n", argv[1], sizeof tests / sizeof tests[0]);
        return 2;
    }
    for (size_t i = 0; i < list.count; i++)
        tests[i] = (struct CMUnitTest){
            .name = list.cases[i].name, .test_func = run_case, .initial_state = &list.cases[i]};
    int failed = _cmocka_run_group_tests("hostile", tests, list.count, NULL, NULL);
    case_free(&list);
    return failed;
}
