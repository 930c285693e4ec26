// A bounded writer into memory it does not own; for everything that is not per flow.
//
// Writes never pass the capacity. One that does not fit writes nothing and marks the buffer as
// overflowed; later writes do nothing: write all, then ask buf_ok() once. One thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    bool overflowed;
};

struct buf buf_over(void *data, size_t cap);
bool buf_ok(const struct buf *b);

void buf_byte(struct buf *b, char byte);
void buf_bytes(struct buf *b, const void *bytes, size_t len);
void buf_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The inside of a JSON string: quotes, backslashes and control characters escaped, invalid UTF-8
// replaced by U+FFFD, so that the result is valid JSON whatever the bytes are (RFC 8259, section
// 7).
void buf_json_escaped(struct buf *b, const void *bytes, size_t len);

// The same for people to read: <, > and & stand as they are. Valid JSON as well.
void buf_escaped(struct buf *b, const void *bytes, size_t len);
