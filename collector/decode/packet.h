// The header of a sampled packet, from its first byte on: layers, addresses, ports.
//
// Used for sFlow raw headers and for IPFIX dataLinkFrameSection (315) and ipHeaderPacketSection
// (313). Cut headers are normal: what is there is taken. Addresses are borrowed from `data`.
#pragma once

#include "common/flow/flow.h"

enum packet_start {
    PACKET_ETHERNET, // sFlow header protocol 1
    PACKET_IPV4,     // 11
    PACKET_IPV6,     // 12
    PACKET_IP,       // IPv4 or IPv6 by the first nibble
    PACKET_MPLS,     // 13
};

// Fills the flow's header fields. After the first encapsulation the schema's fields keep the outer
// packet, and only layer_stack and layer_size go on.
void packet_parse(struct flow *flow, enum packet_start start, const uint8_t *data, size_t len);
