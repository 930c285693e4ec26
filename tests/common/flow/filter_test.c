// Filters over every kind of field with every operator, and their logic against a plain evaluation.
#include "common/flow/filter/filter.h"

#include "common/base/addr.h"
#include "common/flow/wire.h"
#include "tests/common/flow/formatter_case.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct formatter *columns; // of the test, NULL: none

static bool matches(const char *text)
{
    struct filter_fault wrong;
    struct filter *filter = filter_new(text, columns, &wrong);
    if (filter == NULL)
        fail_msg("%s: %s", text, wrong.fault.text);
    bool result = filter_match(filter, &flow);
    filter_free(filter);
    return result;
}

static void assert_verdict(const char *text, bool expected)
{
    if (matches(text) != expected)
        fail_msg("%s: %s", text, expected ? "not kept" : "kept");
}

static void keeps(const char *text)
{
    assert_verdict(text, true);
}

static void drops(const char *text)
{
    assert_verdict(text, false);
}

// What one relation says of two numbers.
static bool relate(const char *relation, uint64_t a, uint64_t b)
{
    switch (relation[0]) {
    case '=':
        return a == b;
    case '!':
        return a != b;
    case '<':
        return relation[1] == '=' ? a <= b : a < b;
    default:
        return relation[1] == '=' ? a >= b : a > b;
    }
}

static const char *const RELATIONS[] = {"==", "!=", "<", "<=", ">", ">="};

static void put_number(char *out, size_t cap, int field, uint64_t value)
{
    if (FLOW_FIELDS[field].render == RENDER_MAC)
        snprintf(out, cap, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(value >> 40) & 0xff,
                 (unsigned)(value >> 32) & 0xff, (unsigned)(value >> 24) & 0xff,
                 (unsigned)(value >> 16) & 0xff, (unsigned)(value >> 8) & 0xff,
                 (unsigned)value & 0xff);
    else
        snprintf(out, cap, "%llu", (unsigned long long)value);
}

static void compare_number(int field, uint64_t value, uint64_t limit)
{
    char text[128];
    char number[64];
    put_number(number, sizeof number, field, limit);
    for (size_t i = 0; i < COUNT(RELATIONS); i++) {
        snprintf(text, sizeof text, "%s %s %s", FLOW_FIELDS[field].name, RELATIONS[i], number);
        assert_verdict(text, relate(RELATIONS[i], value, limit));
    }
    snprintf(text, sizeof text, "%s in (%s, 77)", FLOW_FIELDS[field].go_name, number);
    if (FLOW_FIELDS[field].render != RENDER_MAC)
        assert_verdict(text, value == limit || value == 77);
    snprintf(text, sizeof text, "%s not in %s", FLOW_FIELDS[field].name, number);
    assert_verdict(text, value != limit);
    snprintf(text, sizeof text, "%s", FLOW_FIELDS[field].name);
    assert_verdict(text, value != 0);
}

// An unset number is 0.
static void every_number_has_every_relation(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 6, 255, 256, 0x86dd, UINT32_MAX};
    unsigned fields = 0;
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        if (FLOW_FIELDS[field].kind != FIELD_NUM && FLOW_FIELDS[field].kind != FIELD_NUM32)
            continue;
        fields++;
        for (size_t v = 0; v < COUNT(values); v++) {
            flow_reset(&flow);
            flow_set_num(&flow, (enum flow_field)field, values[v]);
            for (size_t l = 0; l < COUNT(values); l++)
                compare_number(field, values[v], values[l]);
        }
    }
    assert_true(fields > 30);
}

// == is true of a list when it is of an item, and != when it is of none.
static void every_list_of_numbers_is_its_items(void **state)
{
    (void)state;
    char text[128];
    static const uint32_t items[] = {3, 9};
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        if (FLOW_FIELDS[field].kind != FIELD_NUM_LIST)
            continue;
        flow_reset(&flow);
        drops(FLOW_FIELDS[field].name);
        for (size_t i = 0; i < COUNT(items); i++)
            flow_append_num(&flow, (enum flow_field)field, items[i]);
        keeps(FLOW_FIELDS[field].name);
        for (uint64_t limit = 2; limit < 11; limit++) {
            for (size_t i = 0; i < COUNT(RELATIONS); i++) {
                bool none = strcmp(RELATIONS[i], "!=") == 0;
                bool any = relate(none ? "==" : RELATIONS[i], 3, limit) ||
                           relate(none ? "==" : RELATIONS[i], 9, limit);
                snprintf(text, sizeof text, "%s %s %llu", FLOW_FIELDS[field].name, RELATIONS[i],
                         (unsigned long long)limit);
                assert_verdict(text, any != none);
            }
        }
    }
}

static void compare_address(const char *name, const char *own)
{
    char text[128];
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1",
                                            "::", "0.0.0.0"};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        bool same = strcmp(addresses[i], own) == 0;
        snprintf(text, sizeof text, "%s == %s", name, addresses[i]);
        assert_verdict(text, same);
        snprintf(text, sizeof text, "%s != %s", name, addresses[i]);
        assert_verdict(text, !same);
        snprintf(text, sizeof text, "%s in (%s, 198.51.100.0/24)", name, addresses[i]);
        assert_verdict(text, same);
    }
    bool ipv4 = strchr(own, '.') != NULL;
    const char *const nets[] = {ipv4 ? "192.0.2.0/24" : "2001:db8::/32",
                                ipv4 ? "0.0.0.0/0" : "::/0"};
    const char *const others[] = {ipv4 ? "192.0.3.0/24" : "2001:db8:1::/64",
                                  ipv4 ? "::/0" : "0.0.0.0/0"};
    for (size_t i = 0; i < COUNT(nets); i++) {
        snprintf(text, sizeof text, "%s in %s and not %s in %s", name, nets[i], name, others[i]);
        keeps(text);
        snprintf(text, sizeof text, "%s in %s or %s not in %s", name, others[i], name, nets[i]);
        drops(text);
    }
}

static void every_address_is_compared_and_found_in_networks(void **state)
{
    (void)state;
    static const char *const owns[] = {"192.0.2.1", "2001:db8::1"};
    struct addr addr;
    unsigned fields = 0;
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        enum field_kind kind = FLOW_FIELDS[field].kind;
        if (FLOW_FIELDS[field].render != RENDER_IP)
            continue;
        fields++;
        for (size_t i = 0; i < COUNT(owns); i++) {
            flow_reset(&flow);
            drops(FLOW_FIELDS[field].name);
            assert_int_equal(addr_parse(&addr, owns[i]), 0);
            if (kind == FIELD_BYTES)
                flow_set_bytes(&flow, (enum flow_field)field, addr.bytes, addr.len);
            else
                flow_append_bytes(&flow, (enum flow_field)field, addr.bytes, addr.len);
            keeps(FLOW_FIELDS[field].name);
            compare_address(FLOW_FIELDS[field].name, owns[i]);
        }
    }
    assert_int_equal(fields, 7);
}

static void prefixes_of_every_length_hold_what_they_should(void **state)
{
    (void)state;
    char text[160];
    char network[PREFIX_TEXT_MAX];
    struct addr addr;
    static const char *const owns[] = {"203.0.113.201", "2001:db8:dead:beef:8000:1:ffff:f00d"};
    for (size_t i = 0; i < COUNT(owns); i++) {
        assert_int_equal(addr_parse(&addr, owns[i]), 0);
        for (unsigned bits = 0; bits <= addr.len * 8u; bits++) {
            struct prefix prefix = {.addr = addr, .bits = (uint8_t)bits};
            struct addr outside = addr;
            prefix = prefix_mask(&prefix);
            snprintf(text, sizeof text, "src_addr in %s", prefix_string(network, &prefix));
            flow_reset(&flow);
            flow_set_bytes(&flow, FLOW_SRC_ADDR, addr.bytes, addr.len);
            keeps(text);
            if (bits == 0)
                continue;
            outside.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
            flow_set_bytes(&flow, FLOW_SRC_ADDR, outside.bytes, outside.len);
            drops(text);
        }
    }
}

static void a_mapped_address_is_the_one_in_it(void **state)
{
    (void)state;
    struct addr addr;
    flow_reset(&flow);
    assert_int_equal(addr_parse(&addr, "::ffff:192.0.2.1"), 0);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, addr.bytes, addr.len);
    keeps("src_addr == 192.0.2.1 and src_addr in 192.0.2.0/24");
    keeps("src_addr == ::ffff:192.0.2.1 and src_addr in ::ffff:192.0.2.0/120");
    drops("src_addr in ::/0");
    flow_set_bytes(&flow, FLOW_SRC_ADDR, addr.bytes, 5); // of no address's length
    drops("src_addr in (0.0.0.0/0, ::/0)");
}

static void every_text_is_compared(void **state)
{
    (void)state;
    char text[128];
    unsigned fields = 0;
    for (int field = 0; field < FLOW_FIELD_COUNT; field++) {
        const char *name = FLOW_FIELDS[field].name;
        if (FLOW_FIELDS[field].render != RENDER_STRING)
            continue;
        fields++;
        flow_reset(&flow);
        drops(name);
        snprintf(text, sizeof text, "%s == '' and %s != NL", name, name);
        keeps(text);
        flow_set_bytes(&flow, (enum flow_field)field, "NL", 2);
        keeps(name);
        snprintf(text, sizeof text, "%s == NL and %s == \"NL\" and %s != 'N'", name, name, name);
        keeps(text);
        snprintf(text, sizeof text, "%s in (DE, NL) and %s not in ('nl', NLL)", name, name);
        keeps(text);
        snprintf(text, sizeof text, "%s != NL or %s == nl or %s in DE", name, name, name);
        drops(text);
    }
    assert_int_equal(fields, 6);
}

static void tags_are_found_by_their_keys(void **state)
{
    (void)state;
    static const char *const sides[] = {"src_context", "dst_context"};
    static const enum flow_field fields[] = {FLOW_SRC_CONTEXT, FLOW_DST_CONTEXT};
    char text[128];
    uint8_t room[2][64];
    for (int i = 0; i < 2; i++) {
        uint8_t *end = wire_put_entry(room[0], (struct span){(const uint8_t *)"application", 11},
                                      (struct span){(const uint8_t *)"web", 3});
        flow_reset(&flow);
        flow_append_bytes(&flow, fields[i], room[0], (size_t)(end - room[0]));
        end = wire_put_entry(room[1], (struct span){(const uint8_t *)"the tier", 8},
                             (struct span){(const uint8_t *)"one \"1\"", 7});
        flow_append_bytes(&flow, fields[i], room[1], (size_t)(end - room[1]));
        snprintf(text, sizeof text, "%s.application == \"web\" and %s.application", sides[i],
                 sides[i]);
        keeps(text);
        snprintf(text, sizeof text, "%s.\"the tier\" in ('one \"1\"') and %s.'the tier' != one",
                 sides[i], sides[i]);
        keeps(text);
        snprintf(text, sizeof text, "%s.app or %s.application == web", sides[i], sides[1 - i]);
        drops(text);
        snprintf(text, sizeof text, "%s.app == '' and %s.app != web", sides[i], sides[i]);
        keeps(text);
    }
}

static void names_stand_for_numbers(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_PROTO, 58);
    flow_set_num(&flow, FLOW_ETYPE, 0x86dd);
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_IPFIX);
    flow_set_num(&flow, FLOW_SRC_MAC, 0x00005e005301);
    flow_set_num(&flow, FLOW_TCP_FLAGS, 0x12);
    flow_append_num(&flow, FLOW_BGP_COMMUNITIES, 64500u << 16 | 100);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_GENEVE);
    keeps("proto == IPv6-ICMP and proto == ipv6-icmp and proto != tcp and proto in (TCP, 58)");
    keeps("etype == IPv6 and etype == 0x86DD and etype not in (ipv4, arp)");
    keeps("type == IPFIX and type != sflow_5 and type > NETFLOW_V9");
    keeps("src_mac == 00:00:5e:00:53:01 and src_mac == 0:0:5E:0:53:1");
    keeps("src_mac in 00:00:5e:00:00:00-00:00:5e:ff:ff:ff");
    keeps("tcp_flags & 2 and tcp_flags & 0x12 == 18 and not tcp_flags & 4");
    drops("tcp_flags & 0x13 == 0x13");
    keeps("bgp_communities == 64500:100 and layer_stack == Geneve and layer_stack != GRE");
    keeps("proto in 50-60 and proto not in (0-57, 59-255)");
}

static void custom_columns_have_their_types(void **state)
{
    (void)state;
    static const uint8_t address[] = {192, 0, 2, 1};
    struct formatter *made = load_filled("formatter:\n"
                                         "  protobuf:\n"
                                         "  - {name: n, index: 2000, type: varint}\n"
                                         "  - {name: s, index: 2001, type: string}\n"
                                         "  - {name: i, index: 2002, type: ip}\n"
                                         "  - {name: m, index: 2003, type: mac}\n"
                                         "  - {name: b, index: 2004, type: bool}\n"
                                         "  - {name: f, index: 2005, type: float}\n"
                                         "  - {name: ns, index: 2006, type: varint, array: true}\n"
                                         "  - {name: p, index: 2007, type: string}\n"
                                         "  - {name: dt, index: 2008, type: datetime}\n"
                                         "  render: {p: string}\n",
                                         0);
    columns = made;
    flow_reset(&flow);
    keeps("n == 0 and s == '' and b == false and f == 0 and f < 0.1 and f > -0.1 and not i");
    drops("n or s or i or m or b or f or ns or ns == 0 or i in 0.0.0.0/0");
    add_number(2000, 4);
    add_number(2000, 7);
    add_bytes(2001, "text", 4);
    add_bytes(2002, address, 4);
    add_number(2003, 0x00005e005301);
    add_number(2004, 1);
    add_double(2005, -1.5);
    add_number(2006, 3);
    add_number(2006, 9);
    add_bytes(2007, "pad\0\0", 5);
    add_number(2008, 1700000000);
    keeps("n == 7 and n != 4 and n and n < 8 and n in (7) and n & 3 == 3"); // the last one counts
    keeps("s == text and s != 'text2' and i in 192.0.2.0/24 and i == 192.0.2.1 and i");
    keeps("m == 00:00:5e:00:53:01 and b == true and b == 1 and b and p == pad and dt > 1600000000");
    keeps("f == -1.5 and f < -1 and f > -2 and f in -2 and f != 1.5 or f <= -1.5");
    keeps("ns == 3 and ns == 9 and ns > 8 and not ns > 9 and ns != 4 and ns in 1-3 and ns");
    drops("i in 192.0.3.0/24 or ns == 4 or f > 0 or f >= -1.49");
    flow_reset(&flow);
    add_bytes(2000, "x", 1); // of another kind than its column
    add_number(2001, 5);
    drops("n == 0 or n == 120 or s == ''");
    columns = NULL;
    formatter_free(made);
}

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % limit;
}

// Writes an expression over four ports, and says what it is of the flow.
static bool put_expression(char *out, size_t cap, unsigned depth)
{
    static const enum flow_field fields[] = {FLOW_SRC_PORT, FLOW_DST_PORT, FLOW_IN_IF, FLOW_OUT_IF};
    char left[4096];
    char right[4096];
    uint32_t kind = depth == 0 ? 0 : below(4);
    if (kind == 0) {
        uint32_t which = below(4);
        snprintf(out, cap, "%s == 1", FLOW_FIELDS[fields[which]].name);
        return flow_num(&flow, fields[which]) == 1;
    }
    bool a = put_expression(left, sizeof left, depth - 1);
    if (kind == 1) {
        snprintf(out, cap, "%s (%s)", below(2) == 0 ? "not" : "!", left);
        return !a;
    }
    bool b = put_expression(right, sizeof right, depth - 1);
    if (kind == 2)
        snprintf(out, cap, "(%s) %s (%s)", left, below(2) == 0 ? "and" : "&&", right);
    else
        snprintf(out, cap, "((%s) %s %s)", left, below(2) == 0 ? "or" : "||", right);
    return kind == 2 ? a && b : a || b;
}

static void logic_is_that_of_a_plain_evaluation(void **state)
{
    (void)state;
    char text[16384];
    for (unsigned round = 0; round < 4000; round++) {
        flow_reset(&flow);
        flow_set_num(&flow, FLOW_SRC_PORT, below(2));
        flow_set_num(&flow, FLOW_DST_PORT, below(2));
        flow_set_num(&flow, FLOW_IN_IF, below(2));
        flow_set_num(&flow, FLOW_OUT_IF, below(2));
        bool expected = put_expression(text, sizeof text, 1 + below(5));
        assert_verdict(text, expected);
    }
}

static void and_binds_before_or_and_not_before_and(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_SRC_PORT, 1);
    keeps("src_port or dst_port and in_if");
    drops("(src_port or dst_port) and in_if");
    keeps("not dst_port and src_port");
    drops("not (not dst_port and src_port)");
    keeps("not not src_port AND NOT dst_port");
}

static void large_sets_are_searched(void **state)
{
    (void)state;
    char text[60000];
    size_t len = (size_t)snprintf(text, sizeof text, "src_port in (0");
    for (unsigned i = 3000; i > 0; i--) // in no order, and some twice
        len += (size_t)snprintf(text + len, sizeof text - len, ", %u, %u-%u", i * 7 % 20011 * 3,
                                i * 3, i * 3);
    snprintf(text + len, sizeof text - len, ")");
    struct filter_fault wrong;
    struct filter *filter = filter_new(text, NULL, &wrong);
    assert_non_null(filter);
    for (unsigned port = 0; port < 60100; port++) {
        bool expected = port == 0;
        expected |= port % 3 == 0 && port <= 9000;
        for (unsigned i = 1; i <= 3000 && !expected; i++)
            expected = i * 7 % 20011 * 3 == port;
        flow_reset(&flow);
        flow_set_num(&flow, FLOW_SRC_PORT, port);
        assert_int_equal(filter_match(filter, &flow), expected);
    }
    filter_free(filter);
}

static void a_filter_says_which_fields_it_looks_at(void **state)
{
    (void)state;
    struct filter_fault wrong;
    struct filter *filter = filter_new("src_port == 1 or src_context.a == b", NULL, &wrong);
    assert_int_equal(filter_fields(filter), FLOW_BIT(FLOW_SRC_PORT) | FLOW_BIT(FLOW_SRC_CONTEXT));
    filter_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_every_relation),
        cmocka_unit_test(every_list_of_numbers_is_its_items),
        cmocka_unit_test(every_address_is_compared_and_found_in_networks),
        cmocka_unit_test(prefixes_of_every_length_hold_what_they_should),
        cmocka_unit_test(a_mapped_address_is_the_one_in_it),
        cmocka_unit_test(every_text_is_compared),
        cmocka_unit_test(tags_are_found_by_their_keys),
        cmocka_unit_test(names_stand_for_numbers),
        cmocka_unit_test(custom_columns_have_their_types),
        cmocka_unit_test(logic_is_that_of_a_plain_evaluation),
        cmocka_unit_test(and_binds_before_or_and_not_before_and),
        cmocka_unit_test(large_sets_are_searched),
        cmocka_unit_test(a_filter_says_which_fields_it_looks_at),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
