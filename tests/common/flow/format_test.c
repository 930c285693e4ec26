// JSON and text of whole flows: columns, zeros, lists, strings that need care, enrichment.
#include "common/flow/format.h"
#include "common/flow/wire.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ZEROS_FROM_SRC_MAC                                                                         \
    "\"src_mac\":\"00:00:00:00:00:00\",\"dst_mac\":\"00:00:00:00:00:00\",\"src_vlan\":0,"          \
    "\"dst_vlan\":0,\"vlan_id\":0,\"ip_tos\":0,\"forwarding_status\":0,\"ip_ttl\":0,"              \
    "\"ip_flags\":0,\"tcp_flags\":0,\"icmp_type\":0,\"icmp_code\":0,\"ipv6_flow_label\":0,"        \
    "\"fragment_id\":0,\"fragment_offset\":0,\"src_as\":0,\"dst_as\":0,\"next_hop\":\"\","         \
    "\"next_hop_as\":0,"
#define ZEROS_FROM_BGP                                                                             \
    "\"bgp_next_hop\":\"\",\"bgp_communities\":[],\"as_path\":[],\"mpls_ttl\":[],"                 \
    "\"mpls_label\":[],\"mpls_ip\":[],\"observation_domain_id\":0,\"observation_point_id\":0,"     \
    "\"layer_stack\":[],\"layer_size\":[],\"ipv6_routing_header_addresses\":[],"                   \
    "\"ipv6_routing_header_seg_left\":0"

static struct flow flow;

static void assert_printed(enum format_kind kind, unsigned columns, const char *expected)
{
    struct format *format = format_new(kind, columns);
    size_t bound = format_bound(format, &flow);
    uint8_t *out = malloc(bound + 1);
    uint8_t *end = format_flow(format, &flow, out);
    assert_true((size_t)(end - out) <= bound);
    *end = '\0';
    assert_string_equal((char *)out, expected);
    free(out);
    format_free(format);
}

static struct span text(const char *string)
{
    return (struct span){(const uint8_t *)string, strlen(string)};
}

static void set_text(enum flow_field id, const char *string)
{
    flow_set_bytes(&flow, id, string, strlen(string));
}

static void add_tag(enum flow_field id, uint8_t room[64], const char *key, const char *value)
{
    uint8_t *end = wire_put_entry(room, text(key), text(value));
    flow_append_bytes(&flow, id, room, (size_t)(end - room));
}

static void an_empty_flow_shows_every_column(void **state)
{
    (void)state;
    flow_reset(&flow);
    assert_printed(
        FORMAT_JSON, 0,
        "{\"type\":\"FLOWUNKNOWN\",\"time_received_ns\":0,\"sequence_num\":0,\"sampling_rate\":0,"
        "\"sampler_address\":\"\",\"time_flow_start_ns\":0,\"time_flow_end_ns\":0,\"bytes\":0,"
        "\"packets\":0,\"src_addr\":\"\",\"dst_addr\":\"\",\"etype\":\"\",\"proto\":\"HOPOPT\","
        "\"src_port\":0,\"dst_port\":0,\"in_if\":0,\"out_if\":0," ZEROS_FROM_SRC_MAC
        "\"src_net\":\"\",\"dst_net\":\"\"," ZEROS_FROM_BGP "}");
    assert_printed(
        FORMAT_TEXT, 0,
        "type=FLOWUNKNOWN time_received_ns=0 sequence_num=0 sampling_rate=0 sampler_address= "
        "time_flow_start_ns=0 time_flow_end_ns=0 bytes=0 packets=0 src_addr= dst_addr= etype= "
        "proto=HOPOPT src_port=0 dst_port=0 in_if=0 out_if=0 src_mac=00:00:00:00:00:00 "
        "dst_mac=00:00:00:00:00:00 src_vlan=0 dst_vlan=0 vlan_id=0 ip_tos=0 forwarding_status=0 "
        "ip_ttl=0 ip_flags=0 tcp_flags=0 icmp_type=0 icmp_code=0 ipv6_flow_label=0 fragment_id=0 "
        "fragment_offset=0 src_as=0 dst_as=0 next_hop= next_hop_as=0 src_net= dst_net= "
        "bgp_next_hop= bgp_communities=[] as_path=[] mpls_ttl=[] mpls_label=[] mpls_ip=[] "
        "observation_domain_id=0 observation_point_id=0 layer_stack=[] layer_size=[] "
        "ipv6_routing_header_addresses=[] ipv6_routing_header_seg_left=0");
}

static void an_empty_flow_is_an_empty_frame(void **state)
{
    (void)state;
    struct format *format = format_new(FORMAT_BIN, 0);
    uint8_t out[1024];
    flow_reset(&flow);
    assert_true(format_bound(format, &flow) <= sizeof out);
    assert_ptr_equal(format_flow(format, &flow, out), out + 1);
    assert_int_equal(out[0], 0);
    format_free(format);
}

static void values_stand_in_their_columns(void **state)
{
    (void)state;
    static const uint8_t src[] = {10, 1, 2, 3};
    static const uint8_t hop[] = {192, 0, 2, 254};
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_IPFIX);
    flow_set_num(&flow, FLOW_BYTES, UINT64_MAX);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, src, 4);
    flow_set_num(&flow, FLOW_ETYPE, 0x0800);
    flow_set_num(&flow, FLOW_PROTO, 17);
    flow_set_num(&flow, FLOW_SRC_NET, 16);
    flow_set_num(&flow, FLOW_DST_NET, 24); // no address: no network
    flow_append_num(&flow, FLOW_AS_PATH, 64496);
    flow_append_num(&flow, FLOW_AS_PATH, 0);
    flow_append_bytes(&flow, FLOW_MPLS_IP, hop, 4);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_ETHERNET);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_CUSTOM);
    flow_append_num(&flow, FLOW_LAYER_STACK, 42);
    assert_printed(
        FORMAT_JSON, 0,
        "{\"type\":\"IPFIX\",\"time_received_ns\":0,\"sequence_num\":0,\"sampling_rate\":0,"
        "\"sampler_address\":\"\",\"time_flow_start_ns\":0,\"time_flow_end_ns\":0,"
        "\"bytes\":18446744073709551615,\"packets\":0,\"src_addr\":\"10.1.2.3\",\"dst_addr\":\"\","
        "\"etype\":\"IPv4\",\"proto\":\"UDP\",\"src_port\":0,\"dst_port\":0,\"in_if\":0,"
        "\"out_if\":0," ZEROS_FROM_SRC_MAC "\"src_net\":\"10.1.0.0/16\",\"dst_net\":\"\","
        "\"bgp_next_hop\":\"\",\"bgp_communities\":[],\"as_path\":[64496,0],\"mpls_ttl\":[],"
        "\"mpls_label\":[],\"mpls_ip\":[\"192.0.2.254\"],\"observation_domain_id\":0,"
        "\"observation_point_id\":0,\"layer_stack\":[\"Ethernet\",\"Custom\",\"42\"],"
        "\"layer_size\":[],\"ipv6_routing_header_addresses\":[],"
        "\"ipv6_routing_header_seg_left\":0}");
}

// The last member of an object: what enrichment adds.
static void assert_ends(enum format_kind kind, unsigned columns, const char *expected)
{
    struct format *format = format_new(kind, columns);
    uint8_t *out = malloc(format_bound(format, &flow) + 1);
    uint8_t *end = format_flow(format, &flow, out);
    *end = '\0';
    const char *found = strstr((char *)out, "seg_left");
    assert_non_null(found);
    assert_string_equal(strchr(found, '0') + 1, expected);
    free(out);
    format_free(format);
}

static void enrichment_columns_show_when_asked_for(void **state)
{
    (void)state;
    flow_reset(&flow);
    assert_ends(FORMAT_JSON, FORMAT_COUNTRY, ",\"src_country\":\"\",\"dst_country\":\"\"}");
    assert_ends(FORMAT_JSON, FORMAT_COUNTRY | FORMAT_AS_NAME | FORMAT_CONTEXT,
                ",\"src_country\":\"\",\"dst_country\":\"\",\"src_as_name\":\"\","
                "\"dst_as_name\":\"\",\"context\":{}}");
    assert_ends(FORMAT_TEXT, FORMAT_CONTEXT,
                " src_group= dst_group= src_context=[] dst_context=[]");
}

static void enrichment_shows_whenever_a_flow_has_it(void **state)
{
    (void)state;
    uint8_t room[3][64];
    flow_reset(&flow);
    set_text(FLOW_DST_COUNTRY, "NL");
    set_text(FLOW_SRC_GROUP, "web-servers");
    set_text(FLOW_DST_GROUP, "client-network");
    add_tag(FLOW_SRC_CONTEXT, room[0], "application", "web");
    add_tag(FLOW_SRC_CONTEXT, room[1], "tier", "frontend");
    add_tag(FLOW_DST_CONTEXT, room[2], "site", "");
    assert_ends(FORMAT_JSON, 0,
                ",\"dst_country\":\"NL\",\"context\":{\"source_group\":\"web-servers\","
                "\"destination_group\":\"client-network\","
                "\"source\":{\"application\":\"web\",\"tier\":\"frontend\"},"
                "\"destination\":{\"site\":\"\"}}}");
    assert_ends(FORMAT_TEXT, 0,
                " dst_country=NL src_group=web-servers dst_group=client-network "
                "src_context=[application=web,tier=frontend] dst_context=[site=]");
}

static void members_that_do_not_apply_are_left_out(void **state)
{
    (void)state;
    flow_reset(&flow);
    set_text(FLOW_DST_GROUP, "x");
    assert_ends(FORMAT_JSON, FORMAT_CONTEXT, ",\"context\":{\"destination_group\":\"x\"}}");
}

static void strings_are_valid_json_whatever_they_hold(void **state)
{
    (void)state;
    flow_reset(&flow);
    set_text(FLOW_SRC_AS_NAME, "a\"b\\c\n\x01<&>\xc3\xa9\xff\xe2\x80\xa8\xed\xa0\x80");
    assert_ends(FORMAT_JSON, 0,
                ",\"src_as_name\":\"a\\\"b\\\\c\\n\\u0001\\u003c\\u0026\\u003e\xc3\xa9\\ufffd"
                "\\u2028\\ufffd\\ufffd\\ufffd\"}");
}

// A name with a line break would make two flows of one.
static void text_is_one_line_whatever_strings_hold(void **state)
{
    (void)state;
    flow_reset(&flow);
    set_text(FLOW_SRC_AS_NAME, "a\nb\r\x01\x7f\xc3\xa9");
    assert_ends(FORMAT_TEXT, 0, " src_as_name=a?b???\xc3\xa9");
    flow_reset(&flow);
    set_text(FLOW_SRC_AS_NAME, "\xc2\x9b"
                               "31m\x9b"
                               "31m\xe2\x80\xae"
                               "txt");
    assert_ends(FORMAT_TEXT, 0, " src_as_name=?31m?31m?txt");
}

static void format_names(void **state)
{
    (void)state;
    enum format_kind kind;
    assert_int_equal(format_kind_parse("json", &kind), 0);
    assert_int_equal(kind, FORMAT_JSON);
    assert_int_equal(format_kind_parse("bin", &kind), 0);
    assert_int_equal(kind, FORMAT_BIN);
    assert_int_equal(format_kind_parse("text", &kind), 0);
    assert_int_equal(kind, FORMAT_TEXT);
    assert_int_equal(format_kind_parse("JSON", &kind), -1);
    assert_int_equal(format_kind_parse("", &kind), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_flow_shows_every_column),
        cmocka_unit_test(an_empty_flow_is_an_empty_frame),
        cmocka_unit_test(values_stand_in_their_columns),
        cmocka_unit_test(enrichment_columns_show_when_asked_for),
        cmocka_unit_test(enrichment_shows_whenever_a_flow_has_it),
        cmocka_unit_test(members_that_do_not_apply_are_left_out),
        cmocka_unit_test(strings_are_valid_json_whatever_they_hold),
        cmocka_unit_test(text_is_one_line_whatever_strings_hold),
        cmocka_unit_test(format_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
