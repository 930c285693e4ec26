#include "collector/decode/sflow_record.h"

#include "collector/decode/packet/packet.h"

#include <linux/if_ether.h>
#include <string.h>

// Data formats of enterprise 0 (sFlow version 5, section 5).
enum {
    RECORD_RAW_HEADER = 1,
    RECORD_ETHERNET = SFLOW_RECORD_ETHERNET,
    RECORD_IPV4 = 3,
    RECORD_IPV6 = 4,
    RECORD_SWITCH = 1001,
    RECORD_ROUTER = 1002,
    RECORD_GATEWAY = 1003,
};

enum {
    SEEN_HEADER = 1,
    SEEN_ETHERNET = 2,
    SEEN_IPV4 = 4,
    SEEN_IPV6 = 8,
    SEEN_BRIDGE = 16,
    SEEN_ROUTER = 32,
    SEEN_GATEWAY = 64,
};

enum {
    PROTOCOL_ETHERNET = 1,
    PROTOCOL_IPV4 = 11,
    PROTOCOL_IPV6 = 12,
    PROTOCOL_MPLS = 13,
};

#define VLAN_MAX  4094             // IEEE 802.1Q: 4095 is reserved
#define AS_MAX    (UINT32_MAX - 1) // RFC 7300: the last number is reserved
#define ETYPE_MIN 0x600            // IEEE 802.3, section 3.2.6: smaller ones are lengths

struct cursor sflow_take_opaque(struct cursor *c, uint32_t len)
{
    struct cursor body = cursor_sub(c, len);
    size_t padding = -len & 3;
    size_t left = cursor_left(c);
    if (cursor_ok(c))
        cursor_skip(c, padding < left ? padding : left);
    return body;
}

// What an agent does not know it says with all bits set, or leaves 0: neither replaces a value.
static void keep(uint32_t *kept, uint32_t value, uint32_t max)
{
    if (value != 0 && value <= max)
        *kept = value;
}

// Notes that a record of the format has been read, and clears its part for the first one.
static void see(struct sflow_facts *facts, unsigned format, void *part, size_t len)
{
    if ((facts->seen & format) == 0)
        memset(part, 0, len);
    facts->seen |= format;
}

static void keep_length(uint32_t *kept, uint32_t value)
{
    keep(kept, value, UINT32_MAX - 1);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    static const uint8_t zeros[32];
    return memcmp(bytes, zeros, len) == 0;
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

static void keep_address(struct span *kept, struct span address)
{
    if (address.len != 0 && (kept->len == 0 || !is_zero(address.data, address.len)))
        *kept = address;
}

// The captured bytes end where the announced length does: XDR's padding is none of them.
static bool read_header(struct sflow_facts *facts, struct cursor *c)
{
    uint32_t protocol = cursor_u32(c);
    uint32_t frame_len = cursor_u32(c);
    cursor_skip(c, 4); // bytes stripped at the end
    uint32_t header_len = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    size_t len = header_len < cursor_left(c) ? header_len : cursor_left(c);
    see(facts, SEEN_HEADER, &facts->header, sizeof facts->header);
    keep_length(&facts->header.frame_len, frame_len);
    if (len != 0) {
        facts->header.protocol = protocol;
        facts->header.bytes = (struct span){.data = c->at, .len = len};
    }
    return true;
}

// XDR pads each address to eight bytes; agents that do not (Huawei's) send 20 bytes in all.
static bool read_ethernet(struct sflow_facts *facts, struct cursor *c)
{
    size_t padding = cursor_left(c) == SFLOW_ETHERNET_UNPADDED_LEN ? 0 : 2;
    uint32_t frame_len = cursor_u32(c);
    const uint8_t *source = cursor_take(c, 6);
    cursor_skip(c, padding);
    const uint8_t *destination = cursor_take(c, 6);
    cursor_skip(c, padding);
    uint32_t etype = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    see(facts, SEEN_ETHERNET, &facts->ethernet, sizeof facts->ethernet);
    keep_length(&facts->ethernet.frame_len, frame_len);
    if (etype >= ETYPE_MIN)
        keep(&facts->ethernet.etype, etype, UINT16_MAX);
    if (!is_zero(source, 6))
        facts->ethernet.source_mac = bytes_be(source, 6);
    if (!is_zero(destination, 6))
        facts->ethernet.destination_mac = bytes_be(destination, 6);
    return true;
}

static bool read_ip(struct sflow_facts *facts, unsigned format, struct cursor *c)
{
    struct sflow_sampled_ip *ip = format == SEEN_IPV4 ? &facts->ipv4 : &facts->ipv6;
    size_t address_len = format == SEEN_IPV4 ? 4 : 16;
    uint32_t packet_len = cursor_u32(c);
    uint32_t protocol = cursor_u32(c);
    const uint8_t *addresses = cursor_take(c, 2 * address_len);
    uint32_t source_port = cursor_u32(c);
    uint32_t destination_port = cursor_u32(c);
    uint32_t tcp_flags = cursor_u32(c);
    uint32_t tos = cursor_u32(c); // of IPv6 the priority
    if (!cursor_ok(c))
        return false;
    see(facts, format, ip, sizeof *ip);
    if (!is_zero(addresses, 2 * address_len))
        ip->addresses = addresses;
    keep_length(&ip->packet_len, packet_len);
    keep(&ip->protocol, protocol, UINT8_MAX);
    keep(&ip->source_port, source_port, UINT16_MAX);
    keep(&ip->destination_port, destination_port, UINT16_MAX);
    keep(&ip->tcp_flags, tcp_flags, UINT16_MAX);
    keep(&ip->tos, tos, UINT8_MAX);
    return true;
}

static bool read_switch(struct sflow_facts *facts, struct cursor *c)
{
    uint32_t source = cursor_u32(c);
    cursor_skip(c, 4); // 802.1p priority
    uint32_t destination = cursor_u32(c);
    cursor_skip(c, 4);
    if (!cursor_ok(c))
        return false;
    see(facts, SEEN_BRIDGE, &facts->bridge, sizeof facts->bridge);
    keep(&facts->bridge.source_vlan, source, VLAN_MAX);
    keep(&facts->bridge.destination_vlan, destination, VLAN_MAX);
    return true;
}

static bool read_router(struct sflow_facts *facts, struct cursor *c)
{
    enum { BITS_MAX = 128 };
    struct span next_hop = take_address(c);
    uint32_t source_bits = cursor_u32(c);
    uint32_t destination_bits = cursor_u32(c);
    if (!cursor_ok(c))
        return false;
    see(facts, SEEN_ROUTER, &facts->router, sizeof facts->router);
    keep_address(&facts->router.next_hop, next_hop);
    keep(&facts->router.source_bits, source_bits, BITS_MAX);
    keep(&facts->router.destination_bits, destination_bits, BITS_MAX);
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

static bool read_gateway(struct sflow_facts *facts, struct cursor *c)
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
    see(facts, SEEN_GATEWAY, &facts->gateway, sizeof facts->gateway);
    keep_address(&facts->gateway.next_hop, next_hop);
    if (own_as != 0)
        facts->gateway.own_as = own_as;
    if (source_as != 0)
        facts->gateway.source_as = source_as;
    if (cursor_left(&segments) != 0)
        facts->gateway.segments = segments;
    if (cursor_left(&communities) != 0)
        facts->gateway.communities = communities;
    return true;
}

bool sflow_read_record(struct sflow_facts *facts, uint32_t format, struct cursor record)
{
    switch (format) {
    case RECORD_RAW_HEADER:
        return read_header(facts, &record);
    case RECORD_ETHERNET:
        return read_ethernet(facts, &record);
    case RECORD_IPV4:
        return read_ip(facts, SEEN_IPV4, &record);
    case RECORD_IPV6:
        return read_ip(facts, SEEN_IPV6, &record);
    case RECORD_SWITCH:
        return read_switch(facts, &record);
    case RECORD_ROUTER:
        return read_router(facts, &record);
    case RECORD_GATEWAY:
        return read_gateway(facts, &record);
    default:
        return true;
    }
}

static void set_missing(struct flow *flow, enum flow_field id, uint64_t value)
{
    if (!flow_has(flow, id))
        flow_set_num(flow, id, value);
}

static void fill_header(struct flow *flow, const struct mapping *mapping,
                        const struct sflow_facts *facts)
{
    static const struct {
        bool known;
        enum packet_start start;
    } protocols[] = {
        [PROTOCOL_ETHERNET] = {true, PACKET_ETHERNET},
        [PROTOCOL_IPV4] = {true, PACKET_IPV4},
        [PROTOCOL_IPV6] = {true, PACKET_IPV6},
        [PROTOCOL_MPLS] = {true, PACKET_MPLS},
    };
    uint32_t protocol = facts->header.protocol;
    if (protocol < sizeof protocols / sizeof protocols[0] && protocols[protocol].known)
        packet_parse_mapped(flow, mapping, protocols[protocol].start, facts->header.bytes.data,
                            facts->header.bytes.len);
    set_missing(flow, FLOW_BYTES, facts->header.frame_len);
}

// Whether the address that the flow has from the header, if any, is that one.
static bool agrees(const struct flow *flow, enum flow_field id, const uint8_t *address, size_t len)
{
    struct span has = flow_bytes(flow, id);
    return has.len == 0 ||
           (has.len == len && (memcmp(has.data, address, len) == 0 || is_zero(has.data, len)));
}

static void fill_ip(struct flow *flow, const struct sflow_sampled_ip *ip, uint16_t etype,
                    size_t address_len)
{
    const uint8_t *source = ip->addresses;
    if (source != NULL) {
        const uint8_t *destination = source + address_len;
        if (!agrees(flow, FLOW_SRC_ADDR, source, address_len) ||
            !agrees(flow, FLOW_DST_ADDR, destination, address_len))
            return;
        flow_set_bytes(flow, FLOW_SRC_ADDR, source, address_len);
        flow_set_bytes(flow, FLOW_DST_ADDR, destination, address_len);
        flow_set_num(flow, FLOW_ETYPE, etype);
    }
    set_missing(flow, FLOW_BYTES, ip->packet_len);
    set_missing(flow, FLOW_PROTO, ip->protocol);
    set_missing(flow, FLOW_SRC_PORT, ip->source_port);
    set_missing(flow, FLOW_DST_PORT, ip->destination_port);
    set_missing(flow, FLOW_TCP_FLAGS, ip->tcp_flags);
    set_missing(flow, FLOW_IP_TOS, ip->tos);
}

// A prefix length that the address cannot have says nothing.
static void fill_bits(struct flow *flow, enum flow_field id, uint32_t bits, struct span address)
{
    if (address.len == 0 || bits <= address.len * 8)
        set_missing(flow, id, bits);
}

static void fill_router(struct flow *flow, const struct sflow_facts *facts)
{
    if (!flow_has(flow, FLOW_NEXT_HOP))
        flow_set_bytes(flow, FLOW_NEXT_HOP, facts->router.next_hop.data,
                       facts->router.next_hop.len);
    fill_bits(flow, FLOW_SRC_NET, facts->router.source_bits, flow_bytes(flow, FLOW_SRC_ADDR));
    fill_bits(flow, FLOW_DST_NET, facts->router.destination_bits, flow_bytes(flow, FLOW_DST_ADDR));
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

static uint32_t known_as(uint32_t as)
{
    return as <= AS_MAX ? as : 0;
}

// The path goes from the next AS to the one of the destination; without one the destination is in
// the exporter's own AS, as is the source when the agent gives it no AS.
static void fill_gateway(struct flow *flow, const struct sflow_facts *facts)
{
    flow_clear(flow, FLOW_AS_PATH);
    flow_clear(flow, FLOW_BGP_COMMUNITIES);
    uint32_t last_as = set_path(flow, facts->gateway.segments);
    set_numbers(flow, FLOW_BGP_COMMUNITIES, facts->gateway.communities);
    bool routed = flow_has(flow, FLOW_AS_PATH);
    uint32_t source_as = facts->gateway.source_as != 0 ? facts->gateway.source_as
                                                       : facts->gateway.own_as;
    if (!flow_has(flow, FLOW_BGP_NEXT_HOP))
        flow_set_bytes(flow, FLOW_BGP_NEXT_HOP, facts->gateway.next_hop.data,
                       facts->gateway.next_hop.len);
    set_missing(flow, FLOW_NEXT_HOP_AS, routed ? known_as(flow->as_path[0]) : 0);
    set_missing(flow, FLOW_DST_AS, known_as(routed ? last_as : facts->gateway.own_as));
    set_missing(flow, FLOW_SRC_AS, known_as(source_as));
}

static void fill_ethernet(struct flow *flow, const struct sflow_facts *facts)
{
    set_missing(flow, FLOW_BYTES, facts->ethernet.frame_len);
    set_missing(flow, FLOW_SRC_MAC, facts->ethernet.source_mac);
    set_missing(flow, FLOW_DST_MAC, facts->ethernet.destination_mac);
    set_missing(flow, FLOW_ETYPE, facts->ethernet.etype);
}

static void fill_bridge(struct flow *flow, const struct sflow_facts *facts)
{
    set_missing(flow, FLOW_SRC_VLAN, facts->bridge.source_vlan);
    set_missing(flow, FLOW_DST_VLAN, facts->bridge.destination_vlan);
}

// What stands beside the header, in the order of precedence.
static void fill_beside(struct flow *flow, const struct sflow_facts *facts)
{
    unsigned seen = facts->seen;
    if ((seen & SEEN_ETHERNET) != 0)
        fill_ethernet(flow, facts);
    if ((seen & SEEN_IPV4) != 0)
        fill_ip(flow, &facts->ipv4, ETH_P_IP, 4);
    if ((seen & SEEN_IPV6) != 0)
        fill_ip(flow, &facts->ipv6, ETH_P_IPV6, 16);
    if ((seen & SEEN_BRIDGE) != 0)
        fill_bridge(flow, facts);
    if ((seen & SEEN_ROUTER) != 0)
        fill_router(flow, facts);
    if ((seen & SEEN_GATEWAY) != 0)
        fill_gateway(flow, facts);
}

void sflow_fill(struct flow *flow, const struct mapping *mapping, const struct sflow_facts *facts)
{
    if ((facts->seen & SEEN_HEADER) != 0)
        fill_header(flow, mapping, facts);
    if ((facts->seen & ~(unsigned)SEEN_HEADER) != 0)
        fill_beside(flow, facts);
}
