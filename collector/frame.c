#include "collector/frame.h"

#include "common/base/cursor.h"

#include <pcap/dlt.h>
#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,       // IEEE 802.1Q
    ETHERTYPE_VLAN_OUTER = 0x88a8, // IEEE 802.1ad
    ETHERTYPE_VLAN_OLD = 0x9100,   // the same before it was standardized, and its like
    ETHERTYPE_VLAN_OLD_2 = 0x9200,
    ETHERTYPE_VLAN_OLD_3 = 0x9300,
};

enum {
    IP_HOP_BY_HOP = 0,
    IP_UDP = 17,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_AUTHENTICATION = 51,
    IP_DESTINATION = 60,
    IP_MOBILITY = 135,
};

#define FOUND           REASON_COUNT // a datagram, and so no reason
#define FOUND_FRAGMENT  REASON_CAPTURE_FRAGMENT
#define UDP_HEADER_LEN  8
#define IPV4_HEADER_LEN 20
#define IPV6_HEADERS    16 // extension headers followed

bool frame_link_known(int link_type)
{
    static const int known[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,
                                DLT_IPV4,   DLT_IPV6,      DLT_NULL,       DLT_LOOP};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == link_type)
            return true;
    return false;
}

struct frame {
    struct frame_udp udp;
    struct fragment fragment;
};

static bool is_tag(unsigned ethertype)
{
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_VLAN_OUTER ||
           ethertype == ETHERTYPE_VLAN_OLD || ethertype == ETHERTYPE_VLAN_OLD_2 ||
           ethertype == ETHERTYPE_VLAN_OLD_3;
}

// The protocol that the link layer names; 0 when only the packet's version nibble tells.
static unsigned read_link(struct cursor *c, int link_type)
{
    unsigned ethertype = 0;
    switch (link_type) {
    case DLT_EN10MB:
        cursor_skip(c, 12);
        ethertype = cursor_u16(c);
        break;
    case DLT_LINUX_SLL:
        cursor_skip(c, 14);
        ethertype = cursor_u16(c);
        break;
    case DLT_LINUX_SLL2:
        ethertype = cursor_u16(c);
        cursor_skip(c, 18);
        break;
    case DLT_NULL:
    case DLT_LOOP:
        // An address family whose number and byte order depend on the system that captured.
        cursor_skip(c, 4);
        break;
    default:
        break;
    }
    while (is_tag(ethertype)) {
        cursor_skip(c, 2);
        ethertype = cursor_u16(c);
    }
    return ethertype;
}

// RFC 768. `sent` is what the IP header says to follow, which may be more than was captured; what
// was captured behind it is padding of the link.
static enum reason read_udp(struct frame_udp *out, struct cursor *c, size_t sent)
{
    out->port = cursor_u16(c);
    cursor_skip(c, 2);
    size_t udp_len = cursor_u16(c);
    cursor_skip(c, 2);
    if (!cursor_ok(c))
        return REASON_CAPTURE_SHORT;
    if (sent < UDP_HEADER_LEN || udp_len < UDP_HEADER_LEN || udp_len > sent)
        return REASON_CAPTURE_NOT_UDP;
    size_t payload_len = udp_len - UDP_HEADER_LEN;
    out->cut = payload_len > cursor_left(c);
    out->len = out->cut ? cursor_left(c) : payload_len;
    out->payload = c->at;
    return FOUND;
}

// The bytes of the fragment are the `sent` next ones: less of them cannot be put together.
static enum reason read_fragment(struct fragment *out, struct cursor *c, size_t sent)
{
    out->bytes = cursor_take(c, sent);
    out->len = sent;
    return out->bytes == NULL ? REASON_CAPTURE_SHORT : FOUND_FRAGMENT;
}

// RFC 791, section 3.1.
static enum reason read_ipv4(struct frame *out, struct cursor *c)
{
    enum { MORE = 0x2000, OFFSET = 0x1fff };
    const uint8_t *header = cursor_take(c, IPV4_HEADER_LEN);
    if (header == NULL)
        return REASON_CAPTURE_SHORT;
    size_t header_len = (size_t)(header[0] & 15) * 4;
    size_t total_len = bytes_u16(header + 2);
    uint16_t word = bytes_u16(header + 6);
    if (header_len < IPV4_HEADER_LEN || header[9] != IP_UDP)
        return REASON_CAPTURE_NOT_UDP;
    if (total_len == 0) // captured before the network card cut it up
        total_len = IPV4_HEADER_LEN + cursor_left(c);
    size_t sent = total_len < header_len ? 0 : total_len - header_len;
    cursor_skip(c, header_len - IPV4_HEADER_LEN);
    out->udp.source = addr_of(header + 12, 4);
    if ((word & (MORE | OFFSET)) == 0)
        return read_udp(&out->udp, c, sent);
    out->fragment = (struct fragment){
        .source = out->udp.source,
        .destination = addr_of(header + 16, 4),
        .id = bytes_u16(header + 4),
        .version = 4,
        .protocol = IP_UDP,
        .more = (word & MORE) != 0,
        .offset = (size_t)(word & OFFSET) * 8,
    };
    return read_fragment(&out->fragment, c, sent);
}

static bool is_extension(unsigned next)
{
    return next == IP_HOP_BY_HOP || next == IP_ROUTING || next == IP_FRAGMENT ||
           next == IP_AUTHENTICATION || next == IP_DESTINATION || next == IP_MOBILITY;
}

// RFC 8200, section 4.5. False for RFC 6946's atomic fragments, which are whole.
static bool note_fragment(struct fragment *out, const uint8_t *header)
{
    uint16_t word = bytes_u16(header + 2);
    out->protocol = header[0];
    out->more = (word & 1) != 0;
    out->offset = word & 0xfff8;
    out->id = bytes_u32(header + 4);
    return out->more || out->offset != 0;
}

// Follows extension headers (RFC 8200, section 4) to UDP, or to the fragment. `*left` is what of
// the payload length remains.
static enum reason skip_extensions(struct fragment *fragment, struct cursor *c, unsigned next,
                                   size_t *left)
{
    for (int i = 0; i < IPV6_HEADERS && next != IP_UDP; i++) {
        if (!is_extension(next))
            return REASON_CAPTURE_NOT_UDP;
        const uint8_t *header = cursor_take(c, 8);
        if (header == NULL)
            return REASON_CAPTURE_SHORT;
        size_t len = ((size_t)header[1] + 1) * 8;
        if (next == IP_AUTHENTICATION) // RFC 4302, section 2.2: 4-byte units
            len = ((size_t)header[1] + 2) * 4;
        if (next == IP_FRAGMENT)
            len = 8;
        if (len < 8 || len > *left)
            return REASON_CAPTURE_NOT_UDP;
        cursor_skip(c, len - 8);
        *left -= len;
        if (next == IP_FRAGMENT && note_fragment(fragment, header))
            return FOUND_FRAGMENT;
        next = header[0];
    }
    return next == IP_UDP ? FOUND : REASON_CAPTURE_NOT_UDP;
}

// RFC 8200, section 3.
static enum reason read_ipv6(struct frame *out, struct cursor *c)
{
    const uint8_t *header = cursor_take(c, 40);
    if (header == NULL)
        return REASON_CAPTURE_SHORT;
    size_t left = bytes_u16(header + 4);
    if (left == 0)
        left = cursor_left(c);
    out->udp.source = addr_of(header + 8, 16);
    out->fragment.source = out->udp.source;
    out->fragment.destination = addr_of(header + 24, 16);
    out->fragment.version = 6;
    enum reason reason = skip_extensions(&out->fragment, c, header[6], &left);
    if (reason == FOUND)
        return read_udp(&out->udp, c, left);
    if (reason != FOUND_FRAGMENT)
        return reason;
    bool wanted = out->fragment.protocol == IP_UDP || is_extension(out->fragment.protocol);
    return wanted ? read_fragment(&out->fragment, c, left) : REASON_CAPTURE_NOT_UDP;
}

static enum reason read_packet(struct frame *out, int link_type, struct cursor *c)
{
    unsigned ethertype = read_link(c, link_type);
    struct cursor look = *c;
    unsigned version = cursor_u8(&look) >> 4;
    if (!cursor_ok(&look))
        return REASON_CAPTURE_SHORT;
    if (version == 4 && (ethertype == ETHERTYPE_IPV4 || ethertype == 0))
        return read_ipv4(out, c);
    if (version == 6 && (ethertype == ETHERTYPE_IPV6 || ethertype == 0))
        return read_ipv6(out, c);
    return REASON_CAPTURE_NOT_UDP;
}

enum frame_kind frame_read(int link_type, const uint8_t *bytes, size_t len, struct frame_udp *udp,
                           struct fragment *fragment, enum reason *why)
{
    struct cursor c = cursor_over(bytes, len);
    struct frame frame = {.udp.len = 0};
    enum reason reason = read_packet(&frame, link_type, &c);
    *udp = frame.udp;
    *fragment = frame.fragment;
    if (reason == FOUND)
        return FRAME_UDP;
    if (reason == FOUND_FRAGMENT)
        return FRAME_FRAGMENT;
    *why = reason;
    return FRAME_OTHER;
}

enum frame_kind frame_read_whole(const struct fragment *last, const struct fragment_whole *whole,
                                 struct frame_udp *udp, enum reason *why)
{
    struct cursor c = cursor_over(whole->bytes, whole->len);
    struct fragment inner = {.len = 0};
    size_t left = whole->len;
    enum reason reason = FOUND;
    *udp = (struct frame_udp){.source = last->source};
    if (last->version == 6)
        reason = skip_extensions(&inner, &c, whole->protocol, &left);
    if (reason == FOUND)
        reason = read_udp(udp, &c, left);
    if (reason == FOUND)
        return FRAME_UDP;
    *why = reason == FOUND_FRAGMENT ? REASON_CAPTURE_NOT_UDP : reason; // a fragment in a fragment
    return FRAME_OTHER;
}
