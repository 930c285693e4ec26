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

struct octet {
    char text[4]; // up to three digits and a dot
    uint8_t len;  // of the digits
};

#define OCTET(digits)                                                                              \
    {                                                                                              \
#digits ".", sizeof #digits - 1                                                            \
    }
#define TEN(tens)                                                                                  \
    OCTET(tens##0), OCTET(tens##1), OCTET(tens##2), OCTET(tens##3), OCTET(tens##4),                \
        OCTET(tens##5), OCTET(tens##6), OCTET(tens##7), OCTET(tens##8), OCTET(tens##9)

static const struct octet OCTETS[] = {
    OCTET(0), OCTET(1), OCTET(2),   OCTET(3),   OCTET(4),   OCTET(5),   OCTET(6),   OCTET(7),
    OCTET(8), OCTET(9), TEN(1),     TEN(2),     TEN(3),     TEN(4),     TEN(5),     TEN(6),
    TEN(7),   TEN(8),   TEN(9),     TEN(10),    TEN(11),    TEN(12),    TEN(13),    TEN(14),
    TEN(15),  TEN(16),  TEN(17),    TEN(18),    TEN(19),    TEN(20),    TEN(21),    TEN(22),
    TEN(23),  TEN(24),  OCTET(250), OCTET(251), OCTET(252), OCTET(253), OCTET(254), OCTET(255),
};
static_assert(sizeof OCTETS == 256 * sizeof OCTETS[0], "one of each");

// Stores four bytes, a dot behind the digits.
static inline char *put_octet(char *out, uint8_t value)
{
    memcpy(out, OCTETS[value].text, sizeof OCTETS[value].text);
    return out + OCTETS[value].len;
}

static char *put_ipv4(char *out, const uint8_t *bytes)
{
    for (int i = 0; i < 3; i++)
        out = put_octet(out, bytes[i]) + 1;
    return put_octet(out, bytes[3]);
}

// Up to four hexadecimal digits: four are made, and leading zeros are shifted out.
static inline char *put_group(char *out, const uint8_t *bytes)
{
    uint32_t apart = bytes[0] | (uint32_t)bytes[1] << 16;
    uint32_t digits = (apart >> 4 & 0x000f000f) | (apart & 0x000f000f) << 8;
    uint32_t letters = (digits + 0x06060606) >> 4 & 0x01010101;
    unsigned unwanted = (unsigned)__builtin_ctz(digits | 1U << 24) / 8;
    uint32_t text = digits + 0x30303030 + letters * ('a' - '9' - 1);
    text >>= 8 * unwanted;
    memcpy(out, &text, sizeof text);
    return out + sizeof text - unwanted;
}

static inline bool is_zero_group(const uint8_t *bytes)
{
    return (bytes[0] | bytes[1]) == 0;
}

static bool has_zero_groups(const uint8_t *bytes)
{
    uint64_t zero = 0;
    for (int half = 0; half < 2; half++) {
        uint64_t groups = bytes_u64(bytes + 8 * half);
        // Marks groups that are zero; behind one, maybe others.
        zero |= (groups - 0x0001000100010001) & ~groups & 0x8000800080008000;
    }
    return zero != 0;
}

// The first of the longest runs of at least two zero groups (RFC 5952, section 4.2).
static int longest_zero_run(const uint8_t *bytes, int *length)
{
    int best = -1;
    *length = 1;
    if (!has_zero_groups(bytes))
        return best;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && is_zero_group(bytes + 2 * end))
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
        out = put_group(out, bytes + 2 * i);
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
