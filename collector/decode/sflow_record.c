#include "collector/decode/sflow_record.h"

#include "collector/decode/packet/packet.h"

#include <linux/if_ether.h>

// Data formats of enterprise 0 (sFlow version 5, section 5).
enum {
    RECORD_RAW_HEADER = 1,
    RECORD_ETHERNET = 2,
    RECORD_IPV4 = 3,
    RECORD_IPV6 = 4,
    RECORD_SWITCH = 1001,
    RECORD_ROUTER = 1002,
    RECORD_GATEWAY = 1003,
};

enum {
    PROTOCOL_ETHERNET = 1,
    PROTOCOL_IPV4 = 11,
    PROTOCOL_IPV6 = 12,
    PROTOCOL_MPLS = 13,
};

struct cursor sflow_take_opaque(struct cursor *c, uint32_t len)
{
    struct cursor body = cursor_sub(c, len);
    size_t padding = -len & 3;
    size_t left = cursor_left(c);
    if (cursor_ok(c))
        cursor_skip(c, padding < left ? padding : left);
    return body;
}

// An address and its type; no bytes for type 0, "unknown". Any other type fails the cursor.
static struct span take_address(struct cursor *c)
{
    enum { ADDRESS_UNKNOWN, ADDRESS_IPV4, ADDRESS_IPV6 };
    struct span out = {.data = NULL, .len = 0};
    switch (cursor_u32(c)) {
    case ADDRESS_UNKNOWN:
        return out;
    case ADDRESS_IPV4:
        out.len = 4;
        break;
    case ADDRESS_IPV6:
        out.len = 16;
        break;
    default:
        c->failed = true;
        return out;
    }
    out.data = cursor_take(c, out.len);
    return out;
}

// The captured bytes end where the announced length does: XDR's padding is none of them.
static bool read_raw_header(struct flow *flow, const struct mapping *mapping, struct cursor *c)
{
    uint32_t protocol = cursor_u32(c);
    uint32_t frame_len = cursor_u32(c);
    cursor_skip(c, 4); // bytes stripped at the end
    uint32_t header_len = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    size_t len = header_len < cursor_left(c) ? header_len : cursor_left(c);
    flow_set_num(flow, FLOW_BYTES, frame_len);
    switch (protocol) {
    case PROTOCOL_ETHERNET:
        packet_parse_mapped(flow, mapping, PACKET_ETHERNET, c->at, len);
        break;
    case PROTOCOL_IPV4:
        packet_parse_mapped(flow, mapping, PACKET_IPV4, c->at, len);
        break;
    case PROTOCOL_IPV6:
        packet_parse_mapped(flow, mapping, PACKET_IPV6, c->at, len);
        break;
    case PROTOCOL_MPLS:
        packet_parse_mapped(flow, mapping, PACKET_MPLS, c->at, len);
        break;
    default:
        break;
    }
    return true;
}

static void set_missing(struct flow *flow, enum flow_field id, uint64_t value)
{
    if (!flow_has(flow, id))
        flow_set_num(flow, id, value);
}

// XDR pads each address to eight bytes. Beside a raw header, which says more, only what that does
// not have is taken: its frame length may be that of another layer.
static bool read_ethernet(struct flow *flow, struct cursor *c)
{
    uint32_t frame_len = cursor_u32(c);
    uint64_t source = cursor_u64(c);
    uint64_t destination = cursor_u64(c);
    uint32_t etype = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    set_missing(flow, FLOW_BYTES, frame_len);
    set_missing(flow, FLOW_SRC_MAC, source >> 16);
    set_missing(flow, FLOW_DST_MAC, destination >> 16);
    set_missing(flow, FLOW_ETYPE, etype);
    return true;
}

static bool read_ip(struct flow *flow, struct cursor *c, uint16_t etype, size_t address_len)
{
    uint32_t packet_len = cursor_u32(c);
    uint32_t protocol = cursor_u32(c);
    const uint8_t *source = cursor_take(c, address_len);
    const uint8_t *destination = cursor_take(c, address_len);
    uint32_t source_port = cursor_u32(c);
    uint32_t destination_port = cursor_u32(c);
    uint32_t tcp_flags = cursor_u32(c);
    uint32_t tos = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    flow_set_num(flow, FLOW_BYTES, packet_len);
    flow_set_num(flow, FLOW_ETYPE, etype);
    flow_set_num(flow, FLOW_PROTO, protocol);
    flow_set_bytes(flow, FLOW_SRC_ADDR, source, address_len);
    flow_set_bytes(flow, FLOW_DST_ADDR, destination, address_len);
    flow_set_num(flow, FLOW_SRC_PORT, source_port);
    flow_set_num(flow, FLOW_DST_PORT, destination_port);
    flow_set_num(flow, FLOW_TCP_FLAGS, tcp_flags);
    flow_set_num(flow, FLOW_IP_TOS, tos);
    return true;
}

static bool read_switch(struct flow *flow, struct cursor *c)
{
    uint32_t source = cursor_u32(c);
    cursor_skip(c, 4); // 802.1p priority
    uint32_t destination = cursor_u32(c);
    cursor_skip(c, 4);
    if (!cursor_ok(c))
        return false;
    flow_set_num(flow, FLOW_SRC_VLAN, source);
    flow_set_num(flow, FLOW_DST_VLAN, destination);
    return true;
}

static bool read_router(struct flow *flow, struct cursor *c)
{
    struct span next_hop = take_address(c);
    uint32_t source_bits = cursor_u32(c);
    uint32_t destination_bits = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    flow_set_bytes(flow, FLOW_NEXT_HOP, next_hop.data, next_hop.len);
    flow_set_num(flow, FLOW_SRC_NET, source_bits);
    flow_set_num(flow, FLOW_DST_NET, destination_bits);
    return true;
}

// A count and that many numbers of four bytes, as a cursor over the numbers.
static struct cursor take_numbers(struct cursor *c)
{
    return cursor_sub(c, (size_t)cursor_u32(c) * 4);
}

// The segments of an AS path, as a cursor over all of them. Each takes eight bytes at the least,
// so the announced count is not what bounds the work.
static struct cursor take_segments(struct cursor *c)
{
    uint32_t segments = cursor_u32(c);
    const uint8_t *start = c->at;
    for (uint32_t i = 0; i < segments && cursor_ok(c); i++) {
        cursor_skip(c, 4); // set or sequence
        (void)take_numbers(c);
    }
    return cursor_over(start, (size_t)(c->at - start));
}

static void set_numbers(struct flow *flow, enum flow_field id, struct cursor numbers)
{
    while (cursor_left(&numbers) != 0)
        flow_append_num(flow, id, cursor_u32(&numbers));
}

// The path as one list, whatever its segments are; returns the last AS of it, or 0.
static uint32_t set_path(struct flow *flow, struct cursor segments)
{
    uint32_t last = 0;
    while (cursor_left(&segments) != 0) {
        cursor_skip(&segments, 4);
        struct cursor numbers = take_numbers(&segments);
        if (cursor_left(&numbers) != 0)
            last = bytes_u32(numbers.end - 4);
        set_numbers(flow, FLOW_AS_PATH, numbers);
    }
    return last;
}

// The path goes from the next AS to the one of the destination; without one the destination is in
// the exporter's own AS, as is the source when the agent gives it no AS.
static bool read_gateway(struct flow *flow, struct cursor *c)
{
    struct span next_hop = take_address(c);
    uint32_t own_as = cursor_u32(c);
    uint32_t source_as = cursor_u32(c);
    cursor_skip(c, 4); // peer of the source
    struct cursor segments = take_segments(c);
    struct cursor communities = take_numbers(c);
    cursor_skip(c, 4); // local preference
    if (!cursor_ok(c))
        return false;
    flow_clear(flow, FLOW_AS_PATH);
    flow_clear(flow, FLOW_BGP_COMMUNITIES);
    uint32_t last_as = set_path(flow, segments);
    set_numbers(flow, FLOW_BGP_COMMUNITIES, communities);
    bool routed = flow_has(flow, FLOW_AS_PATH);
    flow_set_bytes(flow, FLOW_BGP_NEXT_HOP, next_hop.data, next_hop.len);
    flow_set_num(flow, FLOW_NEXT_HOP_AS, routed ? flow->as_path[0] : 0);
    flow_set_num(flow, FLOW_DST_AS, routed ? last_as : own_as);
    flow_set_num(flow, FLOW_SRC_AS, source_as != 0 ? source_as : own_as);
    return true;
}

bool sflow_read_record(struct flow *flow, const struct mapping *mapping, uint32_t format,
                       struct cursor record)
{
    switch (format) {
    case RECORD_RAW_HEADER:
        return read_raw_header(flow, mapping, &record);
    case RECORD_ETHERNET:
        return read_ethernet(flow, &record);
    case RECORD_IPV4:
        return read_ip(flow, &record, ETH_P_IP, 4);
    case RECORD_IPV6:
        return read_ip(flow, &record, ETH_P_IPV6, 16);
    case RECORD_SWITCH:
        return read_switch(flow, &record);
    case RECORD_ROUTER:
        return read_router(flow, &record);
    case RECORD_GATEWAY:
        return read_gateway(flow, &record);
    default:
        return true;
    }
}
