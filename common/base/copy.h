// Copying short runs of bytes without a call.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The first and the last `part` bytes of a run that has at most twice as many.
static inline void copy_ends(uint8_t *out, const uint8_t *from, size_t len, size_t part)
{
    memcpy(out, from, part);
    memcpy(out + len - part, from + len - part, part);
}

// Copies exactly `len` bytes; no overlap. Returns the end of the copy.
static inline uint8_t *copy_bytes(uint8_t *restrict out, const uint8_t *restrict from, size_t len)
{
    if (len > 128)
        memcpy(out, from, len);
    else if (len > 64)
        copy_ends(out, from, len, 64);
    else if (len > 32)
        copy_ends(out, from, len, 32);
    else if (len >= 16)
        copy_ends(out, from, len, 16);
    else if (len >= 8)
        copy_ends(out, from, len, 8);
    else if (len >= 4)
        copy_ends(out, from, len, 4);
    else if (len >= 2)
        copy_ends(out, from, len, 2);
    else if (len == 1)
        *out = *from;
    return out + len;
}

// Copies in steps of COPY_STEP: both sides have that many bytes more than `len`, which are touched.
#define COPY_STEP 32
static inline uint8_t *copy_steps(uint8_t *restrict out, const uint8_t *restrict from, size_t len)
{
    for (size_t at = 0; at < len; at += COPY_STEP)
        memcpy(out + at, from + at, COPY_STEP);
    return out + len;
}
