#include "collector/decode/packet/walk.h"

#include <linux/if_ether.h>

#define VLAN_RESERVED 0xfff // IEEE 802.1Q, table 9-2

static enum packet_header next_of_etype(uint16_t etype)
{
    switch (etype) {
    case ETH_P_IP:
        return PACKET_HEADER_IPV4;
    case ETH_P_IPV6:
        return PACKET_HEADER_IPV6;
    case ETH_P_8021Q:
    case ETH_P_8021AD:
    case ETH_P_QINQ1:
    case ETH_P_QINQ2:
    case ETH_P_QINQ3:
        return PACKET_HEADER_DOT1Q;
    case ETH_P_MPLS_UC:
    case ETH_P_MPLS_MC:
        return PACKET_HEADER_MPLS;
    case ETH_P_8021AH:
        return PACKET_HEADER_SERVICE_TAG;
    case ETH_P_PPP_SES:
        return PACKET_HEADER_PPPOE;
    case ETH_P_TEB:
        return PACKET_HEADER_ETHERNET;
    default:
        return PACKET_HEADER_NONE;
    }
}

struct packet_step packet_by_etype(size_t size, uint16_t etype)
{
    return (struct packet_step){size, next_of_etype(etype), PACKET_VIA_ETYPE | etype};
}

struct packet_step packet_by_version(const struct packet_walk *walk, size_t size, const uint8_t *at,
                                     size_t len)
{
    unsigned version = len == 0 ? 0 : at[0] >> 4;
    if (version != 4 && version != 6)
        return packet_end(size);
    uint16_t etype = version == 4 ? ETH_P_IP : ETH_P_IPV6;
    packet_set_num(walk, FLOW_ETYPE, etype);
    return packet_by_etype(size, etype);
}

// Steps over the end of a link header by what it says of the next one. IEEE 802.3, section 3.2.6:
// below 0x600 that is the length of an LLC frame, and no EtherType.
static struct packet_step by_type(const struct packet_walk *walk, size_t size, uint16_t type)
{
    if (type >= ETH_P_802_3_MIN) {
        packet_set_num(walk, FLOW_ETYPE, type);
        return packet_by_etype(size, type);
    }
    return (struct packet_step){size, PACKET_HEADER_SNAP, PACKET_VIA_ETYPE | type};
}

// The same behind a tag, whose own type is no longer the frame's.
static struct packet_step by_tagged_type(const struct packet_walk *walk, size_t size, uint16_t type)
{
    if (!walk->encapsulated)
        flow_clear(walk->flow, FLOW_ETYPE);
    return by_type(walk, size, type);
}

bool packet_read_ethernet(const struct packet_walk *walk, const uint8_t *at, size_t len,
                          struct packet_step *step)
{
    (void)len;
    packet_set_num(walk, FLOW_DST_MAC, bytes_be(at, 6));
    packet_set_num(walk, FLOW_SRC_MAC, bytes_be(at + 6, 6));
    *step = by_type(walk, 14, bytes_u16(at + 12));
    return true;
}

bool packet_read_dot1q(const struct packet_walk *walk, const uint8_t *at, size_t len,
                       struct packet_step *step)
{
    (void)len;
    unsigned vlan = bytes_u16(at) & 0xfff;
    packet_set_num(walk, FLOW_VLAN_ID, vlan == VLAN_RESERVED ? 0 : vlan);
    *step = by_tagged_type(walk, 4, bytes_u16(at + 2));
    return true;
}

// IEEE 802.1ah (802.1Q, section 9.7): flags and the service's number, then the customer's frame
// from its MAC addresses on.
bool packet_read_service_tag(const struct packet_walk *walk, const uint8_t *at, size_t len,
                             struct packet_step *step)
{
    (void)walk;
    (void)at;
    (void)len;
    *step = (struct packet_step){4, PACKET_HEADER_CUSTOMER, 0};
    return true;
}

// The frame is still the same: the MAC addresses are those of the backbone in front, all else goes
// on.
bool packet_read_customer(const struct packet_walk *walk, const uint8_t *at, size_t len,
                          struct packet_step *step)
{
    (void)len;
    *step = by_tagged_type(walk, 14, bytes_u16(at + 12));
    return true;
}

// RFC 1042: an LLC header that says SNAP, and an EtherType under the organization 0. All other LLC
// (spanning tree, IS-IS) ends the walk.
bool packet_read_snap(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    (void)len;
    static const uint8_t snap[] = {0xaa, 0xaa, 0x03, 0, 0, 0};
    if (memcmp(at, snap, sizeof snap) != 0)
        return false;
    uint16_t etype = bytes_u16(at + 6);
    packet_set_num(walk, FLOW_ETYPE, etype);
    *step = packet_by_etype(8, etype);
    return true;
}

// RFC 3032, section 2.1: four bytes a label, the last one marked as the bottom of the stack.
bool packet_read_mpls(const struct packet_walk *walk, const uint8_t *at, size_t len,
                      struct packet_step *step)
{
    enum { ENTRY_LEN = 4, STACK_MAX = FLOW_LIST_MAX * ENTRY_LEN };
    struct flow *flow = walk->flow;
    size_t size = 0;
    bool bottom = false;
    if (!walk->encapsulated) {
        flow_clear(flow, FLOW_MPLS_LABEL);
        flow_clear(flow, FLOW_MPLS_TTL);
    }
    while (!bottom && size < STACK_MAX && len - size >= ENTRY_LEN) {
        uint32_t entry = bytes_u32(at + size);
        if (!walk->encapsulated) {
            flow_append_num(flow, FLOW_MPLS_LABEL, entry >> 12);
            flow_append_num(flow, FLOW_MPLS_TTL, entry & 0xff);
        }
        bottom = (entry & 0x100) != 0;
        size += ENTRY_LEN;
    }
    if (!bottom && size == STACK_MAX && len - size >= ENTRY_LEN)
        flow->list_cut = true;
    *step = bottom ? packet_by_version(walk, size, at + size, len - size) : packet_end(size);
    return true;
}

// RFC 2516, section 4, with the PPP protocol that begins its payload (section 7).
bool packet_read_pppoe(const struct packet_walk *walk, const uint8_t *at, size_t len,
                       struct packet_step *step)
{
    (void)len;
    enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };
    if (at[0] != 0x11 || at[1] != 0)
        return false;
    uint16_t protocol = bytes_u16(at + 6);
    *step = packet_end(8);
    if (protocol != PPP_IPV4 && protocol != PPP_IPV6)
        return true;
    uint16_t etype = protocol == PPP_IPV4 ? ETH_P_IP : ETH_P_IPV6;
    packet_set_num(walk, FLOW_ETYPE, etype);
    *step = packet_by_etype(8, etype);
    return true;
}
