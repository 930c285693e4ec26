#include "tests/collector/decode/packet_case.h"

static void test_segment_routing(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("86dd") IPV6("2b") SRH("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 Routing 40 TCP 20");
    assert_outer_ipv6(&p->flow);
    assert_ports(&p->flow, 443, 50000);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 6);
    assert_int_equal(flow_num(&p->flow, FLOW_IPV6_ROUTING_HEADER_SEG_LEFT), 1);
    size_t count = 0;
    const struct span *segments = flow_bytes_list(&p->flow, FLOW_IPV6_ROUTING_HEADER_ADDRESSES,
                                                  &count);
    assert_int_equal(count, 2);
    assert_int_equal(segments[0].len, 16);
    assert_int_equal(segments[0].data[15], 3);
    assert_int_equal(segments[1].data[15], 4);
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("86dd") IPV6("2b") SRH("04") INNER_IPV4("11") INNER_UDP);
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 Routing 40 IPv4 20 UDP 8");
    assert_outer_ipv6(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 4);
    assert_ports(&p->flow, 0, 0);
    done(p);

    p = parse(PACKET_ETHERNET,
              ETHERNET("86dd") IPV6("2b") SRH("8f") INNER_ETHERNET INNER_IPV4("11") INNER_UDP);
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 Routing 40 Ethernet 14 IPv4 20 UDP 8");
    assert_int_equal(flow_num(&p->flow, FLOW_SRC_MAC), 0x0200000000aa);
    done(p);
}

// A type without a segment list, and a list that claims more segments than its header can hold.
static void test_routing_header_lies(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_IPV6, IPV6("2b") "0602 02 01 00000000 "
                                                     "20010db8000000000000000000000003 " TCP);
    assert_layers(&p->flow, "IPv6 40 Routing 24 TCP 20");
    assert_false(flow_has(&p->flow, FLOW_IPV6_ROUTING_HEADER_ADDRESSES));
    done(p);
    p = parse(PACKET_IPV6, IPV6("2b") "0602 04 01 ff 000000 "
                                      "20010db8000000000000000000000003 " TCP);
    size_t count = 0;
    (void)flow_bytes_list(&p->flow, FLOW_IPV6_ROUTING_HEADER_ADDRESSES, &count);
    assert_int_equal(count, 1);
    done(p);
}

static void test_ip_in_ip(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET,
                             ETHERNET("0800") IPV4("04") INNER_IPV4("11") INNER_UDP);
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 IPv4 20 UDP 8");
    assert_outer_ipv4(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 4);
    assert_ports(&p->flow, 0, 0);
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("0800") IPV4("29") INNER_IPV6("06") TCP);
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 IPv6 40 TCP 20");
    assert_outer_ipv4(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 41);
    assert_false(flow_has(&p->flow, FLOW_TCP_FLAGS));
    done(p);

    p = parse(PACKET_ETHERNET, ETHERNET("0800") IPV4("89") "0012c13c " INNER_IPV4("11") INNER_UDP);
    assert_layers(&p->flow, "Ethernet 14 IPv4 20 MPLS 4 IPv4 20 UDP 8");
    assert_false(flow_has(&p->flow, FLOW_MPLS_LABEL));
    assert_outer_ipv4(&p->flow);
    done(p);
}

static void assert_gre(const char *hex, const char *layers)
{
    struct parsed *p = parse(PACKET_ETHERNET, hex);
    assert_layers(&p->flow, layers);
    assert_outer_ipv4(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 47);
    assert_ports(&p->flow, 0, 0);
    assert_false(flow_has(&p->flow, FLOW_MPLS_LABEL));
    done(p);
}

static void test_gre(void **state)
{
    (void)state;
    assert_gre(IN_GRE("0000 0800 ") INNER_IPV4("11") INNER_UDP,
               "Ethernet 14 IPv4 20 GRE 4 IPv4 20 UDP 8");
    assert_gre(IN_GRE("2000 0800 0000002a ") INNER_IPV4("11") INNER_UDP,
               "Ethernet 14 IPv4 20 GRE 8 IPv4 20 UDP 8");
    assert_gre(IN_GRE("b000 86dd cafe0000 0000002a 00000001 ") INNER_IPV6("11") INNER_UDP,
               "Ethernet 14 IPv4 20 GRE 16 IPv6 40 UDP 8");
    assert_gre(IN_GRE("0000 8847 0012c13c ") INNER_IPV4("11") INNER_UDP,
               "Ethernet 14 IPv4 20 GRE 4 MPLS 4 IPv4 20 UDP 8");
    // NVGRE: a virtual subnet in the key, Ethernet inside.
    assert_gre(IN_GRE("2000 6558 00004d00 ") INNER_ETHERNET INNER_IPV4("06") TCP,
               "Ethernet 14 IPv4 20 GRE 8 Ethernet 14 IPv4 20 TCP 20");
    // Version 1 carries PPP; versions above it, and source routes, are not known.
    assert_gre(IN_GRE("3081 880b 00040001 00000001 00000002 ff03"), "Ethernet 14 IPv4 20 GRE 16");
    assert_gre(IN_GRE("4000 0800 00000000 ") INNER_IPV4("11"), "Ethernet 14 IPv4 20 GRE 8");
    assert_gre(IN_GRE("0002 0800 ") INNER_IPV4("11"), "Ethernet 14 IPv4 20");
}

static void test_gre_in_ipv6(void **state)
{
    (void)state;
    struct parsed *p = parse(PACKET_ETHERNET, ETHERNET("86dd") IPV6("2f") "0000 0800 " INNER_IPV4(
                                                  "01") "0800 1111 0001 0002");
    assert_layers(&p->flow, "Ethernet 14 IPv6 40 GRE 4 IPv4 20 ICMP 8");
    assert_outer_ipv6(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 47);
    assert_false(flow_has(&p->flow, FLOW_ICMP_TYPE));
    done(p);
}

static void assert_udp_tunnel(const char *hex, uint64_t port, const char *layers)
{
    struct parsed *p = parse(PACKET_ETHERNET, hex);
    assert_layers(&p->flow, layers);
    assert_outer_ipv4(&p->flow);
    assert_int_equal(flow_num(&p->flow, FLOW_PROTO), 17);
    assert_ports(&p->flow, 40000, port);
    assert_false(flow_has(&p->flow, FLOW_TCP_FLAGS));
    done(p);
}

static void test_vxlan(void **state)
{
    (void)state;
    const char *layers = "Ethernet 14 IPv4 20 UDP 8 Custom 8 Ethernet 14 IPv4 20 TCP 20";
    assert_udp_tunnel(IN_UDP("12b5") VXLAN INNER_ETHERNET INNER_IPV4("06") TCP, 4789, layers);
    assert_udp_tunnel(IN_UDP("2118") VXLAN INNER_ETHERNET INNER_IPV4("06") TCP, 8472, layers);
    assert_udp_tunnel(IN_UDP("12b5") "00000000 00004d00 " INNER_ETHERNET, 4789,
                      "Ethernet 14 IPv4 20 UDP 8"); // no network identifier: not VXLAN
}

static void test_geneve(void **state)
{
    (void)state;
    assert_udp_tunnel(
        IN_UDP("17c1") "0240 6558 00000a00 0102800100000000 " INNER_ETHERNET INNER_IPV4(
            "01") "0800 1111 0001 0002",
        6081, "Ethernet 14 IPv4 20 UDP 8 Geneve 16 Ethernet 14 IPv4 20 ICMP 8");
    assert_udp_tunnel(IN_UDP("17c1") "0000 86dd 00000a00 " INNER_IPV6("06") TCP, 6081,
                      "Ethernet 14 IPv4 20 UDP 8 Geneve 8 IPv6 40 TCP 20");
    assert_udp_tunnel(IN_UDP("17c1") "4000 0800 00000a00 " INNER_IPV4("06"), 6081,
                      "Ethernet 14 IPv4 20 UDP 8"); // another version
}

static void test_teredo(void **state)
{
    (void)state;
    assert_udp_tunnel(IN_UDP("0dd8") INNER_IPV6("11") INNER_UDP, 3544,
                      "Ethernet 14 IPv4 20 UDP 8 Teredo 0 IPv6 40 UDP 8");
    assert_udp_tunnel(IN_UDP("0dd8") "0000 1234 0a000001 " INNER_IPV6("11") INNER_UDP, 3544,
                      "Ethernet 14 IPv4 20 UDP 8 Teredo 8 IPv6 40 UDP 8");
    assert_udp_tunnel(IN_UDP("0dd8") "0001 0102 aa bbbb 0000000000000001 00 "
                                     "0000 1234 0a000001 " INNER_IPV6("11") INNER_UDP,
                      3544, "Ethernet 14 IPv4 20 UDP 8 Teredo 24 IPv6 40 UDP 8");
    assert_udp_tunnel(IN_UDP("0dd8") "deadbeef deadbeef", 3544, "Ethernet 14 IPv4 20 UDP 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_routing), cmocka_unit_test(test_routing_header_lies),
        cmocka_unit_test(test_ip_in_ip),        cmocka_unit_test(test_gre),
        cmocka_unit_test(test_gre_in_ipv6),     cmocka_unit_test(test_vxlan),
        cmocka_unit_test(test_geneve),          cmocka_unit_test(test_teredo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
