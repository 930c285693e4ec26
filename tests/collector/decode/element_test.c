// Which of several elements for a field stands, and what the elements of a record say together.
#include "tests/collector/decode/rig_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NS_PER_S           UINT64_C(1000000000)
#define EXPORT_NS          (MESSAGE_EXPORT_S * NS_PER_S)
#define VENDOR(enterprise) ((uint64_t)(enterprise) << 16)

static struct message m;

struct sent {
    uint64_t element; // VENDOR() is part of it
    uint16_t length;
    uint64_t value; // in the low bytes
};

struct wanted {
    enum flow_field field;
    uint64_t value;
};

// A template, one record of it, and numbers of its flow; element 0 and FLOW_TYPE end them.
struct element_case {
    unsigned version;
    struct sent sent[8];
    struct wanted wanted[4];
};

static unsigned count_of(const struct sent *sent)
{
    unsigned count = 0;
    while (sent[count].element != 0)
        count++;
    return count;
}

// `at` is where the first field stands; the others follow in turn.
static const struct flow *send_turned(struct rig *rig, const struct element_case *c, unsigned at)
{
    unsigned count = count_of(c->sent);
    if (c->version == 9)
        message_v9(&m);
    else
        message_ipfix(&m);
    message_open(&m, c->version == 9 ? 0 : 2);
    message_put(&m, 256 + at, 2);
    message_put(&m, count, 2);
    for (unsigned i = 0; i < count; i++) {
        const struct sent *sent = &c->sent[(at + i) % count];
        uint64_t enterprise = sent->element >> 16;
        message_put(&m, (sent->element & 0x7fff) | (enterprise == 0 ? 0 : 0x8000), 2);
        message_put(&m, sent->length, 2);
        if (enterprise != 0)
            message_put(&m, enterprise, 4);
    }
    message_close(&m);
    message_open(&m, 256 + at);
    for (unsigned i = 0; i < count; i++) {
        const struct sent *sent = &c->sent[(at + i) % count];
        if (sent->length > 8)
            for (unsigned zero = 8; zero < sent->length; zero++)
                message_put(&m, 0, 1);
        message_put(&m, sent->value, sent->length > 8 ? 8 : sent->length);
    }
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    return &rig->flows[0];
}

static void check(struct rig *rig, const struct element_case *cases, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned at = 0; at < count_of(cases[i].sent); at++) {
            const struct flow *flow = send_turned(rig, &cases[i], at);
            for (const struct wanted *w = cases[i].wanted; w->field != FLOW_TYPE; w++)
                if (flow_num(flow, w->field) != w->value)
                    fail_msg("case %u from field %u: %s is %llu", i, at, FLOW_FIELDS[w->field].name,
                             (unsigned long long)flow_num(flow, w->field));
        }
}

#define CHECK(rig, cases) check(rig, cases, sizeof(cases) / sizeof(cases)[0])

static void volumes(void **state)
{
    static const struct element_case cases[] = {
        {9,
         {{1, 4, 5600}, {2, 4, 14}, {23, 4, 0}, {24, 4, 0}},
         {{FLOW_BYTES, 5600}, {FLOW_PACKETS, 14}}},
        {9, {{1, 4, 0}, {23, 4, 7}, {24, 4, 8}}, {{FLOW_BYTES, 7}, {FLOW_PACKETS, 8}}},
        {9, {{1, 4, 1}, {85, 4, 2}, {23, 4, 3}, {231, 4, 4}}, {{FLOW_BYTES, 1}}},
        {9, {{85, 8, 2}, {23, 4, 3}, {231, 4, 4}}, {{FLOW_BYTES, 2}}},
        {9, {{86, 8, 0}, {24, 4, 0}, {298, 4, 4}, {172, 4, 9}}, {{FLOW_PACKETS, 4}}},
        {10, {{85, 8, 1200}, {86, 8, 8}}, {{FLOW_BYTES, 1200}, {FLOW_PACKETS, 8}}},
        {10,
         {{VENDOR(15397) | 3, 8, 11},
          {VENDOR(15397) | 4, 8, 12},
          {VENDOR(15397) | 5, 8, 0},
          {VENDOR(15397) | 6, 8, 2}},
         {{FLOW_BYTES, 11}, {FLOW_PACKETS, 2}}},
        {10, {{VENDOR(15397) | 3, 8, 11}, {85, 4, 9}, {1, 4, 0}}, {{FLOW_BYTES, 9}}},
        {10, {{VENDOR(15398) | 3, 8, 11}, {2, 4, 1}}, {{FLOW_BYTES, 0}, {FLOW_PACKETS, 1}}},
        {10, {{312, 2, 1400}, {8, 4, 1}}, {{FLOW_BYTES, 1400}, {FLOW_PACKETS, 1}}},
        {10, {{312, 2, 1400}, {1, 4, 9}, {2, 4, 3}}, {{FLOW_BYTES, 9}, {FLOW_PACKETS, 3}}},
        {10, {{352, 8, 1400}, {1, 4, 0}}, {{FLOW_BYTES, 1400}}},
    };
    CHECK(*state, cases);
}

static void what_has_a_field(void **state)
{
    static const struct element_case cases[] = {
        {10, {{192, 1, 57}, {195, 1, 46}}, {{FLOW_IP_TTL, 57}, {FLOW_IP_TOS, 184}}},
        {10, {{192, 1, 57}, {52, 1, 9}, {53, 1, 99}}, {{FLOW_IP_TTL, 9}}},
        {10, {{195, 1, 46}, {5, 1, 185}}, {{FLOW_IP_TOS, 185}}},
        {10, {{256, 2, 0x0806}, {56, 6, 1}}, {{FLOW_ETYPE, 0x0806}}},
        {10, {{256, 2, 0x8847}, {60, 1, 6}}, {{FLOW_ETYPE, 0x86dd}}},
        {10, {{60, 1, 6}, {8, 4, 1}, {256, 2, 0x86dd}}, {{FLOW_ETYPE, 0x0800}}},
        {10, {{60, 1, 6}, {8, 4, 0}, {256, 2, 0x0800}}, {{FLOW_ETYPE, 0x86dd}}},
        {10, {{58, 2, 0}, {243, 2, 4}, {245, 2, 5}}, {{FLOW_VLAN_ID, 4}, {FLOW_SRC_VLAN, 4}}},
        {10, {{245, 2, 5}, {254, 2, 6}}, {{FLOW_VLAN_ID, 5}, {FLOW_DST_VLAN, 6}}},
        {10,
         {{10, 4, 0}, {252, 4, 3}, {253, 4, 4}, {14, 4, 5}},
         {{FLOW_IN_IF, 3}, {FLOW_OUT_IF, 5}}},
        {10, {{128, 4, 64512}}, {{FLOW_NEXT_HOP_AS, 64512}}},
        {10, {{7, 2, 0}, {180, 2, 53}, {181, 2, 54}}, {{FLOW_SRC_PORT, 53}, {FLOW_DST_PORT, 54}}},
        {10, {{182, 2, 53}, {183, 2, 54}}, {{FLOW_SRC_PORT, 53}, {FLOW_DST_PORT, 54}}},
        {10,
         {{56, 6, 0}, {81, 6, 7}, {57, 6, 8}, {80, 6, 9}},
         {{FLOW_SRC_MAC, 7}, {FLOW_DST_MAC, 9}}},
        {10,
         {{9, 1, 0}, {29, 1, 48}, {13, 1, 24}, {30, 1, 0}},
         {{FLOW_SRC_NET, 48}, {FLOW_DST_NET, 24}}},
    };
    CHECK(*state, cases);
}

static void flags_of_yaf(void **state)
{
    static const struct element_case cases[] = {
        {10, // the first packet's, and those of all others
         {{VENDOR(6871) | 14, 1, 0x02}, {VENDOR(6871) | 15, 1, 0x19}, {1, 4, 9}},
         {{FLOW_TCP_FLAGS, 0x1b}}},
        {10,
         {{VENDOR(6871) | 14, 1, 0x02}, {VENDOR(6871) | 15, 1, 0}, {6, 2, 0}},
         {{FLOW_TCP_FLAGS, 0x02}}},
        {10, {{VENDOR(6871) | 14, 1, 0x02}, {6, 2, 0x18}}, {{FLOW_TCP_FLAGS, 0x18}}},
    };
    CHECK(*state, cases);
}

static void times(void **state)
{
    static const struct element_case cases[] = {
        {10,
         {{22, 4, 1000}, {152, 8, 1699999991000}, {21, 4, 2000}, {153, 8, 1699999996000}},
         {{FLOW_TIME_FLOW_START_NS, 1699999991 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {9,
         {{22, 4, 9000}, {152, 8, 0}, {21, 4, 9500}},
         {{FLOW_TIME_FLOW_START_NS, EXPORT_NS - NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, EXPORT_NS - NS_PER_S / 2}}},
        {10,
         {{153, 8, 1699999996000}, {161, 4, 1500}},
         {{FLOW_TIME_FLOW_START_NS, 1699999994 * NS_PER_S + NS_PER_S / 2},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {10,
         {{150, 4, 1699999996}, {161, 4, 1500}, {153, 8, 0}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999997 * NS_PER_S + NS_PER_S / 2}}},
        {10,
         {{161, 4, 2000}, {162, 8, 2500000}},
         {{FLOW_TIME_FLOW_START_NS, EXPORT_NS - 2500 * (NS_PER_S / 1000)},
          {FLOW_TIME_FLOW_END_NS, EXPORT_NS}}},
        {10,
         {{152, 8, 1699999991000}, {153, 8, 1699999996000}, {161, 4, 77}},
         {{FLOW_TIME_FLOW_START_NS, 1699999991 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
    };
    CHECK(*state, cases);
}

static void times_that_are_missing(void **state)
{
    static const struct element_case cases[] = {
        {10, // a flow of one packet lasts 0
         {{153, 8, 1699999996000}, {161, 4, 0}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {10,
         {{162, 8, 0}, {152, 8, 1699999996000}, {161, 4, 0}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {10, // 0 is no time
         {{152, 8, 1699999996000}, {153, 8, 0}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S}, {FLOW_TIME_FLOW_END_NS, EXPORT_NS}}},
        {10,
         {{150, 4, 0}, {151, 4, 1699999996}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {10,
         {{156, 8, 0}, {157, 8, 0}},
         {{FLOW_TIME_FLOW_START_NS, EXPORT_NS}, {FLOW_TIME_FLOW_END_NS, EXPORT_NS}}},
        {10, // none begins after its end
         {{151, 4, 1699999996}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {10,
         {{22, 4, 1000}, {153, 8, 1699999996000}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S},
          {FLOW_TIME_FLOW_END_NS, 1699999996 * NS_PER_S}}},
        {9,
         {{21, 4, 9500}},
         {{FLOW_TIME_FLOW_START_NS, EXPORT_NS - NS_PER_S / 2},
          {FLOW_TIME_FLOW_END_NS, EXPORT_NS - NS_PER_S / 2}}},
        {10,
         {{150, 4, 1699999996}},
         {{FLOW_TIME_FLOW_START_NS, 1699999996 * NS_PER_S}, {FLOW_TIME_FLOW_END_NS, EXPORT_NS}}},
    };
    CHECK(*state, cases);
}

// Fractions made of a number as exporters make them, cut and, of microseconds, without the low
// bits.
static void fractions_are_the_number_they_were_made_of(void **state)
{
    uint64_t second = UINT64_C(1700000000) + 2208988800;
    for (uint64_t us = 7; us < 1000000; us += 31337) {
        uint64_t fraction = (us << 32) / 1000000;
        uint64_t nano = us * 1000 + us % 1000;
        uint64_t time_ns = 1700000000 * NS_PER_S;
        const struct element_case cases[] = {
            {10,
             {{154, 8, second << 32 | fraction}, {155, 8, second << 32 | (fraction & 0xfffff800)}},
             {{FLOW_TIME_FLOW_START_NS, time_ns + us * 1000},
              {FLOW_TIME_FLOW_END_NS, time_ns + us * 1000}}},
            {10,
             {{156, 8, second << 32 | (nano << 32) / NS_PER_S}, {157, 8, second << 32 | fraction}},
             {{FLOW_TIME_FLOW_START_NS, time_ns + nano},
              {FLOW_TIME_FLOW_END_NS, time_ns + us * 1000}}},
        };
        CHECK(*state, cases);
    }
}

static void icmp_in_ports(void **state)
{
    static const struct element_case cases[] = {
        {9,
         {{4, 1, 1}, {7, 2, 5}, {11, 2, 0x0301}},
         {{FLOW_ICMP_TYPE, 3}, {FLOW_ICMP_CODE, 1}, {FLOW_DST_PORT, 0x0301}}},
        {9,
         {{4, 1, 58}, {7, 2, 0x8000}, {11, 2, 0}},
         {{FLOW_ICMP_TYPE, 128}, {FLOW_SRC_PORT, 0x8000}}},
        {9, // the bare type
         {{4, 1, 58}, {7, 2, 0}, {11, 2, 136}},
         {{FLOW_ICMP_TYPE, 136}, {FLOW_ICMP_CODE, 0}, {FLOW_DST_PORT, 136}}},
        {10,
         {{4, 1, 58}, {7, 2, 1}, {11, 2, 0}, {139, 2, 0}},
         {{FLOW_ICMP_TYPE, 1}, {FLOW_ICMP_CODE, 0}}},
        {10, {{4, 1, 58}, {7, 2, 0}, {11, 2, 0x0104}}, {{FLOW_ICMP_TYPE, 1}, {FLOW_ICMP_CODE, 4}}},
        {10, {{4, 1, 1}, {7, 2, 0}, {11, 2, 8}}, {{FLOW_ICMP_TYPE, 8}, {FLOW_ICMP_CODE, 0}}},
        {10,
         {{4, 1, 1}, {7, 2, 0}, {11, 2, 0x0301}, {32, 2, 0}},
         {{FLOW_ICMP_TYPE, 3}, {FLOW_ICMP_CODE, 1}}},
        {10,
         {{4, 1, 1}, {11, 2, 0x0301}, {32, 2, 0x0b00}},
         {{FLOW_ICMP_TYPE, 11}, {FLOW_ICMP_CODE, 0}}},
        {10, {{4, 1, 1}, {11, 2, 0x0301}, {177, 1, 4}}, {{FLOW_ICMP_TYPE, 0}, {FLOW_ICMP_CODE, 4}}},
        {10, {{4, 1, 17}, {7, 2, 53}, {11, 2, 0x0301}}, {{FLOW_ICMP_TYPE, 0}, {FLOW_ICMP_CODE, 0}}},
        {10, {{32, 2, 0x0301}, {139, 2, 0}, {4, 1, 1}}, {{FLOW_ICMP_TYPE, 3}, {FLOW_ICMP_CODE, 1}}},
        {10, {{176, 1, 0}, {178, 1, 128}, {4, 1, 58}}, {{FLOW_ICMP_TYPE, 128}}},
    };
    CHECK(*state, cases);
}

static void assert_labels(const struct flow *flow, uint32_t first, uint32_t second)
{
    size_t count;
    const uint32_t *labels = flow_num_list(flow, FLOW_MPLS_LABEL, &count);
    assert_int_equal(count, second == 0 ? 1 : 2);
    assert_int_equal(labels[0], first);
    if (second != 0)
        assert_int_equal(labels[1], second);
}

static void the_stack_ends_at_its_bottom(void **state)
{
    static const struct element_case two = {
        10,
        {{72, 3, 0x000993}, {70, 3, 0x000640}, {71, 3, 0x0007d1}, {73, 3, 0}},
        {{FLOW_TYPE, 0}}};
    static const struct element_case holes = {
        10, {{70, 3, 0}, {71, 3, 0x000640}, {73, 3, 0x0007d0}}, {{FLOW_TYPE, 0}}};
    static const struct element_case twin = {
        10, {{70, 3, 0x000640}, {71, 3, 0x0007d1}, {71, 3, 0}, {70, 3, 0}}, {{FLOW_TYPE, 0}}};
    static const struct element_case null = {10, {{71, 3, 0x000640}, {70, 3, 1}}, {{FLOW_TYPE, 0}}};
    size_t count;
    for (unsigned at = 0; at < 4; at++)
        assert_labels(send_turned(*state, &two, at), 100, 125);
    for (unsigned at = 0; at < 4; at++)
        assert_labels(send_turned(*state, &twin, at), 100, 125);
    for (unsigned at = 0; at < 3; at++)
        assert_labels(send_turned(*state, &holes, at), 100, 125);
    for (unsigned at = 0; at < 2; at++) { // the explicit null label, at the bottom
        const struct flow *flow = send_turned(*state, &null, at);
        assert_int_equal(flow_num_list(flow, FLOW_MPLS_LABEL, &count)[0], 0);
        assert_int_equal(count, 1);
    }
}

static void zeros_of_an_address_are_of_the_flows_version(void **state)
{
    static const struct element_case ipv6 = {
        10,
        {{8, 4, 0}, {28, 16, 1}, {12, 4, 0}, {27, 16, 0}, {15, 4, 0}, {62, 16, 0}},
        {{FLOW_ETYPE, 0x86dd}}};
    static const struct element_case ipv4 = {
        10,
        {{27, 16, 0}, {28, 16, 0}, {12, 4, 1}, {8, 4, 0}, {62, 16, 0}, {15, 4, 0}},
        {{FLOW_ETYPE, 0x0800}}};
    for (unsigned at = 0; at < 6; at++) {
        const struct flow *flow = send_turned(*state, &ipv6, at);
        assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x86dd);
        assert_int_equal(flow_bytes(flow, FLOW_SRC_ADDR).len, 16);
        assert_int_equal(flow_bytes(flow, FLOW_NEXT_HOP).len, 16);
        flow = send_turned(*state, &ipv4, at);
        assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x0800);
        assert_int_equal(flow_bytes(flow, FLOW_SRC_ADDR).len, 4);
        assert_int_equal(flow_bytes(flow, FLOW_NEXT_HOP).len, 4);
    }
}

// A UDP packet of 28 bytes from 10.0.0.1, port 53.
static const uint8_t PACKET[28] = {0x45, 0, 0,  28, 0, 0, 0, 0,  64,   17,   0, 0, 10, 0,
                                   0,    1, 10, 0,  0, 2, 0, 53, 0x82, 0x35, 0, 8, 0,  0};

// The section in front of counters, or behind them.
static const struct flow *send_section(struct rig *rig, bool first, uint64_t bytes,
                                       uint64_t packets)
{
    message_ipfix(&m);
    message_open(&m, 2);
    message_put(&m, 256 + first, 2);
    message_put(&m, 3, 2);
    message_put(&m, first ? 0x0139ffff : 0x00010004, 4);
    message_put(&m, 0x00020004, 4);
    message_put(&m, first ? 0x00010004 : 0x0139ffff, 4);
    message_close(&m);
    message_open(&m, 256 + first);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 1) {
            message_put(&m, packets, 4);
        } else if (first == (i == 0)) {
            message_put(&m, sizeof PACKET, 1);
            message_bytes(&m, PACKET, sizeof PACKET);
        } else {
            message_put(&m, bytes, 4);
        }
    }
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SRC_PORT), 53);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_ETYPE), 0x0800);
    return &rig->flows[0];
}

static void sections_leave_counters_alone(void **state)
{
    for (unsigned first = 0; first < 2; first++) {
        const struct flow *flow = send_section(*state, first != 0, 5600, 14);
        assert_int_equal(flow_num(flow, FLOW_BYTES), 5600);
        assert_int_equal(flow_num(flow, FLOW_PACKETS), 14);
        flow = send_section(*state, first != 0, 0, 0);
        assert_int_equal(flow_num(flow, FLOW_BYTES), sizeof PACKET);
        assert_int_equal(flow_num(flow, FLOW_PACKETS), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(volumes),
        RIG_TEST(what_has_a_field),
        RIG_TEST(flags_of_yaf),
        RIG_TEST(times),
        RIG_TEST(times_that_are_missing),
        RIG_TEST(fractions_are_the_number_they_were_made_of),
        RIG_TEST(icmp_in_ports),
        RIG_TEST(the_stack_ends_at_its_bottom),
        RIG_TEST(zeros_of_an_address_are_of_the_flows_version),
        RIG_TEST(sections_leave_counters_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
