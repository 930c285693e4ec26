// The addresses that benches use: those of the traffic, and those that databases and context.yaml
// know. IPv4 is 1.0.0.0 to 223.255.255.255, IPv6 is 2a00::/12.
#pragma once

#include <stdint.h>

#define SPACE_IPV4_FIRST UINT32_C(0x01000000)
#define SPACE_IPV4_END   UINT32_C(0xe0000000)
#define SPACE_IPV6_FIRST UINT32_C(0x2a000000) // the leading 32 bits
#define SPACE_IPV6_END   UINT32_C(0x2a100000)
