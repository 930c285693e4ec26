// Longest-prefix match over IPv4 and IPv6 prefixes: an address in, the value of the most specific
// prefix that holds it out.
//
// A direct table for the first 16 bits, then nodes of 6 bits whose children and leaves lie side by
// side and are found by counting bits (the poptrie of Asai and Ohara, SIGCOMM 2015). Built once,
// immutable afterwards: any thread may read.
#pragma once

#include "common/base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct lpm;

#define LPM_NONE      0          // no prefix holds the address
#define LPM_VALUE_MAX 0x7fffffff // of a prefix, from 1

// Host bits are zero.
struct lpm_entry {
    struct prefix prefix;
    uint32_t value;
};

// IPv4 before IPv6, by address, the shorter prefix first: the order that lpm_new wants, in which
// every prefix stands after those that enclose it. Negative, 0 (the same prefix) or positive.
int lpm_compare(const struct prefix *a, const struct prefix *b);

// Entries sorted by lpm_compare, no prefix twice. NULL only without memory.
struct lpm *lpm_new(const struct lpm_entry *entries, size_t count);
void lpm_free(struct lpm *lpm);

// Looks up 4 or 16 bytes, as they are: IPv4-mapped addresses are the caller's to unwrap.
uint32_t lpm_find_ipv4(const struct lpm *lpm, const uint8_t *addr);
uint32_t lpm_find_ipv6(const struct lpm *lpm, const uint8_t *addr);

size_t lpm_bytes(const struct lpm *lpm);
