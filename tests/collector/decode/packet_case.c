#include "tests/collector/decode/packet_case.h"

#include <stdio.h>

static const char *const LAYER_NAMES[] = {
    "Ethernet", "IPv4",   "IPv6", "TCP",     "UDP",      "MPLS",   "Dot1Q",
    "ICMP",     "ICMPv6", "GRE",  "Routing", "Fragment", "Geneve", "Teredo",
};

void layers_text(char *out, size_t cap, const struct flow *flow)
{
    size_t count = 0;
    size_t sizes = 0;
    const uint32_t *stack = flow_num_list(flow, FLOW_LAYER_STACK, &count);
    const uint32_t *size = flow_num_list(flow, FLOW_LAYER_SIZE, &sizes);
    assert_int_equal(count, sizes);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && len < cap; i++) {
        assert_true(stack[i] <= FLOW_LAYER_TEREDO || stack[i] == FLOW_LAYER_CUSTOM);
        const char *name = stack[i] == FLOW_LAYER_CUSTOM ? "Custom" : LAYER_NAMES[stack[i]];
        int wrote = snprintf(out + len, cap - len, "%s%s %u", i == 0 ? "" : " ", name, size[i]);
        len += (size_t)wrote;
    }
}

void assert_layers(const struct flow *flow, const char *wanted)
{
    char text[2048];
    layers_text(text, sizeof text, flow);
    assert_string_equal(text, wanted);
}

void assert_outer_ipv4(const struct flow *flow)
{
    assert_bytes(flow, FLOW_SRC_ADDR, "0a000001");
    assert_bytes(flow, FLOW_DST_ADDR, "0a000002");
    assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x0800);
    assert_int_equal(flow_num(flow, FLOW_IP_TTL), 63);
    assert_int_equal(flow_num(flow, FLOW_SRC_MAC), 0x0200000000aa);
}

void assert_outer_ipv6(const struct flow *flow)
{
    assert_bytes(flow, FLOW_SRC_ADDR, "20010db8000000000000000000000001");
    assert_bytes(flow, FLOW_DST_ADDR, "20010db8000000000000000000000002");
    assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x86dd);
    assert_int_equal(flow_num(flow, FLOW_IP_TTL), 64);
    assert_int_equal(flow_num(flow, FLOW_IP_TOS), 0x2e);
    assert_int_equal(flow_num(flow, FLOW_IPV6_FLOW_LABEL), 0x12345);
}

void assert_ports(const struct flow *flow, uint64_t source, uint64_t destination)
{
    assert_int_equal(flow_num(flow, FLOW_SRC_PORT), source);
    assert_int_equal(flow_num(flow, FLOW_DST_PORT), destination);
}

struct parsed *parse(enum packet_start start, const char *hex)
{
    struct parsed *out = calloc(1, sizeof *out);
    assert_non_null(out);
    out->bytes = bytes_hex(hex);
    packet_parse(&out->flow, start, out->bytes.data, out->bytes.len);
    return out;
}

void done(struct parsed *parsed)
{
    free(parsed->bytes.data);
    free(parsed);
}
