// One value as text, the way goflow2 prints it. Each function writes at `out`, which has room for
// the bytes named, and returns the end; none writes a final NUL.
#pragma once

#include "common/base/addr.h"
#include "common/flow/flow.h"

#define RENDER_NUM_MAX    20
#define RENDER_MAC_MAX    17
#define RENDER_NAME_MAX   31              // of a type, layer, EtherType or protocol
#define RENDER_PREFIX_MAX PREFIX_TEXT_MAX // also "invalid Prefix"
#define RENDER_IP_MAX     ADDR_TEXT_MAX
#define RENDER_TIME_MAX   42 // 292277026596-12-04T15:30:07.999999999Z
#define RENDER_FLOAT_MAX  24 // -2.2250738585072014e-308

uint8_t *render_num(uint8_t *out, uint64_t value);
uint8_t *render_mac(uint8_t *out, uint64_t value);
uint8_t *render_ip(uint8_t *out, struct span address);

// Two lower-case digits a byte.
uint8_t *render_hex(uint8_t *out, struct span bytes);

// RFC 3339 in UTC, the fraction without zeros at its end.
uint8_t *render_time(uint8_t *out, int64_t seconds, uint32_t nanoseconds);

// The fewest digits that read back as the same number; nothing at all when it is no number.
uint8_t *render_float(uint8_t *out, double value);

// address/bits with the host bits zeroed; empty without an address; "invalid Prefix" when the
// address has fewer bits.
uint8_t *render_prefix(uint8_t *out, struct span address, uint64_t bits);

// Names; the length is in *len. An unknown type or layer gives NULL: print the number.
const char *render_type_name(uint64_t type, size_t *len);
const char *render_layer_name(uint64_t layer, size_t *len);
const char *render_etype_name(uint64_t etype, size_t *len); // empty when not IPv4, IPv6 or ARP
const char *render_proto_name(uint64_t proto, size_t *len); // "unknown" above 255
const char *render_icmp_name(uint64_t proto, uint64_t type, size_t *len); // "unknown": not ICMP
