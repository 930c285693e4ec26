#include "collector/decode/mapping/table.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

const struct mapping_name MAPPING_NAMES[] = {
    {"ethernet", PACKET_HEADER_ETHERNET},
    {"2", PACKET_HEADER_ETHERNET},
    {"dot1q", PACKET_HEADER_DOT1Q},
    {"mpls", PACKET_HEADER_MPLS},
    {"pppoe", PACKET_HEADER_PPPOE},
    {"ipv4", PACKET_HEADER_IPV4},
    {"ip", PACKET_HEADER_IPV4},
    {"3", PACKET_HEADER_IPV4},
    {"ipv6", PACKET_HEADER_IPV6},
    {"ip", PACKET_HEADER_IPV6},
    {"3", PACKET_HEADER_IPV6},
    {"ipv6eh_options", PACKET_HEADER_IPV6_OPTIONS},
    {"ipv6eh", PACKET_HEADER_IPV6_OPTIONS},
    {"ipv6eh_authentication", PACKET_HEADER_IPV6_AUTHENTICATION},
    {"ipv6eh", PACKET_HEADER_IPV6_AUTHENTICATION},
    {"ipv6eh_routing", PACKET_HEADER_IPV6_ROUTING},
    {"ipv6-route", PACKET_HEADER_IPV6_ROUTING},
    {"ipv6eh", PACKET_HEADER_IPV6_ROUTING},
    {"ipv6eh_fragment", PACKET_HEADER_IPV6_FRAGMENT},
    {"ipv6-frag", PACKET_HEADER_IPV6_FRAGMENT},
    {"ipv6eh", PACKET_HEADER_IPV6_FRAGMENT},
    {"tcp", PACKET_HEADER_TCP},
    {"4", PACKET_HEADER_TCP},
    {"udp", PACKET_HEADER_UDP},
    {"4", PACKET_HEADER_UDP},
    {"sctp", PACKET_HEADER_SCTP},
    {"4", PACKET_HEADER_SCTP},
    {"icmp", PACKET_HEADER_ICMP},
    {"icmpv6", PACKET_HEADER_ICMPV6},
    {"ipv6-icmp", PACKET_HEADER_ICMPV6},
    {"icmp6", PACKET_HEADER_ICMPV6},
    {"gre", PACKET_HEADER_GRE},
    {"vxlan", PACKET_HEADER_VXLAN},
    {"geneve", PACKET_HEADER_GENEVE},
    {"teredo-dst", PACKET_HEADER_TEREDO},
    {"teredo", PACKET_HEADER_TEREDO},
    {"0", PACKET_HEADER_NONE},
    {"7", PACKET_HEADER_NONE},
    {"arp", PACKET_HEADER_NONE},
    {"payload", PACKET_HEADER_NONE},
    {NULL, PACKET_HEADER_NONE},
};

static const struct mapping_name PARSERS[] = {
    {"ethernet", PACKET_HEADER_ETHERNET},
    {"dot1q", PACKET_HEADER_DOT1Q},
    {"mpls", PACKET_HEADER_MPLS},
    {"ipv4", PACKET_HEADER_IPV4},
    {"ipv6", PACKET_HEADER_IPV6},
    {"ipv6-route", PACKET_HEADER_IPV6_ROUTING},
    {"ipv6-frag", PACKET_HEADER_IPV6_FRAGMENT},
    {"tcp", PACKET_HEADER_TCP},
    {"udp", PACKET_HEADER_UDP},
    {"sctp", PACKET_HEADER_SCTP},
    {"icmp", PACKET_HEADER_ICMP},
    {"ipv6-icmp", PACKET_HEADER_ICMPV6},
    {"gre", PACKET_HEADER_GRE},
    {"vxlan", PACKET_HEADER_VXLAN},
    {"geneve", PACKET_HEADER_GENEVE},
    {"teredo-dst", PACKET_HEADER_TEREDO},
};

enum packet_header mapping_parser(const char *name)
{
    for (size_t i = 0; i < COUNT(PARSERS); i++)
        if (strcmp(PARSERS[i].name, name) == 0)
            return PARSERS[i].header;
    return PACKET_HEADER_NONE;
}

const char *mapping_parser_name(size_t index)
{
    return index < COUNT(PARSERS) ? PARSERS[index].name : NULL;
}

// All of the text as a number of that base; -1 when it is none, or too large.
static int32_t number_of(const char *text, unsigned base, int32_t max)
{
    static const char digits[] = "0123456789abcdef";
    int32_t value = 0;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        const char *digit = memchr(digits, *text, base);
        if (digit == NULL)
            return -1;
        value = value * (int32_t)base + (int32_t)(digit - digits);
        if (value > max)
            return -1;
    }
    return value;
}

int mapping_via_parse(const char *name, uint32_t *via, bool *hexadecimal)
{
    static const struct {
        const char *prefix;
        uint32_t via;
        unsigned base;
        int32_t max;
    } ways[] = {
        {"etype0x", PACKET_VIA_ETYPE, 16, UINT16_MAX}, {"etype", PACKET_VIA_ETYPE, 10, UINT16_MAX},
        {"proto", PACKET_VIA_PROTO, 10, UINT8_MAX},    {"udp", PACKET_VIA_UDP, 10, UINT16_MAX},
        {"tcp", PACKET_VIA_TCP, 10, UINT16_MAX},
    };
    for (size_t i = 0; i < COUNT(ways); i++) {
        size_t len = strlen(ways[i].prefix);
        if (strncmp(name, ways[i].prefix, len) != 0)
            continue;
        *hexadecimal = ways[i].base == 16;
        int32_t number = number_of(name + len, ways[i].base, ways[i].max);
        if (number < 0 || (*hexadecimal && strlen(name + len) != 4))
            return -1;
        *via = ways[i].via | (uint32_t)number;
        return 0;
    }
    return -1;
}
