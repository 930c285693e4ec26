#include "collector/decode/packet/packet.h"

#include "collector/decode/mapping/packet.h"

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
    [PACKET_HEADER_SERVICE_TAG] = {packet_read_service_tag, 4, FLOW_LAYER_CUSTOM, PACKET_LEVEL_TAG},
    [PACKET_HEADER_CUSTOMER] = {packet_read_customer, 14, FLOW_LAYER_ETHERNET, PACKET_LEVEL_TAG},
    [PACKET_HEADER_SNAP] = {packet_read_snap, 8, FLOW_LAYER_CUSTOM, PACKET_LEVEL_TAG},
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
    [PACKET_HEADER_TCP] = {packet_read_tcp, 4, FLOW_LAYER_TCP, PACKET_LEVEL_TRANSPORT},
    [PACKET_HEADER_UDP] = {packet_read_udp, 4, FLOW_LAYER_UDP, PACKET_LEVEL_TRANSPORT},
    [PACKET_HEADER_SCTP] = {packet_read_sctp, 4, FLOW_LAYER_CUSTOM, PACKET_LEVEL_TRANSPORT},
    [PACKET_HEADER_ICMP] = {packet_read_icmp, 2, FLOW_LAYER_ICMP, PACKET_LEVEL_TRANSPORT},
    [PACKET_HEADER_ICMPV6] = {packet_read_icmp, 2, FLOW_LAYER_ICMPV6, PACKET_LEVEL_TRANSPORT},
    [PACKET_HEADER_GRE] = {packet_read_gre, 4, FLOW_LAYER_GRE, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_VXLAN] = {packet_read_vxlan, 8, FLOW_LAYER_CUSTOM, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_GENEVE] = {packet_read_geneve, 8, FLOW_LAYER_GENEVE, PACKET_LEVEL_UPPER},
    [PACKET_HEADER_TEREDO] = {packet_read_teredo, 1, FLOW_LAYER_TEREDO, PACKET_LEVEL_UPPER},
};

static void enter(struct packet_walk *walk, enum packet_level level)
{
    bool once = level == PACKET_LEVEL_LINK || level == PACKET_LEVEL_NETWORK ||
                level == PACKET_LEVEL_TRANSPORT;
    if (level < walk->deepest || (once && level == walk->deepest))
        walk->encapsulated = true;
    if (level > walk->deepest)
        walk->deepest = level;
}

static struct packet_step first_step(const struct packet_walk *walk, enum packet_start start,
                                     const uint8_t *data, size_t len)
{
    switch (start) {
    case PACKET_ETHERNET:
        return (struct packet_step){0, PACKET_HEADER_ETHERNET, 0};
    case PACKET_MPLS:
        return packet_by_etype(0, ETH_P_MPLS_UC);
    case PACKET_IPV4:
        flow_set_num(walk->flow, FLOW_ETYPE, ETH_P_IP);
        return packet_by_etype(0, ETH_P_IP);
    case PACKET_IPV6:
        flow_set_num(walk->flow, FLOW_ETYPE, ETH_P_IPV6);
        return packet_by_etype(0, ETH_P_IPV6);
    case PACKET_IP:
        break;
    }
    return packet_by_version(walk, 0, data, len);
}

void packet_parse(struct flow *flow, enum packet_start start, const uint8_t *data, size_t len)
{
    packet_parse_mapped(flow, NULL, start, data, len);
}

void packet_parse_mapped(struct flow *flow, const struct mapping *mapping, enum packet_start start,
                         const uint8_t *data, size_t len)
{
    struct packet_walk walk = {
        .flow = flow, .mapping = mapping, .deepest = PACKET_LEVEL_NONE, .encapsulated = false};
    struct packet_step step = first_step(&walk, start, data, len);
    size_t count = 0;
    while (step.next != PACKET_HEADER_NONE && count < FLOW_LIST_MAX) {
        const struct header *header = &HEADERS[step.next];
        struct packet_step following;
        enter(&walk, (enum packet_level)header->level);
        if (len < header->min_len || !header->read(&walk, data, len, &following))
            break;
        if (mapping != NULL)
            mapping_header(mapping, flow, step.next, step.via, walk.encapsulated, data, len);
        flow->layer_stack[count] = header->layer;
        flow->layer_size[count++] = (uint32_t)following.size;
        size_t taken = following.size < len ? following.size : len;
        data += taken;
        len -= taken;
        step = following;
    }
    if (count == FLOW_LIST_MAX && step.next != PACKET_HEADER_NONE)
        flow->list_cut = true;
    flow_set_num(flow, FLOW_LAYER_STACK, count);
    flow_set_num(flow, FLOW_LAYER_SIZE, count);
}
