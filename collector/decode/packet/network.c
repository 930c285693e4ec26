#include "collector/decode/packet/walk.h"

#include <netinet/in.h>

// An address of zeros replaces none that was known before.
static void replace_address(struct flow *flow, enum flow_field id, const uint8_t *at, size_t len)
{
    static const uint8_t zeros[16];
    if (!flow_has(flow, id) || memcmp(at, zeros, len) != 0)
        flow_set_bytes(flow, id, at, len);
}

static void set_addresses(const struct packet_walk *walk, const uint8_t *source, size_t len)
{
    struct flow *flow = walk->flow;
    if (walk->encapsulated)
        return;
    if ((flow->set & (FLOW_BIT(FLOW_SRC_ADDR) | FLOW_BIT(FLOW_DST_ADDR))) != 0) {
        replace_address(flow, FLOW_SRC_ADDR, source, len);
        replace_address(flow, FLOW_DST_ADDR, source + len, len);
        return;
    }
    flow_set_bytes(flow, FLOW_SRC_ADDR, source, len);
    flow_set_bytes(flow, FLOW_DST_ADDR, source + len, len);
}

static enum packet_header next_of_protocol(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_ICMP:
        return PACKET_HEADER_ICMP;
    case IPPROTO_IPIP:
        return PACKET_HEADER_IPV4;
    case IPPROTO_TCP:
        return PACKET_HEADER_TCP;
    case IPPROTO_UDP:
        return PACKET_HEADER_UDP;
    case IPPROTO_IPV6:
        return PACKET_HEADER_IPV6;
    case IPPROTO_GRE:
        return PACKET_HEADER_GRE;
    case IPPROTO_ICMPV6:
        return PACKET_HEADER_ICMPV6;
    case IPPROTO_SCTP:
        return PACKET_HEADER_SCTP;
    case IPPROTO_MPLS:
        return PACKET_HEADER_MPLS;
    case IPPROTO_ETHERNET:
        return PACKET_HEADER_ETHERNET;
    default:
        return PACKET_HEADER_NONE;
    }
}

// A next header value of IPv6: an extension header (RFC 8200, section 4) or what IPv4 has too.
static enum packet_header next_of_ipv6(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_DSTOPTS:
        return PACKET_HEADER_IPV6_OPTIONS;
    case IPPROTO_AH:
        return PACKET_HEADER_IPV6_AUTHENTICATION;
    case IPPROTO_ROUTING:
        return PACKET_HEADER_IPV6_ROUTING;
    case IPPROTO_FRAGMENT:
        return PACKET_HEADER_IPV6_FRAGMENT;
    default:
        return next_of_protocol(protocol);
    }
}

static struct packet_step by_protocol(size_t size, uint8_t protocol)
{
    return (struct packet_step){size, next_of_protocol(protocol), PACKET_VIA_PROTO | protocol};
}

static struct packet_step by_ipv6(size_t size, uint8_t protocol)
{
    return (struct packet_step){size, next_of_ipv6(protocol), PACKET_VIA_PROTO | protocol};
}

// RFC 791, section 3.1. A header length below five words is invalid: nothing behind it is read.
bool packet_read_ipv4(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    (void)len;
    enum { FIXED_LEN = 20 };
    if (at[0] >> 4 != 4)
        return false;
    size_t size = (size_t)(at[0] & 0xf) * 4;
    uint16_t fragment = bytes_u16(at + 6);
    bool first = (fragment & 0x1fff) == 0;
    packet_set_num(walk, FLOW_IP_TOS, at[1]);
    packet_set_num(walk, FLOW_FRAGMENT_ID, bytes_u16(at + 4));
    packet_set_num(walk, FLOW_FRAGMENT_OFFSET, fragment & 0x1fff);
    packet_set_num(walk, FLOW_IP_FLAGS, fragment >> 13);
    packet_set_num(walk, FLOW_IP_TTL, at[8]);
    packet_set_num(walk, FLOW_PROTO, at[9]);
    set_addresses(walk, at + 12, 4);
    *step = packet_end(size < FIXED_LEN ? FIXED_LEN : size);
    if (first && size >= FIXED_LEN)
        *step = by_protocol(size, at[9]);
    return true;
}

// RFC 8200, section 3.
bool packet_read_ipv6(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    (void)len;
    if (at[0] >> 4 != 6)
        return false;
    uint32_t word = bytes_u32(at);
    packet_set_num(walk, FLOW_IP_TOS, word >> 20 & 0xff);
    packet_set_num(walk, FLOW_IPV6_FLOW_LABEL, word & 0xfffff);
    packet_set_num(walk, FLOW_PROTO, at[6]);
    packet_set_num(walk, FLOW_IP_TTL, at[7]);
    set_addresses(walk, at + 8, 16);
    *step = by_ipv6(40, at[6]);
    return true;
}

// RFC 8200, sections 4.3 and 4.6.
bool packet_read_ipv6_options(const struct packet_walk *walk, const uint8_t *at, size_t len,
                              struct packet_step *step)
{
    (void)len;
    packet_set_num(walk, FLOW_PROTO, at[0]);
    *step = by_ipv6(((size_t)at[1] + 1) * 8, at[0]);
    return true;
}

// RFC 4302, section 2.2: its length counts words of four bytes, less two.
bool packet_read_ipv6_authentication(const struct packet_walk *walk, const uint8_t *at, size_t len,
                                     struct packet_step *step)
{
    (void)len;
    packet_set_num(walk, FLOW_PROTO, at[0]);
    *step = by_ipv6(((size_t)at[1] + 2) * 4, at[0]);
    return true;
}

// RFC 8200, section 4.4; the segment list of type 4 is RFC 8754, section 2.
bool packet_read_ipv6_routing(const struct packet_walk *walk, const uint8_t *at, size_t len,
                              struct packet_step *step)
{
    enum { FIXED_LEN = 8, TYPE_SEGMENTS = 4, SEGMENT_LEN = 16 };
    size_t size = ((size_t)at[1] + 1) * 8;
    *step = by_ipv6(size, at[0]);
    if (walk->encapsulated)
        return true;
    flow_set_num(walk->flow, FLOW_PROTO, at[0]);
    flow_set_num(walk->flow, FLOW_IPV6_ROUTING_HEADER_SEG_LEFT, at[3]);
    flow_clear(walk->flow, FLOW_IPV6_ROUTING_HEADER_ADDRESSES);
    if (at[2] != TYPE_SEGMENTS)
        return true;
    size_t segments = (size_t)at[4] + 1; // the header has the index of the last one
    size_t held = ((size < len ? size : len) - FIXED_LEN) / SEGMENT_LEN;
    for (size_t i = 0; i < segments && i < held; i++)
        flow_append_bytes(walk->flow, FLOW_IPV6_ROUTING_HEADER_ADDRESSES,
                          at + FIXED_LEN + i * SEGMENT_LEN, SEGMENT_LEN);
    return true;
}

// RFC 8200, section 4.5: only the first fragment goes on with the upper header.
bool packet_read_ipv6_fragment(const struct packet_walk *walk, const uint8_t *at, size_t len,
                               struct packet_step *step)
{
    (void)len;
    uint16_t word = bytes_u16(at + 2);
    packet_set_num(walk, FLOW_PROTO, at[0]);
    packet_set_num(walk, FLOW_FRAGMENT_OFFSET, word >> 3);
    packet_set_num(walk, FLOW_IP_FLAGS, word & 7);
    packet_set_num(walk, FLOW_FRAGMENT_ID, bytes_u32(at + 4));
    *step = word >> 3 == 0 ? by_ipv6(8, at[0]) : packet_end(8);
    return true;
}
