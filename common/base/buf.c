#include "common/base/buf.h"

#include "common/base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct buf buf_over(void *data, size_t cap)
{
    return (struct buf){.data = data, .len = 0, .cap = cap, .overflowed = false};
}

bool buf_ok(const struct buf *b)
{
    return !b->overflowed;
}

void buf_byte(struct buf *b, char byte)
{
    buf_bytes(b, &byte, 1);
}

void buf_bytes(struct buf *b, const void *bytes, size_t len)
{
    if (b->overflowed || b->cap - b->len < len) {
        b->overflowed = true;
        return;
    }
    if (len != 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
}

void buf_text(struct buf *b, const char *text)
{
    buf_bytes(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    if (b->overflowed)
        return;
    va_list arguments;
    va_start(arguments, format);
    size_t left = b->cap - b->len;
    int len = vsnprintf(b->data + b->len, left, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= left) // vsnprintf needs room for its NUL as well
        b->overflowed = true;
    else
        b->len += (size_t)len;
}

void buf_json_escaped(struct buf *b, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint8_t piece[JSON_ESCAPED_MAX(64)];
    while (len != 0) {
        size_t take = len < 64 ? len : 64;
        // Cut before a character, not inside one.
        while (take < len && take > 60 && (at[take] & 0xc0) == 0x80)
            take--;
        const uint8_t *end = json_escape(piece, at, take);
        buf_bytes(b, piece, (size_t)(end - piece));
        at += take;
        len -= take;
    }
}

void buf_escaped(struct buf *b, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + len;
    while (at != end) {
        const uint8_t *next = at;
        while (next != end && *next != '<' && *next != '>' && *next != '&')
            next++;
        buf_json_escaped(b, at, (size_t)(next - at));
        if (next != end)
            buf_byte(b, (char)*next++);
        at = next;
    }
}
