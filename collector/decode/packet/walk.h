// How packet_parse goes from header to header; inside packet*.c only.
#pragma once

#include "common/base/cursor.h"
#include "common/flow/flow.h"

// What the walk knows; the rows of the table in packet.c.
enum packet_header {
    PACKET_HEADER_NONE,
    PACKET_HEADER_ETHERNET,
    PACKET_HEADER_DOT1Q,
    PACKET_HEADER_SERVICE_TAG, // of 802.1ah, and behind it...
    PACKET_HEADER_CUSTOMER,    // ...the frame of the provider's customer
    PACKET_HEADER_SNAP,
    PACKET_HEADER_MPLS,
    PACKET_HEADER_PPPOE,
    PACKET_HEADER_IPV4,
    PACKET_HEADER_IPV6,
    PACKET_HEADER_IPV6_OPTIONS, // hop-by-hop and destination options
    PACKET_HEADER_IPV6_AUTHENTICATION,
    PACKET_HEADER_IPV6_ROUTING,
    PACKET_HEADER_IPV6_FRAGMENT,
    PACKET_HEADER_TCP,
    PACKET_HEADER_UDP,
    PACKET_HEADER_SCTP,
    PACKET_HEADER_ICMP,
    PACKET_HEADER_ICMPV6,
    PACKET_HEADER_GRE,
    PACKET_HEADER_VXLAN,
    PACKET_HEADER_GENEVE,
    PACKET_HEADER_TEREDO,
    PACKET_HEADER_COUNT,
};

// How far in a packet a header stands. Going back, or meeting a link or network header twice, is
// how the walk knows that it has entered another packet.
enum packet_level {
    PACKET_LEVEL_NONE,
    PACKET_LEVEL_LINK,
    PACKET_LEVEL_TAG,
    PACKET_LEVEL_NETWORK,
    PACKET_LEVEL_UPPER,
    PACKET_LEVEL_TRANSPORT, // what follows is carried, whatever it is
};

// How a header was found: a kind and its number.
#define PACKET_VIA_ETYPE 0x10000U
#define PACKET_VIA_PROTO 0x20000U
#define PACKET_VIA_UDP   0x30000U
#define PACKET_VIA_TCP   0x40000U

struct mapping;

struct packet_walk {
    struct flow *flow;
    const struct mapping *mapping; // NULL: none
    enum packet_level deepest;
    bool encapsulated; // inside a tunnel: the schema's fields are the outer packet's
};

struct packet_step {
    size_t size; // of this header; may reach past the data
    enum packet_header next;
    uint32_t via; // what led to it: PACKET_VIA and a number, 0 when there is no next one
};

// Reads one header of which at least min_len bytes are there. False when it is none of its kind or
// not there whole, which ends the walk without listing it.
typedef bool packet_read(const struct packet_walk *walk, const uint8_t *at, size_t len,
                         struct packet_step *step);

// Sets a field of the schema, which is the outer packet's. A zero says nothing, and so replaces
// nothing that another header or record has said.
static inline void packet_set_num(const struct packet_walk *walk, enum flow_field id,
                                  uint64_t value)
{
    if (!walk->encapsulated && value != 0)
        flow_set_num(walk->flow, id, value);
}

// Steps over a header of that size: to nothing; by an EtherType; to IPv4 or IPv6 by the version in
// the first nibble, where nothing in front names the protocol (and etype is set).
static inline struct packet_step packet_end(size_t size)
{
    return (struct packet_step){.size = size, .next = PACKET_HEADER_NONE, .via = 0};
}
struct packet_step packet_by_etype(size_t size, uint16_t etype);
struct packet_step packet_by_version(const struct packet_walk *walk, size_t size, const uint8_t *at,
                                     size_t len);

// link.c, network.c, upper.c
packet_read packet_read_ethernet, packet_read_dot1q, packet_read_service_tag, packet_read_customer;
packet_read packet_read_snap, packet_read_mpls, packet_read_pppoe;
packet_read packet_read_ipv4, packet_read_ipv6, packet_read_ipv6_options;
packet_read packet_read_ipv6_authentication, packet_read_ipv6_routing, packet_read_ipv6_fragment;
packet_read packet_read_tcp, packet_read_udp, packet_read_sctp, packet_read_icmp, packet_read_gre;
packet_read packet_read_vxlan, packet_read_geneve, packet_read_teredo;
