#include "common/flow/render.h"

#include "common/base/addr.h"

#include <string.h>

struct name {
    const char *text;
    size_t len;
};

#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const char TWO_DIGITS[] = "00010203040506070809"
                                 "10111213141516171819"
                                 "20212223242526272829"
                                 "30313233343536373839"
                                 "40414243444546474849"
                                 "50515253545556575859"
                                 "60616263646566676869"
                                 "70717273747576777879"
                                 "80818283848586878889"
                                 "90919293949596979899";

static unsigned decimal_len(uint64_t value)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      10000000000000000000U};
    // 1233 / 4096 is just above log10(2): the guess is right or one too high.
    unsigned guess = (unsigned)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;
    return guess + (value >= powers[guess] ? 1 : 0);
}

uint8_t *render_num(uint8_t *out, uint64_t value)
{
    if (value < 10) {
        *out = (uint8_t)('0' + value);
        return out + 1;
    }
    uint8_t *end = out + decimal_len(value);
    uint8_t *at = end;
    while (value >= 100) {
        at -= 2;
        memcpy(at, TWO_DIGITS + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at - 2, TWO_DIGITS + 2 * value, 2);
    else
        at[-1] = (uint8_t)('0' + value);
    return end;
}

uint8_t *render_mac(uint8_t *out, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 40; shift >= 0; shift -= 8) {
        *out++ = (uint8_t)digits[value >> (shift + 4) & 15];
        *out++ = (uint8_t)digits[value >> shift & 15];
        if (shift != 0)
            *out++ = ':';
    }
    return out;
}

uint8_t *render_ip(uint8_t *out, struct span address)
{
    char text[ADDR_TEXT_MAX];
    size_t len = addr_text(text, address.data, address.len);
    memcpy(out, text, len);
    return out + len;
}

uint8_t *render_prefix(uint8_t *out, struct span address, uint64_t bits)
{
    static const char invalid[] = "invalid Prefix";
    char text[ADDR_TEXT_MAX];
    struct prefix prefix = {.addr = {.len = 0}};
    if (address.len != 4 && address.len != 16)
        return out;
    if (bits > 8 * address.len) {
        memcpy(out, invalid, sizeof invalid - 1);
        return out + sizeof invalid - 1;
    }
    memcpy(prefix.addr.bytes, address.data, address.len);
    prefix.addr.len = (uint8_t)address.len;
    prefix.bits = (uint8_t)bits;
    prefix = prefix_mask(&prefix);
    size_t len = addr_text(text, prefix.addr.bytes, prefix.addr.len);
    memcpy(out, text, len);
    out[len] = '/';
    return render_num(out + len + 1, bits);
}

const char *render_type_name(uint64_t type, size_t *len)
{
    static const struct name names[] = {NAME("FLOWUNKNOWN"), NAME("SFLOW_5"), NAME("NETFLOW_V5"),
                                        NAME("NETFLOW_V9"), NAME("IPFIX")};
    if (type >= sizeof names / sizeof names[0])
        return NULL;
    *len = names[type].len;
    return names[type].text;
}

const char *render_layer_name(uint64_t layer, size_t *len)
{
    static const struct name names[] = {
        NAME("Ethernet"),
        NAME("IPv4"),
        NAME("IPv6"),
        NAME("TCP"),
        NAME("UDP"),
        NAME("MPLS"),
        NAME("Dot1Q"),
        NAME("ICMP"),
        NAME("ICMPv6"),
        NAME("GRE"),
        NAME("IPv6HeaderRouting"),
        NAME("IPv6HeaderFragment"),
        NAME("Geneve"),
        NAME("Teredo"),
    };
    if (layer == FLOW_LAYER_CUSTOM) {
        *len = 6;
        return "Custom";
    }
    if (layer >= sizeof names / sizeof names[0])
        return NULL;
    *len = names[layer].len;
    return names[layer].text;
}

const char *render_etype_name(uint64_t etype, size_t *len)
{
    switch (etype) {
    case 0x0800:
        *len = 4;
        return "IPv4";
    case 0x86dd:
        *len = 4;
        return "IPv6";
    case 0x0806:
        *len = 3;
        return "ARP";
    default:
        *len = 0;
        return "";
    }
}

const char *render_proto_name(uint64_t proto, size_t *len)
{
    static const struct name names[256] = {
#define PROTOCOL(number, name) [number] = NAME(name),
#include "common/flow/protocol.def"
#undef PROTOCOL
    };
    static const struct name unknown = NAME("unknown");
    const struct name *name = proto < 256 ? &names[proto] : &unknown;
    *len = name->len;
    return name->text;
}
