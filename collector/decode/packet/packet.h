// The header of a sampled packet, from its first byte on: layers, addresses, ports.
//
// Used for sFlow raw headers and for IPFIX dataLinkFrameSection (315) and ipHeaderPacketSection
// (313). Addresses are borrowed from `data`. No state; work and depth are bounded whatever the
// bytes say.
//
// layer_stack and layer_size have one item for each header passed, outermost first, and so always
// the same length; the sizes add up to where the walk ended. A header that the schema has no name
// for is listed as Custom: VXLAN, PPPoE, SCTP, IPv6 hop-by-hop and destination options,
// authentication headers in IPv6, the service tag of 802.1ah, and SNAP.
//
// Cut headers are normal: what is there is taken. A header is listed once its fixed part is there
// whole (its size may still reach past the data); ports count from their four bytes on.
//
// UDP tunnels go by their destination port: VXLAN 4789 and 8472, Geneve 6081, Teredo 3544.
#pragma once

#include "common/flow/flow.h"

enum packet_start {
    PACKET_ETHERNET, // sFlow header protocol 1
    PACKET_IPV4,     // 11
    PACKET_IPV6,     // 12
    PACKET_IP,       // IPv4 or IPv6 by the first nibble
    PACKET_MPLS,     // 13
};

// Fills the flow's header fields; its layer lists start anew, other fields are set when the header
// has them, and are not zero there. After the first encapsulation (IP or Ethernet inside IP, by
// whatever tunnel) the schema's fields keep the outer packet, and only layer_stack and layer_size
// go on.
//
// vlan_id is that of the innermost tag that names one, etype the network protocol behind tags and
// labels (0 for a frame of LLC), the MAC addresses those of the frame in front, and proto the one
// behind the IPv6 extension headers, as far as the data reaches.
void packet_parse(struct flow *flow, enum packet_start start, const uint8_t *data, size_t len);

struct mapping;

// The same with mapping.yaml's sflow block, whose parsers and items go before what is known here;
// NULL: none. Values that it takes are borrowed from `data` or kept in the flow.
void packet_parse_mapped(struct flow *flow, const struct mapping *mapping, enum packet_start start,
                         const uint8_t *data, size_t len);
