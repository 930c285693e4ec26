// Records that count both directions: a flow of each, told apart by what RFC 5103 and exporters
// say.
#include "collector/decode/biflow.h"
#include "tests/collector/decode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define REVERSE_PEN 29305
#define TEMPLATE_ID 300
#define PORT        2055

// A field of the template, and the value of its record, in the low bytes.
struct value {
    uint16_t element;
    uint16_t len;
    uint64_t value;
    uint32_t enterprise;
};

static struct message m;

static void put_template(const struct value *values, size_t count)
{
    bool ipfix = m.bytes[1] == 10;
    message_open(&m, ipfix ? 2 : 0);
    message_put(&m, TEMPLATE_ID, 2);
    message_put(&m, count, 2);
    for (size_t i = 0; i < count; i++) {
        message_put(&m, values[i].element | (values[i].enterprise != 0 ? 0x8000 : 0), 2);
        message_put(&m, values[i].len, 2);
        if (values[i].enterprise != 0)
            message_put(&m, values[i].enterprise, 4);
    }
    message_close(&m);
}

static void put_record(const struct value *values, size_t count)
{
    message_open(&m, TEMPLATE_ID);
    for (size_t i = 0; i < count; i++) {
        size_t len = values[i].len;
        for (; len > 8; len--)
            message_put(&m, 0, 1);
        message_put(&m, values[i].value, len);
    }
    message_close(&m);
}

// Returns how many flows one record of these values gives.
static unsigned send_values(struct rig *rig, unsigned version, const struct value *values,
                            size_t count)
{
    if (version == 9)
        message_v9(&m);
    else
        message_ipfix(&m);
    put_template(values, count);
    put_record(values, count);
    return rig_message(rig, PORT, &m);
}

#define SEND(rig, version, values)                                                                 \
    send_values(rig, version, values, sizeof(values) / sizeof(values)[0])

static uint64_t num_of(const struct rig *rig, unsigned flow, enum flow_field field)
{
    return flow_num(&rig->flows[flow], field);
}

static uint32_t addr_at(const struct rig *rig, unsigned flow, enum flow_field field)
{
    struct span span = flow_bytes(&rig->flows[flow], field);
    assert_int_equal(span.len, 4);
    return bytes_u32(span.data);
}

static struct rig *rig_of(const struct biflow_terms *terms, uint64_t limit_flows)
{
    const struct decode_options options = {
        .hash_seed = 1, .biflow = *terms, .limit_flows = limit_flows};
    return rig_with(&options);
}

static const struct biflow_terms SPLIT = {.forward_only = false};
static const struct biflow_terms FORWARD = {.forward_only = true};

// What an ASA says of a connection, and more that one direction alone has.
static const struct value EVENT[] = {
    {8, 4, 0x0a000005, 0},
    {12, 4, 0x01010101, 0},
    {7, 2, 50000, 0},
    {11, 2, 443, 0},
    {4, 1, 6, 0},
    {16, 4, 64500, 0},
    {17, 4, 64501, 0},
    {9, 1, 8, 0},
    {13, 1, 24, 0},
    {10, 4, 3, 0},
    {14, 4, 4, 0},
    {56, 6, 0x0200000000aa, 0},
    {80, 6, 0x0200000000bb, 0},
    {58, 2, 100, 0},
    {59, 2, 200, 0},
    {15, 4, 0x0a0000fe, 0},
    {6, 1, 0x1b, 0},
    {5, 1, 184, 0},
    {52, 1, 60, 0},
    {152, 8, 1699999990000, 0},
    {153, 8, 1699999999000, 0},
    {231, 4, 1200, 0},
    {298, 4, 8, 0},
    {232, 4, 98000, 0},
    {299, 4, 70, 0},
};

static void what_comes_back_is_a_flow_turned_around(void **state)
{
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 9, EVENT), 2);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    assert_int_equal(num_of(rig, 0, FLOW_PACKETS), 8);
    assert_int_equal(num_of(rig, 1, FLOW_BYTES), 98000);
    assert_int_equal(num_of(rig, 1, FLOW_PACKETS), 70);
    assert_int_equal(rig->ledger.flows_made, 2);
    static const enum flow_field pairs[][2] = {
        {FLOW_SRC_PORT, FLOW_DST_PORT}, {FLOW_SRC_AS, FLOW_DST_AS},
        {FLOW_SRC_NET, FLOW_DST_NET},   {FLOW_SRC_MAC, FLOW_DST_MAC},
        {FLOW_SRC_VLAN, FLOW_DST_VLAN}, {FLOW_IN_IF, FLOW_OUT_IF},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_not_equal(num_of(rig, 0, pairs[i][0]), num_of(rig, 0, pairs[i][1]));
        assert_int_equal(num_of(rig, 0, pairs[i][0]), num_of(rig, 1, pairs[i][1]));
        assert_int_equal(num_of(rig, 0, pairs[i][1]), num_of(rig, 1, pairs[i][0]));
    }
    assert_int_equal(addr_at(rig, 1, FLOW_SRC_ADDR), 0x01010101);
    assert_int_equal(addr_at(rig, 1, FLOW_DST_ADDR), 0x0a000005);
    static const enum flow_field same[] = {FLOW_TYPE,
                                           FLOW_PROTO,
                                           FLOW_ETYPE,
                                           FLOW_SEQUENCE_NUM,
                                           FLOW_TIME_FLOW_START_NS,
                                           FLOW_TIME_FLOW_END_NS,
                                           FLOW_TIME_RECEIVED_NS,
                                           FLOW_OBSERVATION_DOMAIN_ID};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_int_equal(num_of(rig, 0, same[i]), num_of(rig, 1, same[i]));
    static const enum flow_field gone[] = {FLOW_TCP_FLAGS, FLOW_IP_TOS, FLOW_IP_TTL, FLOW_NEXT_HOP};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        assert_true(flow_has(&rig->flows[0], gone[i]));
        assert_false(flow_has(&rig->flows[1], gone[i]));
    }
    assert_int_equal(num_of(rig, 1, FLOW_VLAN_ID), 200);
    rig_free(rig);
    (void)state;
}

static void without_a_way_back_there_is_one_flow(void **state)
{
    static const struct value values[] = {{8, 4, 1, 0},   {12, 4, 2, 0},  {231, 4, 1200, 0},
                                          {298, 4, 8, 0}, {232, 4, 0, 0}, {299, 4, 0, 0}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 9, values), 1);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    rig_free(rig);
    (void)state;
}

static void a_connection_that_only_answers_has_both_flows(void **state)
{
    static const struct value values[] = {
        {232, 4, 77, 0}, {231, 4, 0, 0}, {12, 4, 2, 0}, {8, 4, 1, 0}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 10, values), 2);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 0);
    assert_int_equal(addr_at(rig, 1, FLOW_SRC_ADDR), 2);
    assert_int_equal(num_of(rig, 1, FLOW_BYTES), 77);
    rig_free(rig);
    (void)state;
}

// RFC 5103, section 6.1: any element of a direction may stand once more, under the reverse PEN.
static void reverse_elements_say_what_came_back(void **state)
{
    static const struct value values[] = {{1, 8, 98000, REVERSE_PEN},
                                          {2, 8, 70, REVERSE_PEN},
                                          {6, 2, 0x12, REVERSE_PEN},
                                          {152, 8, 1699999991000, REVERSE_PEN},
                                          {153, 8, 1699999998000, REVERSE_PEN},
                                          {5, 1, 8, REVERSE_PEN},
                                          {14, 4, 9, REVERSE_PEN},
                                          {8, 4, 1, 0},
                                          {12, 4, 2, 0},
                                          {1, 8, 1200, 0},
                                          {2, 8, 8, 0},
                                          {6, 2, 2, 0},
                                          {152, 8, 1699999990000, 0},
                                          {153, 8, 1699999999000, 0},
                                          {10, 4, 3, 0},
                                          {14, 4, 4, 0}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 10, values), 2);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    assert_int_equal(num_of(rig, 0, FLOW_TCP_FLAGS), 2);
    assert_int_equal(num_of(rig, 0, FLOW_TIME_FLOW_START_NS), 1699999990000000000);
    assert_int_equal(num_of(rig, 1, FLOW_BYTES), 98000);
    assert_int_equal(num_of(rig, 1, FLOW_PACKETS), 70);
    assert_int_equal(num_of(rig, 1, FLOW_TCP_FLAGS), 0x12);
    assert_int_equal(num_of(rig, 1, FLOW_IP_TOS), 8);
    assert_int_equal(num_of(rig, 1, FLOW_IN_IF), 4);
    assert_int_equal(num_of(rig, 1, FLOW_OUT_IF), 9);
    assert_int_equal(num_of(rig, 1, FLOW_TIME_FLOW_START_NS), 1699999991000000000);
    assert_int_equal(num_of(rig, 1, FLOW_TIME_FLOW_END_NS), 1699999998000000000);
    rig_free(rig);
    (void)state;
}

static void the_way_back_has_a_duration_of_its_own(void **state)
{
    static const struct value values[] = {{8, 4, 1, 0},
                                          {12, 4, 2, 0},
                                          {1, 8, 1200, 0},
                                          {1, 8, 98000, REVERSE_PEN},
                                          {152, 8, 1699999990000, 0},
                                          {153, 8, 1699999999000, 0},
                                          {152, 8, 1699999991000, REVERSE_PEN},
                                          {161, 4, 2000, REVERSE_PEN}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 10, values), 2);
    assert_int_equal(num_of(rig, 0, FLOW_TIME_FLOW_END_NS), 1699999999000000000);
    assert_int_equal(num_of(rig, 1, FLOW_TIME_FLOW_START_NS), 1699999991000000000);
    assert_int_equal(num_of(rig, 1, FLOW_TIME_FLOW_END_NS), 1699999993000000000);
    rig_free(rig);
    (void)state;
}

static void total_counters_come_back_too(void **state)
{
    static const struct value values[] = {{8, 4, 1, 0},    {12, 4, 2, 0},
                                          {85, 8, 500, 0}, {85, 8, 900, REVERSE_PEN},
                                          {86, 8, 5, 0},   {86, 8, 9, REVERSE_PEN}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 10, values), 2);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 500);
    assert_int_equal(num_of(rig, 1, FLOW_BYTES), 900);
    assert_int_equal(num_of(rig, 1, FLOW_PACKETS), 9);
    rig_free(rig);
    (void)state;
}

static void what_is_not_wanted_is_counted(void **state)
{
    struct rig *rig = rig_of(&FORWARD, 0);
    assert_int_equal(SEND(rig, 9, EVENT), 1);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    assert_int_equal(rig->ledger.reasons[REASON_REVERSE_LEFT_OUT], 1);
    rig_free(rig);
    (void)state;
}

static const struct value POST[] = {{8, 4, 1, 0},      {12, 4, 2, 0},   {7, 2, 50000, 0},
                                    {11, 2, 443, 0},   {1, 8, 1200, 0}, {2, 8, 8, 0},
                                    {23, 8, 98000, 0}, {24, 8, 70, 0}};

static void counters_behind_a_middlebox_are_the_way_back_where_it_is_said(void **state)
{
    static const struct prefix others = {.addr = {.bytes = {198, 51, 100}, .len = 4}, .bits = 24};
    static const struct prefix own = {.addr = {.bytes = {192, 0, 2}, .len = 4}, .bits = 24};
    const struct biflow_terms not_this = {.post = &others, .post_count = 1};
    const struct biflow_terms this = {.post = &own, .post_count = 1};
    struct rig *rig = rig_of(&not_this, 0);
    assert_int_equal(SEND(rig, 9, POST), 1);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    rig_free(rig);
    rig = rig_of(&this, 0);
    assert_int_equal(SEND(rig, 9, POST), 2);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 1200);
    assert_int_equal(num_of(rig, 1, FLOW_BYTES), 98000);
    assert_int_equal(num_of(rig, 1, FLOW_PACKETS), 70);
    assert_int_equal(num_of(rig, 1, FLOW_SRC_PORT), 443);
    rig_free(rig);
    (void)state;
}

// 23 and 24 alone are what the flow has, unless they are the way back.
static void counters_behind_a_middlebox_alone_are_the_flows(void **state)
{
    static const struct value values[] = {{8, 4, 1, 0}, {12, 4, 2, 0}, {23, 8, 98000, 0}};
    struct rig *rig = rig_of(&SPLIT, 0);
    assert_int_equal(SEND(rig, 9, values), 1);
    assert_int_equal(num_of(rig, 0, FLOW_BYTES), 98000);
    rig_free(rig);
    (void)state;
}

static void keep_lost(void *user, const struct exporter *exporter)
{
    *(uint64_t *)user = exporter->sequence.lost + exporter->sequence.resets;
}

static void records_count_once_in_the_sequence(void **state)
{
    struct rig *rig = rig_of(&SPLIT, 0);
    for (uint32_t sequence = 7; sequence < 12; sequence++) {
        message_ipfix(&m);
        message_patch(&m, 8, sequence, 4);
        put_template(EVENT, sizeof EVENT / sizeof EVENT[0]);
        put_record(EVENT, sizeof EVENT / sizeof EVENT[0]);
        assert_int_equal(rig_message(rig, PORT, &m), 2);
    }
    uint64_t lost = UINT64_MAX;
    decoder_exporters(rig->decoder, keep_lost, &lost);
    assert_int_equal(lost, 0);
    rig_free(rig);
    (void)state;
}

// The weights of the flows that are kept add up to all that were made, each direction for itself.
static void a_limit_weighs_each_direction_once(void **state)
{
    enum { ROUNDS = 20 };
    struct rig *rig = rig_of(&SPLIT, 1);
    uint64_t weight = 0;
    for (unsigned second = 0; second < ROUNDS; second++) {
        message_v9(&m);
        put_template(EVENT, sizeof EVENT / sizeof EVENT[0]);
        put_record(EVENT, sizeof EVENT / sizeof EVENT[0]);
        message_end(&m);
        unsigned count = rig_send_at(rig, RIG_NOW_NS + second * UINT64_C(1000000000), PORT, m.bytes,
                                     m.len);
        for (unsigned i = 0; i < count; i++) {
            uint64_t rate = num_of(rig, i, FLOW_SAMPLING_RATE);
            weight += rate == 0 ? 1 : rate;
        }
    }
    assert_true(weight <= 2 * ROUNDS);
    assert_true(weight + 2 >= 2 * ROUNDS);
    rig_free(rig);
    (void)state;
}

static void turned_twice_it_is_the_same_conversation(void **state)
{
    static struct flow flow;
    flow_reset(&flow);
    for (unsigned field = 0; field < FLOW_FIELD_COUNT; field++)
        if (FLOW_FIELDS[field].kind == FIELD_NUM || FLOW_FIELDS[field].kind == FIELD_NUM32)
            flow_set_num(&flow, field, 100 + field);
    biflow_turn(&flow);
    uint64_t set = flow.set;
    biflow_turn(&flow);
    assert_int_equal(flow.set, set);
    assert_int_equal(flow_num(&flow, FLOW_SRC_PORT), 100 + FLOW_SRC_PORT);
    assert_int_equal(flow_num(&flow, FLOW_IN_IF), 100 + FLOW_IN_IF);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_is_a_flow_turned_around),
        cmocka_unit_test(without_a_way_back_there_is_one_flow),
        cmocka_unit_test(a_connection_that_only_answers_has_both_flows),
        cmocka_unit_test(reverse_elements_say_what_came_back),
        cmocka_unit_test(the_way_back_has_a_duration_of_its_own),
        cmocka_unit_test(total_counters_come_back_too),
        cmocka_unit_test(what_is_not_wanted_is_counted),
        cmocka_unit_test(counters_behind_a_middlebox_are_the_way_back_where_it_is_said),
        cmocka_unit_test(counters_behind_a_middlebox_alone_are_the_flows),
        cmocka_unit_test(records_count_once_in_the_sequence),
        cmocka_unit_test(a_limit_weighs_each_direction_once),
        cmocka_unit_test(turned_twice_it_is_the_same_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
