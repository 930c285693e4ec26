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

typedef int8_t bytes16 __attribute__((vector_size(16)));

// Whether all of sixteen bytes stand in JSON as they are: no control character, quote, backslash,
// <, >, &, DEL, and none of a longer sequence, which are negative. Two characters that differ in
// one bit are one test.
static inline bool is_plain_16(bytes16 text)
{
    bytes16 special = (text < ' ') | ((text | 4) == '&') | ((text | 2) == '>') | (text == '\\') |
                      (text == 127);
    uint64_t halves[2];
    memcpy(halves, &special, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

static inline bytes16 load_16(const uint8_t *at)
{
    bytes16 text;
    memcpy(&text, at, sizeof text);
    return text;
}

static inline uint64_t load(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    memcpy(&word, at, len);
    return word;
}

// Fewer than sixteen bytes, some of them twice.
static inline bytes16 load_short(const uint8_t *bytes, size_t len)
{
    const uint64_t filler = 0x7878787878787878;
    uint64_t halves[2] = {filler, filler};
    if (len >= 8) {
        halves[0] = load(bytes, 8);
        halves[1] = load(bytes + len - 8, 8);
    } else if (len >= 4) {
        halves[0] = load(bytes, 4) | load(bytes + len - 4, 4) << 32;
    } else if (len != 0) {
        halves[0] = bytes[0] | (uint64_t)bytes[len / 2] << 8 | (uint64_t)bytes[len - 1] << 16 |
                    filler << 24;
    }
    bytes16 text;
    memcpy(&text, halves, sizeof text);
    return text;
}

static inline bool is_plain(const uint8_t *bytes, size_t len)
{
    if (len < 16)
        return is_plain_16(load_short(bytes, len));
    for (size_t at = 0; at < len - 16; at += 16)
        if (!is_plain_16(load_16(bytes + at)))
            return false;
    return is_plain_16(load_16(bytes + len - 16));
}

// The number of a character of the basic plane.
static unsigned code_of(const uint8_t *at, size_t sequence)
{
    return sequence == 2 ? (at[0] & 0x1fU) << 6 | (at[1] & 0x3fU)
                         : (at[0] & 0x0fU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
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
        } else if (utf8_is_control(bytes + i, sequence)) {
            out = put_unicode(out, code_of(bytes + i, sequence));
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
