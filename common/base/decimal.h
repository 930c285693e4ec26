// Numbers as decimal text, without a branch on how many digits they have.
#pragma once

#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX 20 // 18446744073709551615; what is stored never goes past so many bytes

// Four decimal digits of a number below 10^4, the first one in the lowest byte.
static inline uint32_t decimal_four(uint32_t value)
{
    uint32_t hundreds = value * 5243 >> 19; // by 100, up to 10,000
    uint32_t twos = hundreds | (value - 100 * hundreds) << 16;
    uint32_t tens = (twos * 103 >> 10) & 0x000f000f; // by 10, up to 100
    return tens | (twos - 10 * tens) << 8;
}

// Eight of a number below 10^8: it is split into halves of four, two and one digits, all at once.
static inline uint64_t decimal_eight(uint32_t value)
{
    uint64_t fours = value / 10000 | (uint64_t)(value % 10000) << 32;
    uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007f; // by 100, up to 10,000
    uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000f; // by 10, up to 100
    return tens | (twos - 10 * tens) << 8;
}

static inline uint8_t *decimal_put_eight(uint8_t *out, uint32_t value)
{
    uint64_t text = decimal_eight(value) | 0x3030303030303030;
    memcpy(out, &text, sizeof text);
    return out + sizeof text;
}

// A number below 10^8 without leading zeros: they are shifted out. Stores eight bytes.
static inline uint8_t *decimal_put_below(uint8_t *out, uint32_t value)
{
    uint64_t digits = value < 10000 ? (uint64_t)decimal_four(value) << 32 : decimal_eight(value);
    unsigned unwanted = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) >> 3;
    digits = (digits | 0x3030303030303030) >> 8 * unwanted;
    memcpy(out, &digits, sizeof digits);
    return out + sizeof digits - unwanted;
}

// Any number. Returns the end of its text; `out` has room for DECIMAL_MAX bytes.
static inline uint8_t *decimal_put(uint8_t *out, uint64_t value)
{
    const uint32_t eight_digits = 100000000;
    if (value < 10) {
        *out = (uint8_t)('0' + value);
        return out + 1;
    }
    if (value < eight_digits)
        return decimal_put_below(out, (uint32_t)value);
    uint64_t above = value / eight_digits;
    uint32_t low = (uint32_t)(value % eight_digits);
    if (above < eight_digits)
        return decimal_put_eight(decimal_put_below(out, (uint32_t)above), low);
    out = decimal_put_below(out, (uint32_t)(above / eight_digits));
    return decimal_put_eight(decimal_put_eight(out, (uint32_t)(above % eight_digits)), low);
}
