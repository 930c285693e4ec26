#include "collector/decode/packet.h"

#include "collector/decode/packet_walk.h"

#include <linux/if_ether.h>

struct header {
    packet_read *read;
    uint8_t min_len;
    uint8_t layer; // enum flow_layer
    uint8_t level; // enum packet_level
};

static const struct header HEADERS[] = {
    [PACKET_HEADER_ETHERNET] = {packet_read_ethernet, 14, FLOW_LAYER_ETHERNET, PACKET_LEVEL_LINK},
    [PACKET_HEADER_DOT1Q] = {packet_read_dot1q, 4, FLOW_LAYER_DOT1Q, PACKET_LEVEL_TAG},
    [PACKET_HEADER_MPLS] = {packet_read_mpls, 4, FLOW_LAYER_MPLS, PACKET_LEVEL_TAG},
    [PACKET_HEADER_PPPOE] = {packet_read_pppoe, 8, FLOW_LAYER_CUSTOM, PACKET_LEVEL_TAG},
    [PACKET_HEADER_IPV4] = {packet_read_ipv4, 20, FLOW_LAYER_IPV4, PACKET_LEVEL_NETWORK},
    [PACKET_HEADER_IPV6] = {packet_read_ipv6, 40, FLOW_LAYER_IPV6, PACKET_LEVEL_NETWORK},
    [PACKET_HEADER_IPV6_OPTIONS] = {packet_read_ipv6_options, 2, FLOW_LAYER_CUSTOM,
                                    PACKET_LEVEL_UPPER},
    [PACKET_HEADER_IPV6_AUTHENTICATION] = {packet_read_ipv6_authentication, 2, FLOW_LAYER_CUSTOM,
                                           PACKET_LEVEL_UPPER},
    [PACKET_HEADER_IPV6_ROUTING] = {packet_read_ipv6_routing, 8, FLOW_LAYER_IPV6_ROUTING,
                                    PACKET_LEVEL_UPPER},
    [PACKET_HEADER_IPV6_FRAGMENT] = {packet_read_ipv6_fragment, 8, FLOW_LAYER_IPV6_FRAGMENT,
                                     PACKET_LEVEL_UPPER},
    [PACKET_HEADER_TCP] = {packet_read_tcp, 4, FLOW_LAYER_TCP, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_UDP] = {packet_read_udp, 4, FLOW_LAYER_UDP, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_SCTP] = {packet_read_sctp, 4, FLOW_LAYER_CUSTOM, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_ICMP] = {packet_read_icmp, 2, FLOW_LAYER_ICMP, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_ICMPV6] = {packet_read_icmp, 2, FLOW_LAYER_ICMPV6, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_GRE] = {packet_read_gre, 4, FLOW_LAYER_GRE, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_VXLAN] = {packet_read_vxlan, 8, FLOW_LAYER_CUSTOM, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_GENEVE] = {packet_read_geneve, 8, FLOW_LAYER_GENEVE, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_TEREDO] = {packet_read_teredo, 1, FLOW_LAYER_TEREDO, PACKET_LEVEL_UPPER},
};

static void enter(struct packet_walk *walk, enum packet_level level)
{
    bool once = level == PACKET_LEVEL_LINK || level == PACKET_LEVEL_NETWORK;
    if (level < walk->deepest || (once && level == walk->deepest))
        walk->encapsulated = true;
    if (level > walk->deepest)
        walk->deepest = level;
}

static enum packet_header first_header(const struct packet_walk *walk, enum packet_start start,
                                       const uint8_t *data, size_t len)
{
    switch (start) {
    case PACKET_ETHERNET:
        return PACKET_HEADER_ETHERNET;
    case PACKET_MPLS:
        return PACKET_HEADER_MPLS;
    case PACKET_IPV4:
        flow_set_num(walk->flow, FLOW_ETYPE, ETH_P_IP);
        return PACKET_HEADER_IPV4;
    case PACKET_IPV6:
        flow_set_num(walk->flow, FLOW_ETYPE, ETH_P_IPV6);
        return PACKET_HEADER_IPV6;
    case PACKET_IP:
        return packet_next_of_version(walk, data, len);
    }
    return PACKET_HEADER_NONE;
}

void packet_parse(struct flow *flow, enum packet_start start, const uint8_t *data, size_t len)
{
    struct packet_walk walk = {.flow = flow, .deepest = PACKET_LEVEL_NONE, .encapsulated = false};
    enum packet_header id = first_header(&walk, start, data, len);
    size_t count = 0;
    while (id != PACKET_HEADER_NONE && count < FLOW_LIST_MAX) {
        const struct header *header = &HEADERS[id];
        struct packet_step step;
        enter(&walk, (enum packet_level)header->level);
        if (len < header->min_len || !header->read(&walk, data, len, &step))
            break;
        flow->layer_stack[count] = header->layer;
        flow->layer_size[count++] = (uint32_t)step.size;
        size_t taken = step.size < len ? step.size : len;
        data += taken;
        len -= taken;
        id = step.next;
    }
    if (count == FLOW_LIST_MAX && id != PACKET_HEADER_NONE)
        flow->list_cut = true;
    flow_set_num(flow, FLOW_LAYER_STACK, count);
    flow_set_num(flow, FLOW_LAYER_SIZE, count);
}
