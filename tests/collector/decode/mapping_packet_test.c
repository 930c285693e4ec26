// mapping.yaml's block sflow: bits of sampled headers, told by layer and encapsulation, and parsers
// for ports.
#include "tests/collector/decode/mapping_case.h"
#include "tests/collector/decode/packet_case.h"

#include <stdio.h>

static struct flow flow;
static struct bytes packet;

// The flow borrows from the packet, which lives until the next one.
static const struct flow *parse_by(const char *blocks, enum packet_start start, const char *hex)
{
    char yaml[4096];
    snprintf(yaml, sizeof yaml, COLUMNS "%s", blocks);
    struct mapping *mapping = mapping_of(yaml);
    free(packet.data);
    packet = bytes_hex(hex);
    flow_reset(&flow);
    packet_parse_mapped(&flow, mapping, start, packet.data, packet.len);
    mapping_unref(mapping);
    return &flow;
}

static void assert_mapped(const char *items, const char *hex, const char *expected)
{
    char blocks[2048];
    snprintf(blocks, sizeof blocks, "sflow: {mapping: [%s]}", items);
    assert_customs(parse_by(blocks, PACKET_ETHERNET, hex), expected);
}

static void bits_are_cut_out(void **state)
{
    (void)state;
    static const uint8_t data[] = {0xaa, 0x55, 0xab, 0x56};
    static const struct {
        size_t offset;
        size_t length;
        const char *hex;
    } cases[] = {
        {16, 16, "ab56"}, {24, 8, "56"},       {24, 32, "56000000"}, {32, 0, ""},
        {32, 16, "0000"}, {4, 16, "a55a"},     {4, 4, "0a"},         {4, 6, "29"},
        {20, 6, "2d"},    {5, 10, "4a02"},     {30, 10, "8000"},     {30, 2, "02"},
        {32, 1, "00"},    {0, 32, "aa55ab56"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = (cases[i].length + 7) / 8;
        struct bytes expected = bytes_hex(cases[i].hex);
        uint8_t *out = malloc(len + 1);
        mapping_bits(out, data, sizeof data, cases[i].offset, cases[i].length);
        assert_int_equal(expected.len, len);
        assert_memory_equal(out, expected.data, len);
        free(out);
        free(expected.data);
    }
}

#define UDP_PACKET ETHERNET("0800") IPV4("11") UDP("0035")

static void bits_count_from_the_layers_start(void **state)
{
    (void)state;
    assert_mapped("{layer: udp, offset: 48, length: 16, destination: number}", UDP_PACKET,
                  "2001=51966");
    assert_mapped("{layer: udp, offset: 48, length: 16, destination: number, endian: little}",
                  UDP_PACKET, "2001=65226");
    assert_mapped("{layer: ipv4, offset: 0, length: 4, destination: number}", UDP_PACKET, "2001=4");
    assert_mapped("{layer: ethernet, offset: 0, length: 48, destination: bytes_of}", UDP_PACKET,
                  "2002=0200000000bb");
    assert_mapped("{layer: tcp, offset: 0, length: 8, destination: number}", UDP_PACKET, "");
}

// What is wider than a byte and no whole bytes is the number that the bits are; as bytes it is what
// goflow2 makes of it.
static void odd_lengths_are_numbers_all_the_same(void **state)
{
    (void)state;
    assert_mapped("{layer: dot1q, offset: 4, length: 12, destination: number}",
                  ETHERNET("8100") TAG("eabc", "0800") IPV4("11"), "2001=2748");
    assert_mapped("{layer: dot1q, offset: 4, length: 12, destination: bytes_of}",
                  ETHERNET("8100") TAG("eabc", "0800") IPV4("11"), "2002=ab0c");
    assert_mapped("{layer: mpls, offset: 0, length: 20, destination: number}",
                  ETHERNET("8847") "12345140" IPV4("11"), "2001=74565");
}

static void past_the_end_there_are_zeros_or_nothing(void **state)
{
    (void)state;
    assert_mapped("{layer: udp, offset: 56, length: 24, destination: bytes_of},"
                  "{layer: udp, offset: 56, length: 24, destination: number},"
                  "{layer: udp, offset: 72, length: 8, destination: bytes_of},"
                  "{layer: udp, offset: 72, length: 8, destination: number},"
                  "{layer: udp, offset: 0, length: 0, destination: bytes_of}",
                  UDP_PACKET, "2002=fe0000 2001=16646144 2002= 2001=0 2002=");
}

static void fields_of_the_schema_take_bits_too(void **state)
{
    (void)state;
    const struct flow *parsed = parse_by(
        "sflow: {mapping: [{layer: udp, offset: 32, length: 16, destination: Bytes},"
        " {layer: ipv4, offset: 4, length: 32, destination: next_hop},"
        " {layer: ipv4, offset: 128, length: 32, destination: src_addr},"
        " {layer: udp, offset: 0, length: 8, destination: sequence_num}]}",
        PACKET_ETHERNET, UDP_PACKET);
    assert_int_equal(flow_num(parsed, FLOW_BYTES), 0x14);
    assert_bytes(parsed, FLOW_NEXT_HOP, "52000641");
    assert_bytes(parsed, FLOW_SRC_ADDR, "0a000002"); // behind what the layer itself set
    assert_int_equal(flow_num(parsed, FLOW_SEQUENCE_NUM), 0);
}

// Every name of a layer, by turns for two columns.
static void layers_have_their_names_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *names[8];
        const char *hex;
    } cases[] = {
        {{"ethernet", "2"}, ETHERNET("0800") IPV4("11")},
        {{"dot1q", "etype33024", "etype0x8100"}, ETHERNET("8100") TAG("0001", "0800") IPV4("11")},
        {{"dot1q", "etype34984", "etype0x88a8"}, ETHERNET("88a8") TAG("0001", "0800") IPV4("11")},
        {{"mpls", "etype34887", "etype0x8847"}, ETHERNET("8847") "00010140" IPV4("11")},
        {{"ipv4", "ip", "3", "etype2048", "etype0x0800"}, ETHERNET("0800") IPV4("00")},
        {{"ipv6", "ip", "3", "etype34525", "etype0x86dd"}, ETHERNET("86dd") IPV6("3b")},
        {{"ipv6eh_routing", "ipv6-route", "ipv6eh", "proto43"},
         ETHERNET("86dd") IPV6("2b") SRH("3b")},
        {{"ipv6eh_fragment", "ipv6-frag", "ipv6eh", "proto44"},
         ETHERNET("86dd") IPV6("2c") "3b00 0001 00000007"},
        {{"tcp", "4", "proto6"}, ETHERNET("0800") IPV4("06") TCP},
        {{"udp", "4", "proto17"}, UDP_PACKET},
        {{"icmp", "proto1"}, ETHERNET("0800") IPV4("01") "0800 0000 00000000"},
        {{"icmpv6", "ipv6-icmp", "icmp6", "proto58"},
         ETHERNET("86dd") IPV6("3a") "8000 0000 00000000"},
        {{"gre", "proto47"}, IN_GRE("0000 0000")},
        {{"sctp", "4", "proto132"}, ETHERNET("0800") IPV4("84") "1388 1770 00000001 00000002"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char items[2048] = "";
        char expected[256] = "";
        size_t count = 0;
        while (cases[i].names[count] != NULL)
            count++;
        // The file names them the other way round: the order is the layer's.
        for (size_t j = count; j-- > 0;)
            snprintf(items + strlen(items), sizeof items - strlen(items),
                     "{layer: '%s', offset: 0, length: 0, destination: %s},", cases[i].names[j],
                     j % 2 == 0 ? "number" : "list");
        for (size_t j = 0; j < count; j++)
            snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%d=0",
                     j == 0 ? "" : " ", j % 2 == 0 ? 2001 : 2003);
        assert_mapped(items, cases[i].hex, expected);
    }
}

#define INNER INNER_ETHERNET INNER_IPV4("11") INNER_UDP

static void encapsulated_layers_are_told_apart(void **state)
{
    (void)state;
    static const char items[] =
        "{layer: udp, offset: 0, length: 16, destination: number},"
        "{layer: udp, encap: true, offset: 0, length: 16, destination: list},"
        "{layer: vxlan, encap: true, offset: 32, length: 24, destination: number},"
        "{layer: vxlan, offset: 32, length: 24, destination: list},"
        "{layer: udp4789, encap: true, offset: 0, length: 8, destination: list},"
        "{layer: ethernet, encap: true, offset: 0, length: 48, destination: bytes_of}";
    assert_mapped(items, IN_UDP("12b5") VXLAN INNER,
                  "2001=40000 2001=77 2003=8 2002=0200000000dd 2003=1000");
    assert_mapped(items, IN_GRE("0000 6558") INNER, "2002=0200000000dd 2003=1000");
    assert_mapped("{layer: etype25944, encap: true, offset: 0, length: 8, destination: number},"
                  "{layer: proto4, encap: true, offset: 0, length: 8, destination: list}",
                  IN_GRE("0000 6558") INNER, "2001=2");
    assert_mapped("{layer: geneve, encap: true, offset: 32, length: 24, destination: number},"
                  "{layer: udp6081, encap: true, offset: 40, length: 8, destination: list}",
                  IN_UDP("17c1") "00006558 00000a00" INNER, "2001=10 2003=0");
}

static const char GRE_PORT[] = "sflow: {ports: [{proto: udp, dir: both, port: 4754, parser: gre}],"
                               " mapping: [{layer: gre, encap: true, offset: 16, length: 16,"
                               " destination: number}, {layer: udp4754, encap: true, offset: 0,"
                               " length: 8, destination: list}]}";

static void ports_have_parsers(void **state)
{
    (void)state;
    assert_customs(parse_by(GRE_PORT, PACKET_ETHERNET, IN_UDP("1292") "0000 0800" INNER_IPV4("11")),
                   "2001=2048 2003=0");
    assert_layers(&flow, "Ethernet 14 IPv4 20 UDP 8 GRE 4 IPv4 20");
    assert_outer_ipv4(&flow);
    assert_customs(parse_by(GRE_PORT, PACKET_ETHERNET,
                            ETHERNET("0800") IPV4("11") "1292 9c40 0014 cafe 0000 0800"),
                   "2001=2048 2003=0");
    assert_customs(parse_by(GRE_PORT, PACKET_ETHERNET, ETHERNET("0800") IPV4("06") TCP), "");
    assert_customs(parse_by(GRE_PORT, PACKET_ETHERNET, UDP_PACKET "0000 0800"), "");
    parse_by("sflow: {ports: [{proto: tcp, dir: src, port: 443, parser: ipv4}]}", PACKET_ETHERNET,
             ETHERNET("0800") IPV4("06") TCP INNER_IPV4("11"));
    assert_layers(&flow, "Ethernet 14 IPv4 20 TCP 20 IPv4 20");
    assert_outer_ipv4(&flow);
    parse_by("sflow: {ports: [{proto: tcp, dir: dst, port: 443, parser: ipv4}]}", PACKET_ETHERNET,
             ETHERNET("0800") IPV4("06") TCP INNER_IPV4("11"));
    assert_layers(&flow, "Ethernet 14 IPv4 20 TCP 20");
}

static void the_destination_port_goes_first(void **state)
{
    (void)state;
    static const char ports[] = "sflow: {ports: [{proto: udp, dir: src, port: 40000, parser: ipv4},"
                                " {proto: udp, dir: dst, port: 53, parser: ipv6}]}";
    parse_by(ports, PACKET_ETHERNET, UDP_PACKET INNER_IPV6("3b"));
    assert_layers(&flow, "Ethernet 14 IPv4 20 UDP 8 IPv6 40");
    parse_by(ports, PACKET_ETHERNET, IN_UDP("0036") INNER_IPV4("00"));
    assert_layers(&flow, "Ethernet 14 IPv4 20 UDP 8 IPv4 20");
}

// A carried UDP header is another packet's, even where only a port says so.
static void what_udp_carries_never_sets_the_fields(void **state)
{
    (void)state;
    parse_by("sflow: {ports: [{proto: udp, dir: dst, port: 53, parser: udp}]}", PACKET_ETHERNET,
             UDP_PACKET INNER_UDP);
    assert_layers(&flow, "Ethernet 14 IPv4 20 UDP 8 UDP 8");
    assert_ports(&flow, 40000, 53);
}

// UDP in UDP in UDP: the work ends however long the packet goes on so, and so does what is kept.
static void values_are_bounded(void **state)
{
    (void)state;
    char hex[8192] = ETHERNET("0800") IPV4("11");
    char items[1024] = "";
    for (int i = 0; i < 100; i++)
        strncat(hex, UDP("0035"), sizeof hex - strlen(hex) - 1);
    snprintf(items, sizeof items,
             "sflow: {ports: [{proto: udp, dir: dst, port: 53, parser: udp}], mapping: ["
             "{layer: udp, encap: true, offset: 4, length: 400, destination: bytes_of},"
             "{layer: udp, encap: true, offset: 0, length: 16, destination: list}]}");
    parse_by(items, PACKET_ETHERNET, hex);
    assert_int_equal(flow.custom_count, FLOW_CUSTOM_MAX);
    assert_true(flow.list_cut);
    assert_int_equal(flow_num(&flow, FLOW_LAYER_STACK), FLOW_LIST_MAX);
}

static int forget_packet(void **state)
{
    free(packet.data);
    return remove_scratch(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_cut_out),
        cmocka_unit_test(bits_count_from_the_layers_start),
        cmocka_unit_test(odd_lengths_are_numbers_all_the_same),
        cmocka_unit_test(past_the_end_there_are_zeros_or_nothing),
        cmocka_unit_test(fields_of_the_schema_take_bits_too),
        cmocka_unit_test(layers_have_their_names_in_order),
        cmocka_unit_test(encapsulated_layers_are_told_apart),
        cmocka_unit_test(ports_have_parsers),
        cmocka_unit_test(the_destination_port_goes_first),
        cmocka_unit_test(what_udp_carries_never_sets_the_fields),
        cmocka_unit_test(values_are_bounded),
    };
    return cmocka_run_group_tests(tests, quiet, forget_packet);
}
