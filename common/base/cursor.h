// A bounded big-endian reader over bytes it does not own.
//
// Reads never pass the end. The first one that would marks the cursor as failed; from then on every
// read returns 0 and moves nothing, so that a caller reads a whole header and asks cursor_ok()
// once. A value type: copy it to look ahead. One thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct cursor cursor_over(const void *data, size_t len)
{
    const uint8_t *at = data;
    return (struct cursor){.at = at, .end = len == 0 ? at : at + len, .failed = false};
}

static inline bool cursor_ok(const struct cursor *c)
{
    return !c->failed;
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

// Takes the next `len` bytes: their address, or NULL (and a failed cursor) when fewer are left.
static inline const uint8_t *cursor_take(struct cursor *c, size_t len)
{
    if (c->failed || cursor_left(c) < len) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    c->at += len;
    return at;
}

static inline void cursor_skip(struct cursor *c, size_t len)
{
    (void)cursor_take(c, len);
}

// Takes the next `len` bytes as a cursor of their own; when fewer are left both cursors are failed.
static inline struct cursor cursor_sub(struct cursor *c, size_t len)
{
    const uint8_t *at = cursor_take(c, len);
    if (at == NULL)
        return (struct cursor){.at = c->end, .end = c->end, .failed = true};
    return cursor_over(at, len);
}

// The unsigned big-endian number in `len` bytes, 0 to 8.
// Numbers at an address that is known to be readable.
static inline uint64_t bytes_be(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[i];
    return value;
}

static inline uint16_t bytes_u16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t bytes_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t bytes_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *at = cursor_take(c, 1);
    return at == NULL ? 0 : *at;
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    const uint8_t *at = cursor_take(c, 2);
    return at == NULL ? 0 : bytes_u16(at);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    const uint8_t *at = cursor_take(c, 4);
    return at == NULL ? 0 : bytes_u32(at);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
    const uint8_t *at = cursor_take(c, 8);
    return at == NULL ? 0 : bytes_u64(at);
}
