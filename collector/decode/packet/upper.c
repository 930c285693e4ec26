#include "collector/decode/mapping/packet.h"

#include <linux/if_ether.h>

enum {
    PORT_TEREDO = 3544,
    PORT_VXLAN = 4789,
    PORT_GENEVE = 6081,
    PORT_VXLAN_LINUX = 8472, // the Linux kernel's default from before the port was assigned
};

static void set_ports(const struct packet_walk *walk, const uint8_t *at)
{
    packet_set_num(walk, FLOW_SRC_PORT, bytes_u16(at));
    packet_set_num(walk, FLOW_DST_PORT, bytes_u16(at + 2));
}

static enum packet_header next_of_port(uint16_t port)
{
    switch (port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return PACKET_HEADER_VXLAN;
    case PORT_GENEVE:
        return PACKET_HEADER_GENEVE;
    case PORT_TEREDO:
        return PACKET_HEADER_TEREDO;
    default:
        return PACKET_HEADER_NONE;
    }
}

// What the mapping has registered for a port goes before what is known of it.
static struct packet_step by_port(const struct packet_walk *walk, size_t size, bool tcp,
                                  const uint8_t *at)
{
    uint16_t port = bytes_u16(at + 2);
    enum packet_header next = PACKET_HEADER_NONE;
    if (walk->mapping != NULL)
        next = mapping_port(walk->mapping, tcp, bytes_u16(at), bytes_u16(at + 2), &port);
    if (next == PACKET_HEADER_NONE && !tcp) {
        port = bytes_u16(at + 2);
        next = next_of_port(port);
    }
    return (struct packet_step){size, next, (tcp ? PACKET_VIA_TCP : PACKET_VIA_UDP) | port};
}

// RFC 9293, section 3.1.
bool packet_read_tcp(const struct packet_walk *walk, const uint8_t *at, size_t len,
                     struct packet_step *step)
{
    enum { FIXED_LEN = 20, FLAGS_AT = 13 };
    set_ports(walk, at);
    if (len > FLAGS_AT)
        packet_set_num(walk, FLOW_TCP_FLAGS, at[FLAGS_AT]);
    if (len < FIXED_LEN)
        return false;
    size_t size = (size_t)(at[12] >> 4) * 4;
    *step = by_port(walk, size < FIXED_LEN ? FIXED_LEN : size, true, at);
    return true;
}

bool packet_read_udp(const struct packet_walk *walk, const uint8_t *at, size_t len,
                     struct packet_step *step)
{
    enum { FIXED_LEN = 8 };
    set_ports(walk, at);
    if (len < FIXED_LEN)
        return false;
    *step = by_port(walk, FIXED_LEN, false, at);
    return true;
}

// RFC 9260, section 3.1: the common header; its chunks are payload here.
bool packet_read_sctp(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    enum { FIXED_LEN = 12 };
    set_ports(walk, at);
    *step = packet_end(FIXED_LEN);
    return len >= FIXED_LEN;
}

// RFC 792 and RFC 4443, section 2.1: type and code stand at the same place.
bool packet_read_icmp(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    (void)len;
    packet_set_num(walk, FLOW_ICMP_TYPE, at[0]);
    packet_set_num(walk, FLOW_ICMP_CODE, at[1]);
    *step = packet_end(8);
    return true;
}

// RFC 2784 and RFC 2890; version 1 is RFC 2637, section 4.1. What the source routes of RFC 1701
// and the PPP of version 1 are followed by is not read.
bool packet_read_gre(const struct packet_walk *walk, const uint8_t *at, size_t len,
                     struct packet_step *step)
{
    (void)walk;
    (void)len;
    enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, ACK = 0x0080 };
    uint16_t flags = bytes_u16(at);
    unsigned version = flags & 7;
    if (version > 1)
        return false;
    uint16_t optional[] = {CHECKSUM | ROUTING, KEY, SEQUENCE, version == 1 ? ACK : 0};
    size_t size = 4;
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
        size += (flags & optional[i]) != 0 ? 4 : 0;
    bool opaque = version == 1 || (flags & ROUTING) != 0;
    *step = opaque ? packet_end(size) : packet_by_etype(size, bytes_u16(at + 2));
    return true;
}

// RFC 7348, section 5: the I flag must be set.
bool packet_read_vxlan(const struct packet_walk *walk, const uint8_t *at, size_t len,
                       struct packet_step *step)
{
    (void)walk;
    (void)len;
    *step = (struct packet_step){8, PACKET_HEADER_ETHERNET, 0};
    return (at[0] & 0x08) != 0;
}

// RFC 8926, section 3.4: version 0, option length in words of four bytes.
bool packet_read_geneve(const struct packet_walk *walk, const uint8_t *at, size_t len,
                        struct packet_step *step)
{
    (void)walk;
    (void)len;
    *step = packet_by_etype(8 + (size_t)(at[0] & 0x3f) * 4, bytes_u16(at + 2));
    return at[0] >> 6 == 0;
}

// RFC 4380, section 5.1.1: an authentication and an origin indication may precede the IPv6 header.
bool packet_read_teredo(const struct packet_walk *walk, const uint8_t *at, size_t len,
                        struct packet_step *step)
{
    (void)walk;
    enum { AUTHENTICATION = 1, AUTHENTICATION_LEN = 13, ORIGIN = 0, ORIGIN_LEN = 8 };
    size_t size = 0;
    if (len >= 4 && bytes_u16(at) == AUTHENTICATION)
        size = AUTHENTICATION_LEN + (size_t)at[2] + at[3];
    if (len >= size + 2 && bytes_u16(at + size) == ORIGIN)
        size += ORIGIN_LEN;
    *step = packet_by_etype(size, ETH_P_IPV6);
    return size < len && at[size] >> 4 == 6;
}
