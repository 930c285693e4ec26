#include "common/base/json.h"

#include "common/base/copy.h"
#include "common/base/utf8.h"

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

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

// Marks bytes that are zero; behind one in a word, maybe others: good for asking whether any is.
static inline uint64_t zeros(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

// Whether all of eight bytes stand in JSON as they are: no control character, quote, backslash,
// <, >, &, DEL, and none of a longer sequence. Two characters that differ in one bit are one test.
static inline bool is_plain_word(uint64_t word)
{
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word;
    uint64_t quote_or_and = zeros((word | EACH_BYTE(4)) ^ EACH_BYTE('&'));
    uint64_t less_or_greater = zeros((word | EACH_BYTE(2)) ^ EACH_BYTE('>'));
    uint64_t backslash = zeros(word ^ EACH_BYTE('\\'));
    uint64_t rubout = zeros(word ^ EACH_BYTE(127));
    uint64_t special = control | quote_or_and | less_or_greater | backslash | rubout | word;
    return (special & EACH_BYTE(0x80)) == 0;
}

static inline uint64_t load(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len);
    return word;
}

static inline bool is_plain(const uint8_t *bytes, size_t len)
{
    const uint64_t filler = EACH_BYTE('x');
    if (len >= 8) {
        for (size_t at = 0; at < len - 8; at += 8)
            if (!is_plain_word(load(bytes + at, 8)))
                return false;
        return is_plain_word(load(bytes + len - 8, 8));
    }
    if (len >= 4)
        return is_plain_word(load(bytes, 4) | load(bytes + len - 4, 4) << 32);
    if (len == 0)
        return true;
    uint64_t word = bytes[0] | (uint64_t)bytes[len / 2] << 8 | (uint64_t)bytes[len - 1] << 16;
    return is_plain_word(word | filler << 24);
}

// Byte by byte.
static uint8_t *escape(uint8_t *out, const uint8_t *bytes, size_t len)
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

uint8_t *json_escape(uint8_t *out, const uint8_t *bytes, size_t len)
{
    return is_plain(bytes, len) ? copy_bytes(out, bytes, len) : escape(out, bytes, len);
}
