#include "tests/collector/decode/packet_case.h"

#include <stdio.h>

static void test_ethernet_ipv4_tcp(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("0800") IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 TCP 20");
    assert_outer_ipv4(&p->flow);
    assert_ports(&p->flow, 443, 50000);
    assert_int_equal(flow_num(&p->flow, FLOW_DST_MAC), 0x0200000000bb);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 6);
    assert_int_equal(flow_num(&p->flow, FLOW_TCP_FLAGS), 0x18);
    assert_int_equal(flow_num(&p->flow, FLOW_IP_TOS), 0x20);
    assert_int_equal(flow_num(&p->flow, FLOW_IP_FLAGS), 2);
    assert_int_equal(flow_num(&p->flow, FLOW_FRAGMENT_ID), 0x1234);
    assert_false(flow_has(&p->flow, FLOW_FRAGMENT_OFFSET));
    assert_false(p->flow.list_cut);
    done(p);
}

static void test_unknown_etype_ends_the_walk(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("88cc") "0207040000000000 00000000");
    assert_layers(&p->flow, "Ethernet 14");
    assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x88cc);
    assert_false(flow_has(&p->flow, FLOW_SRC_ADDR));
    done(p);
}

static void test_vlan_tags(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("8100") TAG("e064", "0800") IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Dot1Q 4 IPv4 20 TCP 20");
    assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 100); // without priority and DEI bits
    assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x0800);
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("88a8") TAG("0064", "9100") TAG("0065", "8100")
                                   TAG("00c8", "0800") IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Dot1Q 4 Dot1Q 4 Dot1Q 4 IPv4 20 TCP 20");
    assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 200); // the innermost
    assert_outer_ipv4(&p->flow);
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("8100") TAG("0014", "0800"));
    assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 20);
    assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x0800);
    done(p);
}

// Every tag type around 0x8100, and an inner one that only has a priority, or a reserved number.
static void test_tag_types(void **state)
{
    (void)state;
    static const char *const types[] = {"8100", "88a8", "9100", "9200", "9300"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char hex[512];
        snprintf(hex, sizeof hex, "0200000000bb 0200000000aa %s 0064 8100 00c8 0800 %s", types[i],
                 IPV4("06") TCP);
        struct parsed *p = parse(PACKET_ETHERNET, hex);
        assert_layers(&p->flow, "Ethernet 14 Dot1Q 4 Dot1Q 4 IPv4 20 TCP 20");
        assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 200);
        assert_outer_ipv4(&p->flow);
        done(p);
    }
    static const char *const no_vlan[] = {"e000", "0fff"};
    for (size_t i = 0; i < 2; i++) {
        char hex[512];
        snprintf(hex, sizeof hex, "0200000000bb 0200000000aa 88a8 0064 8100 %s 0800 %s", no_vlan[i],
                 IPV4("06") TCP);
        struct parsed *p = parse(PACKET_ETHERNET, hex);
        assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 100);
        assert_ports(&p->flow, 443, 50000);
        done(p);
    }
}

// 802.1ah: the addresses in front are the backbone's, all else is the customer's.
static void test_provider_backbone(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("88e7") "00123456 " INNER_ETHERNET IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Custom 4 Ethernet 14 IPv4 20 TCP 20");
    assert_outer_ipv4(&p->flow);
    assert_ports(&p->flow, 443, 50000);
    done(p);

    p = parse(PACKET_ETHERNET,
              ETHERNET("88a8")
                  TAG("0064", "88e7") "00123456 0200000000dd 0200000000cc 8100 " TAG("00c8", "86dd")
                      IPV6("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Dot1Q 4 Custom 4 Ethernet 14 Dot1Q 4 IPv6 40 TCP 20");
    assert_outer_ipv6(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 200);
    assert_int_equal(flow_num(&p->flow, FLOW_DST_MAC), 0x0200000000bb);
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("88e7") "00123456 0200000000dd 0200000000cc 08");
    assert_layers(&p->flow, "Ethernet 14 Custom 4");
    done(p);
}

// What is encrypted, or no protocol known here, ends the walk with its EtherType.
static void test_macsec_is_opaque(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("88e5") "2c00 00000001 " IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14");
    assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x88e5);
    assert_false(flow_has(&p->flow, FLOW_SRC_ADDR));
    done(p);
}

// A length in the place of the EtherType: LLC, which names a protocol only by SNAP.
static void test_llc(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("0026") "424203 0000000000");
    assert_layers(&p->flow, "Ethernet 14");
    assert_false(flow_has(&p->flow, FLOW_ETYPE));
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("8100") TAG("0064", "0026") "424203 0000000000");
    assert_layers(&p->flow, "Ethernet 14 Dot1Q 4");
    assert_false(flow_has(&p->flow, FLOW_ETYPE));
    assert_int_equal(flow_num(&p->flow, FLOW_VLAN_ID), 100);
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("0054") "aaaa03 000000 0800 " IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Custom 8 IPv4 20 TCP 20");
    assert_outer_ipv4(&p->flow);
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("0054") "aaaa03 00000c 010b " IPV4("06") TCP); // PVST
    assert_layers(&p->flow, "Ethernet 14");
    assert_false(flow_has(&p->flow, FLOW_SRC_ADDR));
    done(p);
}

// What was known before the header keeps its value where the header says zero.
static void test_a_zero_replaces_nothing(void **state)
{
    (void)state;
    struct bytes bytes = bytes_hex(ETHERNET("0026") "424203 0000000000");
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    flow_set_num(flow, FLOW_ETYPE, 0x0800);
    flow_set_num(flow, FLOW_VLAN_ID, 7);
    packet_parse(flow, PACKET_ETHERNET, bytes.data, bytes.len);
    assert_nums(flow, FLOW_ETYPE, 0x0800, FLOW_VLAN_ID, 7);
    free(bytes.data);
    bytes = bytes_hex("45000064 00002000 0011aaaa 00000000 ffffffff 00000000");
    flow_reset(flow);
    flow_set_num(flow, FLOW_IP_TTL, 64);
    flow_set_num(flow, FLOW_DST_PORT, 53);
    flow_set_bytes(flow, FLOW_SRC_ADDR, "\x0a\0\0\1", 4);
    packet_parse(flow, PACKET_IPV4, bytes.data, bytes.len);
    assert_nums(flow, FLOW_IP_TTL, 64, FLOW_DST_PORT, 53);
    assert_bytes(flow, FLOW_SRC_ADDR, "0a000001");
    assert_bytes(flow, FLOW_DST_ADDR, "ffffffff");
    free(flow);
    free(bytes.data);
}

static void test_mpls(void **state)
{
    (void)state;
    static const char *const etypes[] = {
        ETHERNET("8847") "000640ff 000c81fe " IPV4("06") TCP,
        ETHERNET("8848") "000640ff 000c81fe " IPV4("06") TCP,
    };
    for (int i = 0; i < 2; i++) {
        struct parsed *p = parse(PACKET_ETHERNET, etypes[i]);
        assert_layers(&p->flow, "Ethernet 14 MPLS 8 IPv4 20 TCP 20");
        assert_outer_ipv4(&p->flow);
        size_t count = 0;
        const uint32_t *labels = flow_num_list(&p->flow, FLOW_MPLS_LABEL, &count);
        assert_int_equal(count, 2);
        assert_int_equal(labels[0], 100);
        assert_int_equal(labels[1], 200);
        const uint32_t *ttls = flow_num_list(&p->flow, FLOW_MPLS_TTL, &count);
        assert_int_equal(count, 2);
        assert_int_equal(ttls[0], 255);
        assert_int_equal(ttls[1], 254);
        done(p);
    }
    struct parsed *p = parse(PACKET_MPLS, "00012141 " IPV6("3a") "8080f96508a4");
    assert_layers(&p->flow, "MPLS 4 IPv6 40 ICMPv6 8");
    assert_outer_ipv6(&p->flow);
    done(p);
}

static void test_mpls_entropy_label_is_not_the_bottom(void **state)
{
    (void)state;
    // Label 100, indicator 7, entropy label 0x40001, which only looks like an IPv4 header.
    struct parsed *p = parse(PACKET_MPLS, "000640ff 000070ff 40001100 " IPV4("06") TCP);
    assert_layers(&p->flow, "MPLS 12 IPv4 20 TCP 20");
    done(p);
}

static void test_tagged_mpls_ipv6_icmp(void **state)
{
    (void)state;
    struct parsed *p = parse(
        PACKET_ETHERNET,
        ETHERNET("8100") TAG("0000", "8847") "000120ff 000101ff " IPV6("3a") "8080f96508a4");
    assert_layers(&p->flow, "Ethernet 14 Dot1Q 4 MPLS 8 IPv6 40 ICMPv6 8");
    size_t count = 0;
    const uint32_t *labels = flow_num_list(&p->flow, FLOW_MPLS_LABEL, &count);
    assert_int_equal(count, 2);
    assert_int_equal(labels[0], 18);
    assert_int_equal(labels[1], 16);
    assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x86dd);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_TYPE), 128);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_CODE), 128);
    done(p);
}

static void test_pppoe(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("8864") "1100 0001 0066 0021 " IPV4("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Custom 8 IPv4 20 TCP 20");
    assert_outer_ipv4(&p->flow);
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("8864") "1100 0001 0066 0057 " IPV6("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 Custom 8 IPv6 40 TCP 20");
    assert_outer_ipv6(&p->flow);
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("8864") "1100 0001 0066 c021 " IPV4("06"));
    assert_layers(&p->flow, "Ethernet 14 Custom 8");
    done(p);
}

static void test_ipv4_options(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("0800") "46200064 12344000 3f06aaaa 0a000001 0a000002 "
                                              "01010101 " TCP);
    assert_layers(&p->flow, "Ethernet 14 IPv4 24 TCP 20");
    assert_ports(&p->flow, 443, 50000);
    done(p);
    p = parse(PACKET_IPV4, "44200064 12344000 3f06aaaa 0a000001 0a000002 " TCP);
    assert_layers(&p->flow, "IPv4 20"); // an invalid header length: nothing behind it is read
    assert_false(flow_has(&p->flow, FLOW_SRC_PORT));
    done(p);
}

static void test_ipv4_fragments(void **state)
{
    (void)state;
    struct parsed *p = parse(
        PACKET_IPV4, "45200064 123420b9 3f11aaaa 0a000001 0a000002 abababababababab abababab");
    assert_layers(&p->flow, "IPv4 20");
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 17);
    assert_int_equal(flow_num(&p->flow, FLOW_IP_FLAGS), 1);
    assert_int_equal(flow_num(&p->flow, FLOW_FRAGMENT_OFFSET), 185);
    assert_int_equal(flow_num(&p->flow, FLOW_FRAGMENT_ID), 0x1234);
    assert_ports(&p->flow, 0, 0);
    done(p);
    p = parse(PACKET_IPV4, "45200064 12342000 3f11aaaa 0a000001 0a000002 " UDP("0035"));
    assert_layers(&p->flow, "IPv4 20 UDP 8");
    assert_ports(&p->flow, 40000, 53);
    done(p);
}

static void test_tcp_size_is_its_data_offset(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_IPV4, IPV4("06") "01bb c350 00000001 00000002 8010 0400 beef "
                                                     "0000 0101080a 00000001 00000002");
    assert_layers(&p->flow, "IPv4 20 TCP 32");
    assert_int_equal(flow_num(&p->flow, FLOW_TCP_FLAGS), 0x10);
    done(p);
}

static void test_icmp(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("0800") IPV4("01") "0301 8cf7 0006 27c4");
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 ICMP 8");
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_TYPE), 3);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_CODE), 1);
    done(p);
    p = parse(PACKET_ETHERNET, ETHERNET("86dd") IPV6("3a") "8702 1111 0001 0002");
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 ICMPv6 8");
    assert_outer_ipv6(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 58);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_TYPE), 135);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_CODE), 2);
    done(p);
}

static void test_sctp(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("0800") IPV4("84") "1388 1770 00000001 00000002");
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 Custom 12");
    assert_ports(&p->flow, 5000, 6000);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 132);
    done(p);
}

static void test_ipv6_options_and_authentication(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("86dd") IPV6("00") "3c00 0000 00000000 " // hop-by-hop
                                                         "3301 0000 00000000 0000000000000000 "
                                                         "1104 0000 00000001 00000002 "
                                                         "000000000000000000000000 " UDP("0035"));
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 Custom 8 Custom 16 Custom 24 UDP 8");
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 17);
    assert_ports(&p->flow, 40000, 53);
    assert_outer_ipv6(&p->flow);
    done(p);
}

static void test_ipv6_fragments(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_IPV6, IPV6("2c") "3a00 0001 a7882ea9 8000 1111");
    assert_layers(&p->flow, "IPv6 40 Fragment 8 ICMPv6 8");
    assert_int_equal(flow_num(&p->flow, FLOW_FRAGMENT_ID), UINT32_C(2810719913));
    assert_false(flow_has(&p->flow, FLOW_FRAGMENT_OFFSET));
    assert_int_equal(flow_num(&p->flow, FLOW_IP_FLAGS), 1);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 58);
    assert_int_equal(flow_num(&p->flow, FLOW_ICMP_TYPE), 128);
    done(p);
    p = parse(PACKET_IPV6, IPV6("2c") "0600 05a8 a7882ea9 " TCP);
    assert_layers(&p->flow, "IPv6 40 Fragment 8");
    assert_int_equal(flow_num(&p->flow, FLOW_FRAGMENT_OFFSET), 181);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 6);
    assert_ports(&p->flow, 0, 0);
    done(p);
}

static void test_start_by_protocol(void **state)
{
    (void)state;
    static const enum packet_start ipv4[] = {PACKET_IPV4, PACKET_IP};
    static const enum packet_start ipv6[] = {PACKET_IPV6, PACKET_IP};
    for (int i = 0; i < 2; i++) {
        struct parsed *p = parse(ipv4[i], IPV4("06") TCP);
        assert_layers(&p->flow, "IPv4 20 TCP 20");
        assert_int_equal(flow_num(&p->flow, FLOW_ETYPE), 0x0800);
        done(p);
        p = parse(ipv6[i], IPV6("06") TCP);
        assert_layers(&p->flow, "IPv6 40 TCP 20");
        assert_outer_ipv6(&p->flow);
        done(p);
    }
    struct parsed *p = parse(PACKET_IPV4, IPV6("06") TCP);
    assert_layers(&p->flow, "");
    done(p);
    p = parse(PACKET_IP, "00");
    assert_layers(&p->flow, "");
    done(p);
}

// The ports of a header that is cut behind them are taken, the header is not listed.
static void test_cut_transport(void **state)
{
    (void)state;
    static const char *const protocols[] = {IPV4("06"), IPV4("11"), IPV4("84")};
    for (int i = 0; i < 3; i++) {
        char hex[256];
        snprintf(hex, sizeof hex, "%s 01bb c350 00", protocols[i]);
        struct parsed *p = parse(PACKET_IPV4, hex);
        assert_layers(&p->flow, "IPv4 20");
        assert_ports(&p->flow, 443, 50000);
        done(p);
    }
}

static void test_second_header_replaces_the_layers(void **state)
{
    (void)state;
    struct bytes bytes = bytes_hex("000640ff 000c81fe " IPV4("06") TCP);
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    for (int i = 0; i < 2; i++)
        packet_parse(flow, PACKET_MPLS, bytes.data, bytes.len);
    assert_layers(flow, "MPLS 8 IPv4 20 TCP 20");
    assert_int_equal(flow_num(flow, FLOW_MPLS_LABEL), 2);
    free(flow);
    free(bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ethernet_ipv4_tcp),
        cmocka_unit_test(test_unknown_etype_ends_the_walk),
        cmocka_unit_test(test_vlan_tags),
        cmocka_unit_test(test_tag_types),
        cmocka_unit_test(test_provider_backbone),
        cmocka_unit_test(test_macsec_is_opaque),
        cmocka_unit_test(test_llc),
        cmocka_unit_test(test_a_zero_replaces_nothing),
        cmocka_unit_test(test_mpls),
        cmocka_unit_test(test_mpls_entropy_label_is_not_the_bottom),
        cmocka_unit_test(test_tagged_mpls_ipv6_icmp),
        cmocka_unit_test(test_pppoe),
        cmocka_unit_test(test_ipv4_options),
        cmocka_unit_test(test_ipv4_fragments),
        cmocka_unit_test(test_tcp_size_is_its_data_offset),
        cmocka_unit_test(test_icmp),
        cmocka_unit_test(test_sctp),
        cmocka_unit_test(test_ipv6_options_and_authentication),
        cmocka_unit_test(test_ipv6_fragments),
        cmocka_unit_test(test_start_by_protocol),
        cmocka_unit_test(test_cut_transport),
        cmocka_unit_test(test_second_header_replaces_the_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
