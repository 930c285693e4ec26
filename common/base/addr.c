#include "common/base/addr.h"

#include "common/base/cursor.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool addr_is_mapped(const uint8_t *bytes)
{
    return memcmp(bytes, MAPPED, sizeof MAPPED) == 0;
}

struct addr addr_of(const uint8_t *bytes, size_t len)
{
    struct addr out = {.len = 0};
    if (len == 16 && addr_is_mapped(bytes)) {
        bytes += sizeof MAPPED;
        len = 4;
    }
    if (len != 4 && len != 16)
        return out;
    memcpy(out.bytes, bytes, len);
    out.len = (uint8_t)len;
    return out;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

// Three digits, of which leading zeros are shifted out: no branch depends on the value. Stores four
// bytes, those behind the digits zeros.
static char *put_octet(char *out, unsigned value)
{
    unsigned hundreds = value * 41 >> 12; // by 100, up to 1,000
    unsigned rest = value - 100 * hundreds;
    unsigned tens = rest * 205 >> 11; // by 10, up to 100
    unsigned unwanted = (unsigned)(value < 10) + (unsigned)(value < 100);
    uint32_t digits = 0x303030 | hundreds | tens << 8 | (rest - 10 * tens) << 16;
    digits >>= 8 * unwanted;
    memcpy(out, &digits, sizeof digits);
    return out + 3 - unwanted;
}

static char *put_ipv4(char *out, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i != 0)
            *out++ = '.';
        out = put_octet(out, bytes[i]);
    }
    return out;
}

static char *put_group(char *out, unsigned value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = value > 0xfff  ? 12
                     : value > 0xff ? 8
                     : value > 0xf  ? 4
                                    : 0;
         shift >= 0; shift -= 4)
        *out++ = digits[value >> shift & 15];
    return out;
}

// The first of the longest runs of at least two zero groups (RFC 5952, section 4.2).
static int longest_zero_run(const uint8_t *bytes, int *length)
{
    int best = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && bytes[2 * end] == 0 && bytes[2 * end + 1] == 0)
            end++;
        if (end - i > *length) {
            best = i;
            *length = end - i;
        }
        if (end > i)
            i = end;
    }
    return best;
}

static char *put_ipv6(char *out, const uint8_t *bytes)
{
    int run_length = 0;
    int run = longest_zero_run(bytes, &run_length);
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            *out++ = ':';
            *out++ = ':';
            i += run_length - 1;
            continue;
        }
        if (i != 0 && i != run + run_length)
            *out++ = ':';
        out = put_group(out, (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    return out;
}

size_t addr_text(char out[static ADDR_TEXT_MAX], const uint8_t *bytes, size_t len)
{
    if (len == 4)
        return (size_t)(put_ipv4(out, bytes) - out);
    if (len != 16)
        return 0;
    if (!addr_is_mapped(bytes))
        return (size_t)(put_ipv6(out, bytes) - out);
    memcpy(out, "::ffff:", 7);
    return (size_t)(put_ipv4(out + 7, bytes + sizeof MAPPED) - out);
}

const char *addr_string(char out[static ADDR_TEXT_MAX], const struct addr *addr)
{
    out[addr_text(out, addr->bytes, addr->len)] = '\0';
    return out;
}

size_t prefix_text(char out[static PREFIX_TEXT_MAX], const struct prefix *prefix)
{
    char *end = out + addr_text(out, prefix->addr.bytes, prefix->addr.len);
    *end++ = '/';
    return (size_t)(put_octet(end, prefix->bits) - out);
}

const char *prefix_string(char out[static PREFIX_TEXT_MAX], const struct prefix *prefix)
{
    out[prefix_text(out, prefix)] = '\0';
    return out;
}

int addr_parse(struct addr *out, const char *text)
{
    uint8_t bytes[16];
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, bytes) == 1)
        out->len = 4;
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        out->len = 16;
    else
        return -1;
    memcpy(out->bytes, bytes, out->len);
    return 0;
}

// Decimal without sign, blank or leading zero; -1 when it is none or above `max`.
static int parse_bits(const char *text, int max)
{
    int value = 0;
    if (*text == '\0' || (*text == '0' && text[1] != '\0'))
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        value = value * 10 + (*text - '0');
        if (value > max)
            return -1;
    }
    return value;
}

enum prefix_error prefix_parse(struct prefix *out, const char *text)
{
    char address[64];
    const char *slash = strchr(text, '/');
    memset(out, 0, sizeof *out);
    if (slash == NULL)
        return PREFIX_NO_SLASH;
    size_t len = (size_t)(slash - text);
    if (len >= sizeof address)
        return PREFIX_BAD_ADDRESS;
    memcpy(address, text, len);
    address[len] = '\0';
    if (addr_parse(&out->addr, address) != 0)
        return PREFIX_BAD_ADDRESS;
    int bits = parse_bits(slash + 1, out->addr.len * 8);
    if (bits < 0)
        return PREFIX_BAD_BITS;
    out->bits = (uint8_t)bits;
    return PREFIX_OK;
}

struct prefix prefix_mask(const struct prefix *prefix)
{
    struct prefix out = *prefix;
    assert(out.bits <= out.addr.len * 8);
    size_t whole = out.bits / 8;
    if (whole < out.addr.len) {
        out.addr.bytes[whole] &= (uint8_t)(0xff00 >> out.bits % 8);
        memset(out.addr.bytes + whole + 1, 0, out.addr.len - whole - 1);
    }
    return out;
}

// Whether the first `bits` bits of two numbers of 64 are the same.
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    return bits == 0 || (bytes_u64(a) ^ bytes_u64(b)) >> (64 - bits) == 0;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
    const uint8_t *a = prefix->addr.bytes;
    const uint8_t *b = addr->bytes;
    unsigned bits = prefix->bits;
    if (prefix->addr.len != addr->len)
        return false;
    if (bits <= 64)
        return same_bits(a, b, bits);
    return same_bits(a, b, 64) && same_bits(a + 8, b + 8, bits - 64);
}
