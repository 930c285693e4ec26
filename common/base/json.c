#include "common/base/json.h"

#include "common/base/utf8.h"

#include <string.h>

static uint8_t *put_unicode(uint8_t *out, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    *out++ = '\\';
    *out++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *out++ = (uint8_t)digits[code >> shift & 15];
    return out;
}

static uint8_t *put_ascii(uint8_t *out, uint8_t byte)
{
    char letter = 0;
    switch (byte) {
    case '"':
    case '\\':
        letter = (char)byte;
        break;
    case '\n':
        letter = 'n';
        break;
    case '\r':
        letter = 'r';
        break;
    case '\t':
        letter = 't';
        break;
    default:
        break;
    }
    if (letter != 0) {
        *out++ = '\\';
        *out++ = (uint8_t)letter;
        return out;
    }
    if (byte < ' ' || byte == 127 || byte == '<' || byte == '>' || byte == '&')
        return put_unicode(out, byte);
    *out++ = byte;
    return out;
}

uint8_t *json_escape(uint8_t *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (bytes[i] < 128) {
            out = put_ascii(out, bytes[i++]);
            continue;
        }
        size_t sequence = utf8_sequence(bytes + i, len - i);
        if (sequence == 0) {
            out = put_unicode(out, 0xfffd);
            i++;
        } else if (sequence == 3 && bytes[i] == 0xe2 && bytes[i + 1] == 0x80 &&
                   (bytes[i + 2] | 1) == 0xa9) {
            out = put_unicode(out, 0x2000U | (bytes[i + 2] & 0x3fU));
            i += sequence;
        } else {
            memcpy(out, bytes + i, sequence);
            out += sequence;
            i += sequence;
        }
    }
    return out;
}
