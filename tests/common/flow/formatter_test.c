// The formatter block of mapping.yaml: what is printed of which flow.
#include "tests/common/flow/formatter_case.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void columns_stand_in_the_order_listed(void **state)
{
    (void)state;
    static const uint8_t source[] = {10, 0, 0, 1};
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_BYTES, 1500);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, source, 4);
    flow_set_num(&flow, FLOW_SRC_NET, 8);
    flow_set_num(&flow, FLOW_SRC_AS, 64500); // not listed, not printed
    assert_json("formatter: {fields: [src_net, bytes, src_addr, proto]}",
                "{\"src_net\":\"10.0.0.0/8\",\"bytes\":1500,\"src_addr\":\"10.0.0.1\","
                "\"proto\":\"HOPOPT\"}");
    assert_text("formatter: {fields: [src_net, bytes, src_addr, proto]}",
                "src_net=10.0.0.0/8 bytes=1500 src_addr=10.0.0.1 proto=HOPOPT");
    assert_json("formatter: {fields: [bytes, packets, bytes]}", "{\"bytes\":1500,\"packets\":0}");
}

static void without_fields_all_columns_of_the_schema_are_printed(void **state)
{
    (void)state;
    uint8_t plain[4096];
    uint8_t mapped[4096];
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_BYTES, 7);
    add_number(1100, 1);
    struct format *format = format_new(FORMAT_JSON, FORMAT_CONTEXT);
    size_t len = (size_t)(format_flow(format, &flow, plain) - plain);
    format_free(format);
    format = compile_filled("formatter: {protobuf: [{name: x, index: 1100, type: varint}]}",
                            FORMAT_JSON, FORMAT_CONTEXT);
    assert_int_equal(format_flow(format, &flow, mapped) - mapped, len);
    assert_memory_equal(plain, mapped, len);
    format_free(format);
}

static void columns_are_renamed(void **state)
{
    (void)state;
    flow_reset(&flow);
    assert_json("formatter: {fields: [bytes, src_addr], rename: {bytes: octets, src_addr: 'a\"b'}}",
                "{\"octets\":0,\"a\\\"b\":\"\"}");
    assert_text("formatter: {fields: [bytes, src_addr], rename: {bytes: octets}}",
                "octets=0 src_addr=");
}

// The Go names that goflow2 takes, and all others.
static void go_names_are_columns_of_their_own(void **state)
{
    (void)state;
    static const uint8_t source[] = {10, 0, 0, 1};
    flow_reset(&flow);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, source, 4);
    flow_set_num(&flow, FLOW_ETYPE, 0x0806);
    flow_set_num(&flow, FLOW_IN_IF, 3);
    assert_json("formatter: {fields: [SrcAddr, src_addr, Etype, InIf]}",
                "{\"SrcAddr\":\"10.0.0.1\",\"src_addr\":\"10.0.0.1\",\"Etype\":\"ARP\","
                "\"InIf\":3}");
}

#define RENDERED(renderer)                                                                         \
    "formatter: {fields: [type, proto, src_mac, src_addr, src_net, mpls_ip, layer_stack], "        \
    "render: {type: " renderer ", proto: " renderer ", src_mac: " renderer ", src_addr: " renderer \
    ", src_net: " renderer ", mpls_ip: " renderer ", layer_stack: " renderer "}}"

static void renderers_fit_the_kind_of_value_or_do_nothing(void **state)
{
    (void)state;
    static const uint8_t source[] = {'a', 'b', '"', '<'};
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_IPFIX);
    flow_set_num(&flow, FLOW_PROTO, 6);
    flow_set_num(&flow, FLOW_SRC_MAC, 0x0200000000aa);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, source, 4);
    flow_set_num(&flow, FLOW_SRC_NET, 6);
    flow_append_bytes(&flow, FLOW_MPLS_IP, source, 2);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_IPV4);
    assert_json(RENDERED("none"), "{\"type\":\"IPFIX\",\"proto\":6,\"src_mac\":2199023255722,"
                                  "\"src_addr\":\"6162223c\",\"src_net\":6,\"mpls_ip\":[\"6162\"],"
                                  "\"layer_stack\":[\"IPv4\"]}");
    assert_json(RENDERED("ip"), "{\"type\":\"IPFIX\",\"proto\":6,\"src_mac\":2199023255722,"
                                "\"src_addr\":\"97.98.34.60\",\"src_net\":6,\"mpls_ip\":[\"\"],"
                                "\"layer_stack\":[\"IPv4\"]}");
    assert_json(RENDERED("mac"),
                "{\"type\":\"IPFIX\",\"proto\":6,\"src_mac\":\"02:00:00:00:00:aa\","
                "\"src_addr\":\"6162223c\",\"src_net\":6,\"mpls_ip\":[\"6162\"],"
                "\"layer_stack\":[\"IPv4\"]}");
    assert_json(RENDERED("string"),
                "{\"type\":\"IPFIX\",\"proto\":6,\"src_mac\":2199023255722,"
                "\"src_addr\":\"ab\\\"\\u003c\",\"src_net\":6,\"mpls_ip\":[\"ab\"],"
                "\"layer_stack\":[\"IPv4\"]}");
    assert_json("formatter: {fields: [src_addr, src_net, in_if], "
                "render: {src_addr: etype, src_net: proto, in_if: etype}}",
                "{\"src_addr\":\"unknown\",\"src_net\":\"TCP\",\"in_if\":\"\"}");
}

static void times_render_as_rfc_3339(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TIME_RECEIVED_NS, UINT64_C(1700000000123456789));
    flow_set_num(&flow, FLOW_TIME_FLOW_START_NS, UINT64_C(1700000000));
    flow_set_num(&flow, FLOW_BYTES, UINT64_C(1700000000500));
    assert_json(
        "formatter: {fields: [time_received_ns, time_flow_start_ns, time_flow_end_ns, bytes],"
        " render: {time_received_ns: datetimenano, time_flow_start_ns: datetime,"
        " time_flow_end_ns: datetime, bytes: datetimemilli}}",
        "{\"time_received_ns\":\"2023-11-14T22:13:20.123456789Z\","
        "\"time_flow_start_ns\":\"2023-11-14T22:13:20Z\","
        "\"time_flow_end_ns\":\"1970-01-01T00:00:00Z\","
        "\"bytes\":\"2023-11-14T22:13:20.5Z\"}");
}

#define CUSTOMS                                                                                    \
    "formatter:\n"                                                                                 \
    "  fields: [bytes, number, text, list, rest]\n"                                                \
    "  protobuf:\n"                                                                                \
    "  - {name: number, index: 2001, type: varint}\n"                                              \
    "  - {name: text, index: 2002, type: string}\n"                                                \
    "  - {name: list, index: 2003, type: bytes, array: true}\n"                                    \
    "  - {name: rest, index: 2004, type: varint, array: true}\n"

static void custom_columns_show_only_where_they_are(void **state)
{
    (void)state;
    flow_reset(&flow);
    assert_json(CUSTOMS, "{\"bytes\":0}");
    add_number(2001, 0);
    add_bytes(2002, "testing", 7);
    add_bytes(2003, "\x01\x02", 2);
    add_bytes(2003, "", 0);
    add_number(2004, 5);
    assert_json(CUSTOMS, "{\"bytes\":0,\"number\":0,\"text\":\"74657374696e67\","
                         "\"list\":[\"0102\",\"\"],\"rest\":[5]}");
    assert_text(CUSTOMS, "bytes=0 number=0 text=74657374696e67 list=[0102,] rest=[5]");
    add_number(2001, 9); // the last one stands
    add_number(2004, 6);
    assert_json(CUSTOMS, "{\"bytes\":0,\"number\":9,\"text\":\"74657374696e67\","
                         "\"list\":[\"0102\",\"\"],\"rest\":[5,6]}");
}

static void a_few_renderers_show_custom_columns_that_are_not_there(void **state)
{
    (void)state;
    static const char yaml[] =
        "formatter:\n"
        "  fields: [list, proto_of, etype_of, address, bytes]\n"
        "  protobuf:\n"
        "  - {name: list, index: 2001, type: varint, array: true}\n"
        "  - {name: proto_of, index: 2002, type: varint}\n"
        "  - {name: etype_of, index: 2003, type: varint}\n"
        "  - {name: address, index: 2004, type: bytes}\n"
        "  render: {list: none, proto_of: proto, etype_of: etype, address: ip}\n";
    flow_reset(&flow);
    assert_json(yaml,
                "{\"list\":[],\"proto_of\":\"unknown\",\"etype_of\":\"unknown\",\"bytes\":0}");
    assert_text(yaml, "list=[] proto_of=unknown etype_of=unknown bytes=0");
    add_number(2002, 17);
    add_bytes(2003, "", 0); // not the number it should be
    assert_json(yaml, "{\"list\":[],\"proto_of\":\"UDP\",\"etype_of\":\"unknown\",\"bytes\":0}");
}

static void the_first_column_may_be_missing(void **state)
{
    (void)state;
    static const char yaml[] = "formatter:\n"
                               "  fields: [a, b]\n"
                               "  protobuf: [{name: a, index: 2001, type: varint},"
                               " {name: b, index: 2002, type: varint}]\n";
    flow_reset(&flow);
    assert_json(yaml, "{}");
    assert_text(yaml, "");
    add_number(2002, 2);
    assert_json(yaml, "{\"b\":2}");
    assert_text(yaml, "b=2");
    add_number(2001, 1);
    assert_json(yaml, "{\"a\":1,\"b\":2}");
    assert_text(yaml, "a=1 b=2");
}

// As in goflow2, where the column of the schema can then not be printed.
static void a_custom_column_hides_the_field_of_its_name(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_IN_IF, 3);
    add_number(2001, 8);
    assert_json(
        "formatter: {fields: [in_if], protobuf: [{name: in_if, index: 2001, type: varint}]}",
        "{\"in_if\":8}");
}

static void strings_are_valid_json_and_padding_is_no_text(void **state)
{
    (void)state;
    static const char yaml[] = "formatter: {fields: [name], render: {name: string}, "
                               "protobuf: [{name: name, index: 2001, type: string}]}";
    flow_reset(&flow);
    add_bytes(2001, "a\"\n\xff\0b\0\0", 8);
    assert_json(yaml, "{\"name\":\"a\\\"\\n\\ufffd\\u0000b\"}");
    assert_text(yaml, "name=a\"???b");
}

#define TYPED(type) "formatter: {fields: [x], protobuf: [{name: x, index: 2001, type: " type "}]}"

static void types_render_themselves(void **state)
{
    (void)state;
    static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    flow_reset(&flow);
    add_number(2001, UINT64_C(1700000000));
    assert_json(TYPED("datetime"), "{\"x\":\"2023-11-14T22:13:20Z\"}");
    assert_json(TYPED("datetimemilli"), "{\"x\":\"1970-01-20T16:13:20Z\"}");
    assert_json(TYPED("datetimenano"), "{\"x\":\"1970-01-01T00:00:01.7Z\"}");
    assert_json(TYPED("datetimentp"), "{\"x\":\"1970-01-01T00:00:01.7Z\"}");
    assert_json(TYPED("bool"), "{\"x\":true}");
    assert_json(TYPED("mac"), "{\"x\":\"00:00:65:53:f1:00\"}");
    flow_reset(&flow);
    add_number(2001, 0);
    assert_json(TYPED("bool"), "{\"x\":false}");
    flow_reset(&flow);
    add_bytes(2001, ipv6, 16);
    assert_json(TYPED("ip"), "{\"x\":\"2001:db8::1\"}");
    assert_json(TYPED("ipv6"), "{\"x\":\"2001:db8::1\"}");
    assert_json("formatter: {fields: [x], render: {x: none}, "
                "protobuf: [{name: x, index: 2001, type: ip}]}",
                "{\"x\":\"20010db8000000000000000000000001\"}");
    flow_reset(&flow);
    add_double(2001, 0.1);
    assert_json(TYPED("float"), "{\"x\":0.1}");
    flow_reset(&flow);
    add_double(2001, -2.2250738585072014e-308);
    assert_json(TYPED("float"), "{\"x\":-2.2250738585072014e-308}");
    flow_reset(&flow);
    add_double(2001, 0.0 / 0.0);
    assert_json(TYPED("float"), "{\"x\":null}");
    assert_text(TYPED("float"), "x=NaN");
}

// goflow2's own example of a custom column with each renderer.
static void marshals_as_in_goflow2s_test(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_ETYPE, 0x86dd);
    add_number(1000, 0x86dd);
    add_bytes(1002, "testing", 7);
    add_bytes(1003, "testing", 7);
    assert_json("formatter:\n"
                "  fields: [Etype, test1, test2, test3]\n"
                "  protobuf:\n"
                "  - {name: test1, index: 1000, type: varint}\n"
                "  - {name: test2, index: 1002, type: string}\n"
                "  - {name: test3, index: 1003, type: bytes}\n"
                "  rename: {Etype: etype}\n"
                "  render: {test1: etype, test3: string}\n",
                "{\"etype\":\"IPv6\",\"test1\":\"IPv6\",\"test2\":\"74657374696e67\","
                "\"test3\":\"testing\"}");
}

static void icmp_has_names(void **state)
{
    (void)state;
    static const struct {
        unsigned proto;
        unsigned type;
        const char *name;
    } cases[] = {{1, 0, "EchoReply"},
                 {1, 3, "DestinationUnreachable"},
                 {1, 8, "Echo"},
                 {1, 11, "TimeExceeded"},
                 {1, 5, ""},
                 {1, 200, ""},
                 {58, 0, ""},
                 {58, 2, "PacketTooBig"},
                 {58, 128, "EchoRequest"},
                 {58, 134, "RouterAdvertisement"},
                 {58, 131, ""},
                 {58, 255, ""},
                 {6, 8, "unknown"},
                 {0, 0, "unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64];
        flow_reset(&flow);
        flow_set_num(&flow, FLOW_PROTO, cases[i].proto);
        flow_set_num(&flow, FLOW_ICMP_TYPE, cases[i].type);
        snprintf(expected, sizeof expected, "{\"icmp_name\":\"%s\"}", cases[i].name);
        assert_json("formatter: {fields: [icmp_name]}", expected);
    }
}

static void what_enrichment_fills_stands_behind_or_where_it_is_listed(void **state)
{
    (void)state;
    flow_reset(&flow);
    flow_set_bytes(&flow, FLOW_SRC_COUNTRY, "NL", 2);
    flow_set_bytes(&flow, FLOW_SRC_GROUP, "web", 3);
    assert_filled("formatter: {fields: [bytes]}", FORMAT_JSON, 0, "{\"bytes\":0}");
    assert_filled("formatter: {fields: [bytes]}", FORMAT_JSON, FORMAT_COUNTRY | FORMAT_CONTEXT,
                  "{\"bytes\":0,\"src_country\":\"NL\",\"dst_country\":\"\","
                  "\"context\":{\"source_group\":\"web\"}}");
    assert_filled("formatter: {fields: [context, src_country, bytes]}", FORMAT_JSON,
                  FORMAT_COUNTRY | FORMAT_CONTEXT,
                  "{\"context\":{\"source_group\":\"web\"},\"src_country\":\"NL\",\"bytes\":0,"
                  "\"dst_country\":\"\"}");
    assert_filled("formatter: {fields: [context, bytes]}", FORMAT_TEXT, FORMAT_CONTEXT,
                  "src_group=web dst_group= src_context=[] dst_context=[] bytes=0");
    assert_filled("formatter: {fields: [src_context, src_group]}", FORMAT_JSON, 0,
                  "{\"src_context\":{},\"src_group\":\"web\"}");
}

// Files made for goflow2 may have what it ignores.
static void unknown_keys_and_missing_values_are_passed_over(void **state)
{
    (void)state;
    flow_reset(&flow);
    assert_json("formatter:\n  fields: [bytes]\n  filds: [x]\n  key:\n  protobuf:\n  rename: ~\n"
                "other: {a: [b]}\nsflow: [not, looked, at]\nipfix:\n",
                "{\"bytes\":0}");
}

static void bounds_hold_for_random_flows(void **state)
{
    (void)state;
    static uint8_t noise[300];
    static const char yaml[] =
        "formatter:\n"
        "  fields: [src_addr, SrcAddr, DstAddr, dst_addr, mpls_ip, MplsIp, as_path, AsPath, x, "
        "context]\n"
        "  protobuf: [{name: x, index: 2001, type: bytes, array: true}]\n"
        "  render: {src_addr: string, SrcAddr: none, dst_addr: none, mpls_ip: string, x: string}\n";
    struct format *format = compile_filled(yaml, FORMAT_JSON, 0);
    for (unsigned round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)rand();
        flow_reset(&flow);
        flow_set_bytes(&flow, FLOW_SRC_ADDR, noise, round);
        flow_set_bytes(&flow, FLOW_DST_ADDR, noise, round);
        flow_set_bytes(&flow, FLOW_SRC_GROUP, noise, round);
        for (unsigned i = 0; i < round; i++) {
            flow_append_bytes(&flow, FLOW_MPLS_IP, noise + i, 100);
            flow_append_num(&flow, FLOW_AS_PATH, UINT32_MAX);
            add_bytes(2001, noise, i);
        }
        size_t bound = format_bound(format, &flow);
        uint8_t *out = malloc(bound); // no byte more, for the sanitizer
        assert_true((size_t)(format_flow(format, &flow, out) - out) <= bound);
        free(out);
    }
    format_free(format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_in_the_order_listed),
        cmocka_unit_test(without_fields_all_columns_of_the_schema_are_printed),
        cmocka_unit_test(columns_are_renamed),
        cmocka_unit_test(go_names_are_columns_of_their_own),
        cmocka_unit_test(renderers_fit_the_kind_of_value_or_do_nothing),
        cmocka_unit_test(times_render_as_rfc_3339),
        cmocka_unit_test(custom_columns_show_only_where_they_are),
        cmocka_unit_test(a_few_renderers_show_custom_columns_that_are_not_there),
        cmocka_unit_test(the_first_column_may_be_missing),
        cmocka_unit_test(a_custom_column_hides_the_field_of_its_name),
        cmocka_unit_test(strings_are_valid_json_and_padding_is_no_text),
        cmocka_unit_test(types_render_themselves),
        cmocka_unit_test(marshals_as_in_goflow2s_test),
        cmocka_unit_test(icmp_has_names),
        cmocka_unit_test(what_enrichment_fills_stands_behind_or_where_it_is_listed),
        cmocka_unit_test(unknown_keys_and_missing_values_are_passed_over),
        cmocka_unit_test(bounds_hold_for_random_flows),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
