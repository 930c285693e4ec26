// What the benches know of addresses: databases and a context.yaml of any size, drawn from a seed.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Disjoint prefixes that cover bench addresses (space.h) nearly whole, in ascending order: most of
// them IPv4, about one in five IPv6, sizes within a factor of eight of each other.
struct geography_prefix {
    uint32_t first; // of an IPv6 prefix the leading 32 bits
    uint8_t bits;
    uint8_t is_ipv6;
};

// `count` of them, to be freed; NULL without memory.
struct geography_prefix *geography_draw(size_t count, uint64_t seed);

enum geography_kind {
    GEOGRAPHY_ASN,     // 60,000 systems, GeoLite2-ASN's layout
    GEOGRAPHY_COUNTRY, // 240 countries, GeoLite2-Country's layout
};

// Write a file: 0, or a negative errno.
int geography_write_database(const char *path, enum geography_kind kind, size_t prefixes);

// `networks` in all, evenly over every second /8 of IPv4 and /16 of IPv6 (one in fifteen is IPv6),
// disjoint, each with two tags; from 1,024 on one of each such block encloses the others and adds a
// third tag.
int geography_write_context(const char *path, size_t networks);
