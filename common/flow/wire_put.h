// The quick pieces of encoding, for wire.c and for who writes whole frames beside it.
//
// They store more bytes than they count, up to WIRE_OVERRUN behind the end that they return: what
// is written next goes over them.
#pragma once

#include "common/flow/flow.h"

#include <stdint.h>
#include <string.h>

#define WIRE_OVERRUN 8

// A field's tag as it stands on the wire, the first byte lowest, and how many bytes it has: 1 or 2.
uint16_t wire_tag(enum flow_field id, unsigned *len);

// The flow's fields that are in `set` too, without a prefix: what wire_write writes of them. `out`
// has room for wire_bound(flow) bytes.
uint8_t *wire_put_fields(uint8_t *out, const struct flow *flow, uint64_t set);

// Spreads the low 56 bits over eight bytes, seven each. Bits are moved up by n when they are added
// to their place 2^n - 1 times.
static inline uint64_t wire_spread(uint64_t v)
{
    v = (v & 0x00ffffffffffffff) + 15 * (v & 0x00fffffff0000000);
    v += 3 * (v & 0x0fffc0000fffc000);
    return v + (v & 0x3f803f803f803f80);
}

// The same for 28 bits.
static inline uint32_t wire_spread_half(uint32_t v)
{
    v += 3 * (v & 0x0fffc000);
    return v + (v & 0x3f803f80);
}

// Another byte follows: in each of eight.
#define WIRE_MORE UINT64_C(0x8080808080808080)

// The same bits in the bytes below that one.
static const uint64_t WIRE_MORE_BELOW[8] = {
    0, 0x80, 0x8080, 0x808080, 0x80808080, 0x8080808080, 0x808080808080, 0x80808080808080,
};

// The varint of a number from 0x80 to below 2^56 in one word, and its last byte's place in it.
static inline uint64_t wire_varint_word(uint64_t value, unsigned *last)
{
    // Most are below 2^28, and the same fields each time, so that the branch is foreseen.
    bool small = __builtin_expect(value >> 28 == 0, 1);
    uint64_t groups = small ? wire_spread_half((uint32_t)value) : wire_spread(value);
    *last = (unsigned)(63 - __builtin_clzll(groups)) / 8;
    return groups | WIRE_MORE_BELOW[*last];
}

// A varint from 2^56 on: a time in nanoseconds.
static inline uint8_t *wire_huge(uint8_t *out, uint64_t value)
{
    uint64_t word = wire_spread(value) | WIRE_MORE;
    memcpy(out, &word, sizeof word);
    out[8] = (uint8_t)(value >> 56);
    if (value >> 63 == 0)
        return out + 9;
    out[9] = 1;
    return out + 10;
}

// A varint from 0x80 on.
static inline uint8_t *wire_large(uint8_t *out, uint64_t value)
{
    unsigned last;
    if (value >> 56 != 0)
        return wire_huge(out, value);
    uint64_t word = wire_varint_word(value, &last);
    memcpy(out, &word, sizeof word);
    return out + last + 1;
}

static inline uint8_t *wire_varint(uint8_t *out, uint64_t value)
{
    if (value >= 0x80)
        return wire_large(out, value);
    *out = (uint8_t)value;
    return out + 1;
}
