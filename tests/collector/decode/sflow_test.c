#include "tests/collector/decode/sflow_case.h"

// The flow of a flow sample that holds one record, which is expected to be readable.
static struct result *decode_record(uint32_t format, const char *hex)
{
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 1);
    put_record(w, format, hex);
    put_end(w, sample);
    struct result *result = finish(w);
    assert_int_equal(result->count, 1);
    assert_int_equal(result->ledger.units_decoded, 1);
    assert_int_equal(result->ledger.reasons[REASON_RECORD_INVALID], 0);
    return result;
}

static void test_flow_sample(void **state)
{
    (void)state;
    struct result *r = decode_record(1, RAW_ETHERNET);
    const struct flow *flow = &r->flows[0];
    assert_nums(flow, FLOW_TYPE, FLOW_TYPE_SFLOW_5, FLOW_SEQUENCE_NUM, 7);
    assert_nums(flow, FLOW_TIME_RECEIVED_NS, RECEIVED_NS, FLOW_SAMPLING_RATE, 1000);
    assert_nums(flow, FLOW_TIME_FLOW_START_NS, RECEIVED_NS, FLOW_TIME_FLOW_END_NS, RECEIVED_NS);
    assert_nums(flow, FLOW_PACKETS, 1, FLOW_BYTES, 58);
    assert_nums(flow, FLOW_IN_IF, 3, FLOW_OUT_IF, 4);
    assert_nums(flow, FLOW_SRC_PORT, 443, FLOW_DST_PORT, 50000);
    assert_bytes(flow, FLOW_SAMPLER_ADDRESS, "0a090807");
    assert_bytes(flow, FLOW_SRC_ADDR, "0a000001");
    assert_list(flow, FLOW_LAYER_SIZE, "0000000e 00000014 00000014");
    assert_int_equal(r->ledger.datagrams_parsed, 1);
    assert_int_equal(r->ledger.units_received, 1);
    done(r);
}

static void test_agent_ipv6(void **state)
{
    (void)state;
    struct writer *w = calloc(1, sizeof *w);
    assert_non_null(w);
    put_hex(w, "00000005 00000002 20010db8000000000000000000000009 00000000 00000007 000003e8");
    put(w, 1);
    size_t sample = begin_flow(w, 3, 4, 0);
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(r->count, 1); // a sample without records is still a packet seen
    assert_bytes(&r->flows[0], FLOW_SAMPLER_ADDRESS, "20010db8000000000000000000000009");
    done(r);
}

static void test_header_protocols(void **state)
{
    (void)state;
    static const char *const records[] = {
        "0000000b 0000002c 00000004 00000028 " IPV4_TCP,
        "0000000d 00000030 00000004 0000002c 000641ff " IPV4_TCP,
    };
    for (int i = 0; i < 2; i++) {
        struct result *r = decode_record(1, records[i]);
        assert_nums(&r->flows[0], FLOW_ETYPE, 0x0800, FLOW_SRC_PORT, 443);
        assert_bytes(&r->flows[0], FLOW_DST_ADDR, "0a000002");
        done(r);
    }
    struct result *r = decode_record(
        1, "0000000c 00000030 00000004 0000002c 60000000 00043aff "
           "fd010000000000000000000000000001 fd010000000000000000000000000002 "
           "80001111");
    assert_nums(&r->flows[0], FLOW_ETYPE, 0x86dd, FLOW_ICMP_TYPE, 128);
    done(r);
    r = decode_record(1, "00000007 00000030 00000004 00000004 ff030021"); // PPP: not read
    assert_nums(&r->flows[0], FLOW_BYTES, 48, FLOW_ETYPE, 0);
    done(r);
}

static void test_padding_is_no_packet(void **state)
{
    (void)state;
    // 35 bytes: the UDP header would be whole only with the byte of padding.
    struct result *r = decode_record(1, "0000000b 00000064 00000004 0000001b "
                                        "45000064 00010000 3f11aaaa 0a000001 0a000002 "
                                        "9c40 0035 0014 ca 00");
    assert_list(&r->flows[0], FLOW_LAYER_STACK, "00000001");
    assert_nums(&r->flows[0], FLOW_SRC_PORT, 40000, FLOW_DST_PORT, 53);
    done(r);
    // An announced length beyond the record is that of the record.
    r = decode_record(1, "0000000b 00000064 00000004 ffffffff " IPV4_TCP);
    assert_nums(&r->flows[0], FLOW_SRC_PORT, 443, FLOW_TCP_FLAGS, 0x18);
    done(r);
}

static void test_sampled_ethernet(void **state)
{
    (void)state;
    struct result *r = decode_record(2, "00000040 0200000000aa0000 0200000000bb0000 00000800");
    assert_nums(&r->flows[0], FLOW_SRC_MAC, 0x0200000000aa, FLOW_DST_MAC, 0x0200000000bb);
    assert_nums(&r->flows[0], FLOW_ETYPE, 0x0800, FLOW_BYTES, 64);
    done(r);
    // Beside a raw IPv4 header it adds the addresses; the length stays the header's.
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 2);
    put_record(w, 1, "0000000b 00000064 00000004 00000028 " IPV4_TCP);
    put_record(w, 2, "00000040 0200000000aa0000 0200000000bb0000 00000800");
    put_end(w, sample);
    r = finish(w);
    assert_nums(&r->flows[0], FLOW_BYTES, 100, FLOW_SRC_MAC, 0x0200000000aa);
    done(r);
}

// Without XDR's padding of the addresses, as Huawei sends it: 20 bytes can be nothing else.
static void test_sampled_ethernet_unpadded(void **state)
{
    (void)state;
    struct result *r = decode_record(2, "00000040 0200000000aa 0200000000bb 00000800");
    assert_nums(&r->flows[0], FLOW_SRC_MAC, 0x0200000000aa, FLOW_DST_MAC, 0x0200000000bb);
    assert_nums(&r->flows[0], FLOW_ETYPE, 0x0800, FLOW_BYTES, 64);
    done(r);
}

// All bits set is "unknown", and what a field cannot hold is no value of it.
static void test_unknown_values(void **state)
{
    (void)state;
    static const struct {
        uint32_t format;
        const char *hex;
    } records[] = {
        {1, "00000001 ffffffff 00000004 00000000"},
        {2, "ffffffff 0000000000000000 0000000000000000 ffffffff"},
        {2, "00000000 0000000000000000 0000000000000000 00000026"}, // a length
        {3, "ffffffff ffffffff 00000000 00000000 ffffffff ffffffff ffffffff ffffffff"},
        {4, "ffffffff 00000100 00000000000000000000000000000000 00000000000000000000000000000000 "
            "00010000 00010000 00010000 00000100"},
        {1001, "ffffffff ffffffff ffffffff ffffffff"},
        {1001, "00000fff 00000000 00001000 00000000"},
        {1002, "00000000 ffffffff ffffffff"},
        {1002, "00000000 00000081 00000100"},
        {1003, "00000000 ffffffff ffffffff ffffffff 00000000 00000000 ffffffff"},
        {1003, "00000000 ffffffff 00000000 ffffffff 00000000 00000000 ffffffff"},
    };
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 0);
    put_end(w, sample);
    struct result *bare = finish(w);
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        struct result *r = decode_record(records[i].format, records[i].hex);
        uint64_t lists = FLOW_BIT(FLOW_LAYER_STACK) | FLOW_BIT(FLOW_LAYER_SIZE);
        assert_int_equal(r->flows[0].set & ~lists, bare->flows[0].set);
        done(r);
    }
    done(bare);
}

// The path's own unknowns, and prefix lengths longer than the address.
static void test_unknown_parts(void **state)
{
    (void)state;
    struct result *r = decode_record(1003, GATEWAY("0000fde7") "00000001 00000002 00000002 "
                                                               "ffffffff ffffffff "
                                                               "00000000 ffffffff");
    assert_nums(&r->flows[0], FLOW_SRC_AS, 64999, FLOW_NEXT_HOP_AS, 0);
    assert_int_equal(flow_num(&r->flows[0], FLOW_DST_AS), 0);
    done(r);
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 2);
    put_record(w, 1002, "00000001 09090909 00000021 00000020");
    put_record(w, 1, RAW_ETHERNET);
    put_end(w, sample);
    r = finish(w);
    assert_nums(&r->flows[0], FLOW_SRC_NET, 0, FLOW_DST_NET, 32);
    done(r);
}

static void test_sampled_ip(void **state)
{
    (void)state;
    struct result *r = decode_record(3, "0000003c 00000006 0a000001 0a000002 "
                                        "00000050 00000401 00000012 00000004");
    const struct flow *flow = &r->flows[0];
    assert_nums(flow, FLOW_BYTES, 60, FLOW_PROTO, 6);
    assert_nums(flow, FLOW_SRC_PORT, 80, FLOW_DST_PORT, 1025);
    assert_nums(flow, FLOW_TCP_FLAGS, 0x12, FLOW_IP_TOS, 4);
    assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x0800);
    assert_bytes(flow, FLOW_SRC_ADDR, "0a000001");
    assert_bytes(flow, FLOW_DST_ADDR, "0a000002");
    done(r);

    r = decode_record(4, "0000003c 00000011 20010db8000000000000000000000001 "
                         "20010db8000000000000000000000002 00000050 00000401 00000010 00000004");
    flow = &r->flows[0];
    assert_nums(flow, FLOW_ETYPE, 0x86dd, FLOW_PROTO, 17);
    assert_nums(flow, FLOW_TCP_FLAGS, 0x10, FLOW_IP_TOS, 4);
    assert_bytes(flow, FLOW_SRC_ADDR, "20010db8000000000000000000000001");
    assert_bytes(flow, FLOW_DST_ADDR, "20010db8000000000000000000000002");
    done(r);
}

static void test_switch_and_router(void **state)
{
    (void)state;
    struct result *r = decode_record(1001, "0000000a 00000001 00000014 00000002");
    assert_nums(&r->flows[0], FLOW_SRC_VLAN, 10, FLOW_DST_VLAN, 20);
    done(r);
    r = decode_record(1002, "00000001 09090909 00000018 00000010");
    assert_nums(&r->flows[0], FLOW_SRC_NET, 24, FLOW_DST_NET, 16);
    assert_bytes(&r->flows[0], FLOW_NEXT_HOP, "09090909");
    done(r);
    r = decode_record(1002, "00000002 20010db8000000000000000000000009 00000040 00000030");
    assert_bytes(&r->flows[0], FLOW_NEXT_HOP, "20010db8000000000000000000000009");
    done(r);
    r = decode_record(1002, "00000000 00000018 00000010"); // no next hop
    assert_nums(&r->flows[0], FLOW_SRC_NET, 24, FLOW_DST_NET, 16);
    assert_false(flow_has(&r->flows[0], FLOW_NEXT_HOP));
    done(r);
}

static void test_gateway(void **state)
{
    (void)state;
    struct result *r = decode_record(1003, GATEWAY("00000000") "00000001 00000002 00000002 "
                                                               "0000fbf0 0000fbf1 "
                                                               "00000001 fde80001 00000064");
    const struct flow *flow = &r->flows[0];
    assert_bytes(flow, FLOW_BGP_NEXT_HOP, "05050505");
    assert_list(flow, FLOW_AS_PATH, "0000fbf0 0000fbf1");
    assert_list(flow, FLOW_BGP_COMMUNITIES, "fde80001");
    assert_nums(flow, FLOW_SRC_AS, 65000, FLOW_DST_AS, 64497);
    assert_int_equal(flow_num(flow, FLOW_NEXT_HOP_AS), 64496);
    done(r);

    r = decode_record(1003, GATEWAY("0000fde7") "00000001 00000002 00000001 0000fbf0 "
                                                "00000000 00000064");
    assert_nums(&r->flows[0], FLOW_SRC_AS, 64999, FLOW_DST_AS, 64496);
    done(r);

    r = decode_record(1003, GATEWAY("00000000") "00000000 00000000 00000064"); // no path
    assert_nums(&r->flows[0], FLOW_SRC_AS, 65000, FLOW_DST_AS, 65000);
    assert_false(flow_has(&r->flows[0], FLOW_NEXT_HOP_AS));
    done(r);
}

static void test_gateway_segments(void **state)
{
    (void)state;
    struct result *r = decode_record(1003,
                                     GATEWAY("00000000") "00000003 "
                                                         "00000002 00000002 0000fbf0 0000fbf1 "
                                                         "00000001 00000002 0000fbf4 0000fbf5 "
                                                         "00000002 00000000 " // empty
                                                         "00000001 00000007 00000064");
    const struct flow *flow = &r->flows[0];
    assert_list(flow, FLOW_AS_PATH, "0000fbf0 0000fbf1 0000fbf4 0000fbf5");
    assert_list(flow, FLOW_BGP_COMMUNITIES, "00000007");
    assert_nums(flow, FLOW_NEXT_HOP_AS, 64496, FLOW_DST_AS, 64501);
    done(r);

    r = decode_record(1003, "00000000 0000fde8 00000000 0000fde9 00000000 00000000 00000064");
    assert_false(flow_has(&r->flows[0], FLOW_BGP_NEXT_HOP));
    assert_int_equal(flow_num(&r->flows[0], FLOW_DST_AS), 65000);
    done(r);

    r = decode_record(1003, "00000002 20010db8000000000000000000000009 0000fde8 00000000 0000fde9 "
                            "00000001 00000002 00000001 00000001 00000000 00000064");
    assert_bytes(&r->flows[0], FLOW_BGP_NEXT_HOP, "20010db8000000000000000000000009");
    assert_nums(&r->flows[0], FLOW_NEXT_HOP_AS, 1, FLOW_DST_AS, 1);
    done(r);
}

static void test_gateway_long_path(void **state)
{
    (void)state;
    enum { PATH_LEN = FLOW_ROUTE_LIST_MAX + 5 };
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 1);
    size_t record = put_begin(w, 1003);
    put_hex(w, GATEWAY("00000000") "00000001 00000002");
    put(w, PATH_LEN);
    for (uint32_t i = 1; i <= PATH_LEN; i++)
        put(w, i);
    put_hex(w, "00000000 00000064");
    put_end(w, record);
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(flow_num(&r->flows[0], FLOW_AS_PATH), FLOW_ROUTE_LIST_MAX);
    assert_nums(&r->flows[0], FLOW_DST_AS, PATH_LEN, FLOW_NEXT_HOP_AS, 1);
    assert_reason(r, REASON_LIST_LIMIT, 1);
    done(r);
}

static void test_records_together(void **state)
{
    (void)state;
    struct writer *w = start(1);
    size_t sample = begin_expanded(w, "00000000 00000003 00000000 00000004", 4);
    put_record(w, 1001, "0000000a 00000000 00000014 00000000");
    put_record(w, 1, RAW_ETHERNET);
    put_record(w, 1003,
               GATEWAY("00000000") "00000001 00000002 00000002 0000fbf0 0000fbf1 "
                                   "00000001 fde80001 00000064");
    put_record(w, 1002, "00000001 09090909 00000018 00000010");
    put_end(w, sample);
    struct result *r = finish(w);
    const struct flow *flow = &r->flows[0];
    assert_int_equal(r->count, 1);
    assert_nums(flow, FLOW_IN_IF, 3, FLOW_OUT_IF, 4);
    assert_nums(flow, FLOW_SRC_VLAN, 10, FLOW_DST_AS, 64497);
    assert_nums(flow, FLOW_BYTES, 58, FLOW_SRC_NET, 24);
    assert_bytes(flow, FLOW_NEXT_HOP, "09090909");
    done(r);
}

static void assert_interfaces(struct writer *w, size_t sample, uint32_t in, uint32_t out,
                              uint64_t forwarding)
{
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(r->count, 1);
    assert_nums(&r->flows[0], FLOW_IN_IF, in, FLOW_OUT_IF, out);
    assert_int_equal(flow_num(&r->flows[0], FLOW_FORWARDING_STATUS), forwarding);
    done(r);
}

static void test_interface_formats(void **state)
{
    (void)state;
    struct writer *w = start(1);
    assert_interfaces(w, begin_flow(w, 0x3fffffff, 0x80000003, 0), SFLOW_INTERFACE_INTERNAL,
                      SFLOW_INTERFACE_MULTIPLE, 0);
    w = start(1);
    assert_interfaces(w, begin_flow(w, 3, 0x40000102, 0), 3, 0, 128); // dropped by an ACL
    w = start(1);
    assert_interfaces(w, begin_flow(w, 0, 0xc0000001, 0), 0, 0, 0); // reserved format
    w = start(1);
    assert_interfaces(w, begin_expanded(w, "00000000 ffffffff 00000002 00000003", 0),
                      SFLOW_INTERFACE_INTERNAL, SFLOW_INTERFACE_MULTIPLE, 0);
    w = start(1);
    assert_interfaces(w, begin_expanded(w, "00000000 80000001 ffffffff ffffffff", 0), 0, 0, 0);
    w = start(1);
    assert_interfaces(w, begin_expanded(w, "00000000 7fffffff 00000001 00000102", 0), 0x7fffffff, 0,
                      128);
}

static void test_counters_and_discards_make_no_flow(void **state)
{
    (void)state;
    struct writer *w = start(5);
    size_t sample = put_begin(w, 2);
    put_hex(w, "00000001 00000005 00000001");
    put_record(w, 2, "00000000 00000001 00000002 00000003");
    put_end(w, sample);
    sample = put_begin(w, 4);
    put_hex(w, "00000001 00000000 00000005 00000001");
    put_record(w, 1, "00000005 00000006 000000003b9aca00");
    put_end(w, sample);
    static const struct {
        uint32_t format;
        const char *hex;
    } discards[] = {{1036, "0000002a"},
                    {1037, "0000002a 00000004 666f6f21 00000002"},
                    {1038, "00000006 666f6f626172"}};
    for (int i = 0; i < 3; i++) {
        sample = put_begin(w, 5);
        put_hex(w, "00000002 00000000 00000001 00000100 00000001 00000002 00000001 00000001");
        put_record(w, discards[i].format, discards[i].hex);
        if (i == 2)
            w->len -= 2; // some agents leave out the last padding
        put_end(w, sample);
    }
    w->len -= 2;
    struct result *r = finish(w);
    assert_int_equal(r->count, 0);
    assert_int_equal(r->ledger.units_received, 5);
    assert_int_equal(r->ledger.units_decoded, 5);
    done(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_sample),
        cmocka_unit_test(test_agent_ipv6),
        cmocka_unit_test(test_header_protocols),
        cmocka_unit_test(test_padding_is_no_packet),
        cmocka_unit_test(test_sampled_ethernet),
        cmocka_unit_test(test_sampled_ethernet_unpadded),
        cmocka_unit_test(test_unknown_values),
        cmocka_unit_test(test_unknown_parts),
        cmocka_unit_test(test_sampled_ip),
        cmocka_unit_test(test_switch_and_router),
        cmocka_unit_test(test_gateway),
        cmocka_unit_test(test_gateway_segments),
        cmocka_unit_test(test_gateway_long_path),
        cmocka_unit_test(test_records_together),
        cmocka_unit_test(test_interface_formats),
        cmocka_unit_test(test_counters_and_discards_make_no_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
