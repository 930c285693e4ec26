#include "common/base/json.h"

#include <stdbool.h>
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

// The length of the valid UTF-8 sequence at `at`, 2 to 4, or 0 (RFC 3629, section 4).
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    size_t len = lead >= 0xc2 && lead <= 0xdf   ? 2
                 : lead >= 0xe0 && lead <= 0xef ? 3
                 : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool too_high = lead == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : len;
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
