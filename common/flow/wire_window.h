// Where the numbers of a message body end, asked of 64 bytes at once. A field that is a number ends
// at the second byte without the bit that another one follows, the first being its tag's: found so,
// whatever its length, it costs no branch that the processor cannot foresee. Lengths differ from
// flow to flow, and a branch foreseen wrongly costs more than all the instructions that this takes.
#pragma once

#include "common/base/cursor.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WIRE_WINDOW_BYTES 64

// A bit for each byte: whether no other one of the same number follows it. No bits at all where a
// number might be longer than nine bytes.
static inline uint64_t wire_window_stops(const uint8_t *at)
{
    uint64_t more = 0;
#ifdef __SSE2__
    for (unsigned i = 0; i < WIRE_WINDOW_BYTES; i += 16) {
        __m128i part = _mm_loadu_si128((const __m128i_u *)(at + i));
        more |= (uint64_t)(uint32_t)_mm_movemask_epi8(part) << i;
    }
#else
    for (unsigned i = 0; i < WIRE_WINDOW_BYTES; i += 8) {
        uint64_t part;
        memcpy(&part, at + i, sizeof part);
        more |= ((part & 0x8080808080808080) * 0x02040810204081 >> 56) << i;
    }
#endif
    uint64_t runs = more & more >> 1;
    runs &= runs >> 2;
    runs &= runs >> 4; // of eight
    return (runs & more >> 8) != 0 ? 0 : ~more;
}

// The fields of a body from `at` on, which lie in a window that begins there, or before.
struct wire_window {
    const uint8_t *begin; // of the body
    const uint8_t *end;
    const uint8_t *at;
    const uint8_t *base; // of the window
    uint64_t stops;      // from `at` on, bit 0 being the byte at `base`
};

static inline struct wire_window wire_window_over(const uint8_t *body, size_t len)
{
    return (struct wire_window){.begin = body, .end = body + len, .at = body, .base = body};
}

// The stops behind the first one, moving the window when there is no second; 0: what begins at `at`
// must be read otherwise, or there is nothing. Nothing outside of the body is read, and in a short
// one nothing at all.
static inline uint64_t wire_window_behind_tag(struct wire_window *window)
{
    uint64_t behind = window->stops & (window->stops - 1);
    if (behind != 0)
        return behind;
    size_t left = (size_t)(window->end - window->at);
    window->base = window->at;
    window->stops = 0;
    if (left >= WIRE_WINDOW_BYTES)
        window->stops = wire_window_stops(window->at);
    else if (left != 0 && window->end - window->begin >= WIRE_WINDOW_BYTES)
        window->stops = wire_window_stops(window->end - WIRE_WINDOW_BYTES) >>
                        (WIRE_WINDOW_BYTES - left);
    return window->stops & (window->stops - 1);
}

// The end of a field that is a number, of which `behind` are the stops behind its tag; and moving
// there.
static inline const uint8_t *wire_window_end(const struct wire_window *window, uint64_t behind)
{
    return window->base + __builtin_ctzll(behind) + 1;
}

static inline void wire_window_pass(struct wire_window *window, uint64_t behind)
{
    window->at = wire_window_end(window, behind);
    window->stops = behind & (behind - 1);
}

// Moves to where another field begins.
static inline void wire_window_go(struct wire_window *window, const uint8_t *at)
{
    size_t past = (size_t)(at - window->base);
    window->at = at;
    window->stops = past < WIRE_WINDOW_BYTES ? window->stops >> past << past : 0;
}
