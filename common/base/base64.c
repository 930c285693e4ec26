#include "common/base/base64.h"

#include <string.h>

static void put_three(char out[static 4], const uint8_t bytes[static 3])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t word = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
    for (int i = 0; i < 4; i++)
        out[i] = digits[word >> (18 - 6 * i) & 63];
}

void buf_base64(struct buf *b, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    char text[4];
    for (; len >= 3; at += 3, len -= 3) {
        put_three(text, at);
        buf_bytes(b, text, 4);
    }
    if (len == 0)
        return;
    uint8_t last[3] = {0};
    memcpy(last, at, len);
    put_three(text, last);
    memset(text + 1 + len, '=', 3 - len);
    buf_bytes(b, text, 4);
}
