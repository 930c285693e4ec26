// IP addresses and prefixes as values: parsing, text, masks. No allocation, no state.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT_MAX   40 // the longest text of an address, with its final NUL
#define PREFIX_TEXT_MAX 44 // the same with "/128"

// len is 4 (IPv4), 16 (IPv6) or 0 (no address). Bytes past len are zero, so values compare whole.
struct addr {
    uint8_t bytes[16];
    uint8_t len;
};

// An address and the number of its leading bits that count; the others are zero after prefix_mask.
struct prefix {
    struct addr addr;
    uint8_t bits;
};

// A copy of 4 or 16 bytes; an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) becomes the IPv4
// address. Any other length gives no address.
struct addr addr_of(const uint8_t *bytes, size_t len);

bool addr_equal(const struct addr *a, const struct addr *b);

// Whether the 16 bytes are an IPv4-mapped IPv6 address.
bool addr_is_mapped(const uint8_t *bytes);

// Text as Go's net/netip prints it: dotted quad, or RFC 5952 with IPv4-mapped as ::ffff:1.2.3.4.
// Any length but 4 and 16 gives an empty text. Returns the length; out has no final NUL.
size_t addr_text(char out[static ADDR_TEXT_MAX], const uint8_t *bytes, size_t len);

// "address/bits", in the same way.
size_t prefix_text(char out[static PREFIX_TEXT_MAX], const struct prefix *prefix);

// The text as a C string in `out`, for messages.
const char *addr_string(char out[static ADDR_TEXT_MAX], const struct addr *addr);
const char *prefix_string(char out[static PREFIX_TEXT_MAX], const struct prefix *prefix);

// 0, or -1 when the text is no address ("1.2.3.4", "2001:db8::1").
int addr_parse(struct addr *out, const char *text);

enum prefix_error {
    PREFIX_OK = 0,
    PREFIX_NO_SLASH = -1,
    PREFIX_BAD_ADDRESS = -2,
    PREFIX_BAD_BITS = -3,
};

// Reads "10.0.0.0/8" or "2001:db8::/32". Host bits are kept: compare with prefix_mask to refuse
// them.
enum prefix_error prefix_parse(struct prefix *out, const char *text);

// The same prefix with its host bits zeroed.
struct prefix prefix_mask(const struct prefix *prefix);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
