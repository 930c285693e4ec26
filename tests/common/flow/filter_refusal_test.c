// The words for what is wrong in a filter, with its column and its caret.
#include "common/flow/filter/filter.h"

#include "tests/common/flow/formatter_case.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_refused(const char *text, const char *expected)
{
    struct filter_fault wrong;
    struct filter *filter = filter_new(text, NULL, &wrong);
    if (filter != NULL)
        fail_msg("taken: %s", text);
    assert_string_equal(wrong.fault.text, expected);
}

static void wrong_grammar_is_refused(void **state)
{
    (void)state;
    assert_refused("", "column 1: got the end, wanted the name of a field");
    assert_refused("  ", "column 3: got the end, wanted the name of a field");
    assert_refused("src_port = 80", "column 10: got '=', wanted '=='");
    assert_refused("src_port 80", "column 10: got '80', wanted 'and', 'or' or the end");
    assert_refused("src_port == 80 dst_port == 80",
                   "column 16: got 'dst_port', wanted 'and', 'or' or the end");
    assert_refused("src_port == 80 and", "column 19: got the end, wanted the name of a field");
    assert_refused("(src_port == 80", "column 16: got the end, wanted 'and', 'or' or ')'");
    assert_refused("src_port == 80)", "column 15: got ')', wanted 'and', 'or' or the end");
    assert_refused("src_port not == 80", "column 14: got '==', wanted 'in'");
    assert_refused("src_port in (80, )", "column 18: got ')', wanted a number");
    assert_refused("src_port in (80 81)", "column 17: got '81', wanted a comma or ')'");
    assert_refused("src_port == ", "column 13: got the end, wanted a number");
    assert_refused("and", "column 1: got 'and', wanted the name of a field");
    assert_refused("src_port == 80 ; x", "column 16: got ';', which is no part of an expression");
    assert_refused("src_country == \"NL",
                   "column 16: a text begins here, its closing \" is missing");
    assert_refused("src_country == \"NL\\\"",
                   "column 16: a text begins here, its closing \" is missing");
}

static void wrong_names_are_refused(void **state)
{
    (void)state;
    assert_refused("src_prt == 80",
                   "column 1: unknown field \"src_prt\", did you mean \"src_port\"?");
    assert_refused("x9z8y7w6 == 80",
                   "column 1: unknown field \"x9z8y7w6\", docs/schema.md lists them");
    assert_refused("bytes > 1 and src_context == web",
                   "column 26: wanted a dot and the key of a tag behind 'src_context'");
    assert_refused("src_context. == web", "column 13: wanted the key of a tag");
    assert_refused("icmp_name == Echo", "column 1: unknown field \"icmp_name\", did you mean "
                                        "\"icmp_type\"?");
    assert_refused("\"src_port\" == 80",
                   "column 1: got '\"src_port\"', wanted the name of a field");
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    assert_refused("src_port == http", "column 13: got 'http', wanted a number");
    assert_refused("src_port == -1", "column 13: got '-1', wanted a number");
    assert_refused("src_port == 4294967296", "column 13: got '4294967296', wanted a number");
    assert_refused("bytes == 18446744073709551616",
                   "column 10: got '18446744073709551616', wanted a number");
    assert_refused("src_port == 80-90", "column 13: got '80-90', wanted a number");
    assert_refused("src_port in 90-80", "column 13: got '90-80', wanted the smaller number first");
    assert_refused("proto == TPC",
                   "column 10: got 'TPC', wanted a number or a protocol such as TCP");
    assert_refused("type == 5tuple", "column 9: got '5tuple', wanted a number or SFLOW_5, "
                                     "NETFLOW_V5, NETFLOW_V9, IPFIX");
    assert_refused("etype == IP", "column 10: got 'IP', wanted a number or IPv4, IPv6, ARP");
    assert_refused("src_mac == 5", "column 12: got '5', wanted a MAC address such as "
                                   "00:00:5e:00:53:01");
    assert_refused("src_mac == 00:00:5e:00:53:01:02",
                   "column 12: got '00:00:5e:00:53:01:02', wanted a MAC address such as "
                   "00:00:5e:00:53:01");
    assert_refused(
        "bgp_communities == 64500:70000",
        "column 20: got '64500:70000', wanted a number or a community such as 64500:100");
    assert_refused("src_addr == 10.0.0", "column 13: got '10.0.0', wanted an address");
    assert_refused("src_addr == 10.0.0.0/8",
                   "column 13: got '10.0.0.0/8', wanted an address; a network stands behind 'in'");
    assert_refused("src_addr in 10.0.0.1/8",
                   "column 13: got '10.0.0.1/8', wanted 10.0.0.0/8: no bits of hosts");
    assert_refused("src_addr in 10.0.0.0/33",
                   "column 13: got '10.0.0.0/33', wanted a network such as 192.0.2.0/24");
    assert_refused("src_addr in web", "column 13: got 'web', wanted an address or a network");
    assert_refused("src_addr < 10.0.0.1",
                   "column 10: got '<', wanted ==, != or in: networks are compared by in");
    assert_refused("src_country >= NL",
                   "column 13: got '>=', wanted ==, != or in: a text has no order");
    assert_refused("src_country == (NL)", "column 16: got '(', wanted a text");
    assert_refused("src_addr & 5 == 5", "column 10: got '&', which only numbers have");
    assert_refused("tcp_flags & x", "column 13: got 'x', wanted a number");
}

static void expressions_have_bounds(void **state)
{
    (void)state;
    char deep[FILTER_DEPTH_MAX + 32] = "";
    memset(deep, '(', FILTER_DEPTH_MAX + 1);
    assert_refused(deep, "column 65: more than 64 parentheses in each other");
    char *large = malloc(FILTER_BYTES_MAX + 2);
    assert_non_null(large);
    memset(large, ' ', FILTER_BYTES_MAX + 1);
    large[FILTER_BYTES_MAX + 1] = '\0';
    assert_refused(large, "column 1: got an expression of 65536 bytes, wanted at most 65535");
    memset(large, '!', FILTER_BYTES_MAX); // each takes one step, none a frame of the stack
    memcpy(large + FILTER_BYTES_MAX - 5, "bytes", 6);
    struct filter_fault wrong;
    struct filter *filter = filter_new(large, NULL, &wrong);
    assert_non_null(filter);
    filter_free(filter);
    size_t len = 0;
    for (int i = 0; i <= FILTER_TESTS_MAX; i++, len += 9)
        memcpy(large + len, "proto or ", 10);
    large[len - 4] = '\0';
    assert_refused(large,
                   "column 36870: more comparisons than the 4096 there may be, or no memory");
    free(large);
}

static void the_caret_stands_below_the_byte(void **state)
{
    (void)state;
    char out[FILTER_POINT_MAX];
    filter_point(out, "src_prt == 80", 0);
    assert_string_equal(out, "    src_prt == 80\n    ^\n");
    filter_point(out, "src_country == \"Å\"\nx", 19);
    assert_string_equal(out, "    src_country == \"Å\" x\n                      ^\n");
    filter_point(out, "", 0);
    assert_string_equal(out, "    \n    ^\n");
    char *large = malloc(FILTER_BYTES_MAX + 1);
    assert_non_null(large);
    memset(large, 'a', FILTER_BYTES_MAX);
    large[FILTER_BYTES_MAX] = '\0';
    assert_true(strlen(filter_point(out, large, FILTER_BYTES_MAX)) < FILTER_POINT_MAX);
    assert_true(strlen(filter_point(out, large, 1000)) < FILTER_POINT_MAX);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_grammar_is_refused),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(expressions_have_bounds),
        cmocka_unit_test(the_caret_stands_below_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
