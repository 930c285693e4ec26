// Bytes of hand-made packets, for the tests of the decoders.
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A copy of its own, exactly as long as its bytes: a sanitizer then sees every read past the end.
struct bytes {
    uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_copy(const void *data, size_t len)
{
    struct bytes out = {.data = malloc(len == 0 ? 1 : len), .len = len};
    assert(out.data != NULL);
    if (len != 0)
        memcpy(out.data, data, len);
    return out;
}

static inline int bytes_nibble(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, digit);
    assert(at != NULL && digit != '\0');
    return (int)(at - digits);
}

// The bytes of lower-case hexadecimal text; blanks are left out.
static inline struct bytes bytes_hex(const char *text)
{
    struct bytes out = bytes_copy(text, strlen(text));
    out.len = 0;
    int high = -1;
    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        int nibble = bytes_nibble(*text);
        if (high < 0) {
            high = nibble;
            continue;
        }
        out.data[out.len++] = (uint8_t)(high << 4 | nibble);
        high = -1;
    }
    assert(high < 0);
    struct bytes exact = bytes_copy(out.data, out.len);
    free(out.data);
    return exact;
}
