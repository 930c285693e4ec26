// Longest-prefix match over IPv4 and IPv6 prefixes: an address in, the value of the most specific
// prefix that holds it out.
//
// A direct table for the first 18 bits, then nodes of 6 bits whose children and leaves lie side by
// side and are found by counting bits (the poptrie of Asai and Ohara, SIGCOMM 2015): the usual
// longest prefixes, /24 and /48, end at the end of a node. Built once, immutable afterwards: any
// thread may read.
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lpm;

#define LPM_NONE 0 // no prefix holds the address

// Host bits are zero, the value is not LPM_NONE.
struct lpm_entry {
    struct prefix prefix;
    uint64_t value;
};

// IPv4 before IPv6, by address, the shorter prefix first: the order that lpm_new wants, in which
// every prefix stands after those that enclose it. Negative, 0 (the same prefix) or positive.
int lpm_compare(const struct prefix *a, const struct prefix *b);

// Entries sorted by lpm_compare, no prefix twice. NULL only without memory.
struct lpm *lpm_new(const struct lpm_entry *entries, size_t count);
void lpm_free(struct lpm *lpm);

// Looks up 4 or 16 bytes, as they are: IPv4-mapped addresses are the caller's to unwrap.
uint64_t lpm_find_ipv4(const struct lpm *lpm, const uint8_t *addr);
uint64_t lpm_find_ipv6(const struct lpm *lpm, const uint8_t *addr);

// An address to look up together with others.
struct lpm_key {
    uint64_t high; // its bits, from the left: IPv4's are the first 32
    uint64_t low;
    bool is_ipv6;
};

#define LPM_GROUP_MAX 64

// The values of up to LPM_GROUP_MAX addresses, as the functions above find them: the group goes
// down the tables level by level, so that it waits for memory once a level and not once an address.
void lpm_find_group(const struct lpm *lpm, const struct lpm_key *keys, size_t count,
                    uint64_t *values);

size_t lpm_bytes(const struct lpm *lpm);
