#include "common/flow/render.h"

#include "common/base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    const char *text;
    size_t len;
};

#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

uint8_t *render_num(uint8_t *out, uint64_t value)
{
    return decimal_put(out, value);
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
    return out + addr_text((char *)out, address.data, address.len);
}

uint8_t *render_hex(uint8_t *out, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = (uint8_t)digits[bytes.data[i] >> 4];
        *out++ = (uint8_t)digits[bytes.data[i] & 15];
    }
    return out;
}

static uint8_t *put_padded(uint8_t *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        out[i] = (uint8_t)('0' + value % 10);
    return out + digits;
}

struct date {
    int64_t year;
    unsigned month;
    unsigned day;
};

// Days since 1970 in the Gregorian calendar, counted in eras of 400 years that begin in March.
static struct date date_of(int64_t days)
{
    enum { ERA_DAYS = 146097, MARCH_0000 = 719468 };
    days += MARCH_0000;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    unsigned in_era = (unsigned)(days - era * ERA_DAYS);
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153; // from March
    return (struct date){.year = era * 400 + year + (month >= 10),
                         .month = month < 10 ? month + 3 : month - 9,
                         .day = in_year - (153 * month + 2) / 5 + 1};
}

uint8_t *render_time(uint8_t *out, int64_t seconds, uint32_t nanoseconds)
{
    enum { DAY_S = 86400 };
    bool before = seconds % DAY_S < 0;
    int64_t days = seconds / DAY_S - before;
    unsigned in_day = (unsigned)(seconds % DAY_S + (before ? DAY_S : 0));
    struct date date = date_of(days);
    uint64_t year = (uint64_t)(date.year < 0 ? -date.year : date.year);
    if (date.year < 0)
        *out++ = '-';
    out = year < 10000 ? put_padded(out, year, 4) : render_num(out, year);
    const unsigned parts[] = {date.month, date.day, in_day / 3600, in_day / 60 % 60, in_day % 60};
    for (unsigned i = 0; i < 5; i++) {
        *out++ = (uint8_t) "--T::"[i];
        out = put_padded(out, parts[i], 2);
    }
    if (nanoseconds != 0) {
        *out++ = '.';
        out = put_padded(out, nanoseconds, 9);
        while (out[-1] == '0')
            out--;
    }
    *out++ = 'Z';
    return out;
}

uint8_t *render_float(uint8_t *out, double value)
{
    char text[32];
    int len = 0;
    if (!isfinite(value))
        return out;
    for (int digits = 6; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    memcpy(out, text, (size_t)len);
    return out + len;
}

uint8_t *render_prefix(uint8_t *out, struct span address, uint64_t bits)
{
    static const char invalid[] = "invalid Prefix";
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
    return out + prefix_text((char *)out, &prefix);
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

static const struct name *icmp_name(uint64_t type)
{
    static const struct name names[] = {
        [0] = NAME("EchoReply"),
        [3] = NAME("DestinationUnreachable"),
        [8] = NAME("Echo"),
        [9] = NAME("RouterAdvertisement"),
        [10] = NAME("RouterSolicitation"),
        [11] = NAME("TimeExceeded"),
    };
    return type < sizeof names / sizeof names[0] ? &names[type] : &names[1];
}

static const struct name *icmpv6_name(uint64_t type)
{
    static const struct name errors[] = {NAME(""), NAME("DestinationUnreachable"),
                                         NAME("PacketTooBig"), NAME("TimeExceeded")};
    static const struct name queries[] = {
        NAME("EchoRequest"),        NAME("EchoReply"),          NAME(""), NAME(""), NAME(""),
        NAME("RouterSolicitation"), NAME("RouterAdvertisement")};
    if (type < sizeof errors / sizeof errors[0])
        return &errors[type];
    if (type >= 128 && type - 128 < sizeof queries / sizeof queries[0])
        return &queries[type - 128];
    return &errors[0];
}

const char *render_icmp_name(uint64_t proto, uint64_t type, size_t *len)
{
    enum { ICMP = 1, ICMPV6 = 58 };
    static const struct name unknown = NAME("unknown");
    const struct name *name = proto == ICMP     ? icmp_name(type)
                              : proto == ICMPV6 ? icmpv6_name(type)
                                                : &unknown;
    *len = name->len;
    return name->text == NULL ? "" : name->text;
}
