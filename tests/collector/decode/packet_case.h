// Hand-made packets and what packet_parse makes of them, for its tests.
#pragma once

#include "collector/decode/packet/packet.h"

#include "tests/collector/decode/flow_case.h"

// Headers in hexadecimal; the parts in brackets of a macro are what differs between the cases.
#define ETHERNET(etype)   "0200000000bb 0200000000aa " etype " "
#define INNER_ETHERNET    "0200000000dd 0200000000cc 0800 "
#define TAG(tci, etype)   tci " " etype " "
#define IPV4(proto)       "45200064 12344000 3f" proto "aaaa 0a000001 0a000002 "
#define INNER_IPV4(proto) "45000064 00010000 20" proto "aaaa c0a80001 c0a80002 "
#define IPV6(next)                                                                                 \
    "62e12345 0040" next "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define INNER_IPV6(next)                                                                           \
    "60000000 0040" next "10 20010db800000000000000000000000a 20010db800000000000000000000000b "
#define TCP              "01bb c350 00000001 00000002 5018 0400 beef 0000 "
#define UDP(destination) "9c40 " destination " 0014 cafe "
#define INNER_UDP        "03e8 07d0 0014 cafe "
#define SRH(next)                                                                                  \
    next "04 04 01 01 00 0000 20010db8000000000000000000000003 20010db8000000000000000000000004 "
#define VXLAN          "08000000 00004d00 "
#define IN_GRE(header) ETHERNET("0800") IPV4("2f") header
#define IN_UDP(port)   ETHERNET("0800") IPV4("11") UDP(port)

// One flow and the bytes it borrows from.
struct parsed {
    struct flow flow;
    struct bytes bytes;
};

struct parsed *parse(enum packet_start start, const char *hex);
void done(struct parsed *parsed);

// "Ethernet 14 IPv4 20 TCP 20"; asserts that the two lists are equally long.
void layers_text(char *out, size_t cap, const struct flow *flow);
void assert_layers(const struct flow *flow, const char *wanted);

void assert_ports(const struct flow *flow, uint64_t source, uint64_t destination);

// The fields of ETHERNET and IPV4, and of IPV6.
void assert_outer_ipv4(const struct flow *flow);
void assert_outer_ipv6(const struct flow *flow);
