// What comes in: one datagram, and what it may be.
#pragma once

#include "common/base/addr.h"

#include <stddef.h>
#include <stdint.h>

// What a listener accepts (the scheme of its URI).
enum decode_scheme {
    DECODE_FLOW,    // anything, told apart by its first bytes
    DECODE_NETFLOW, // NetFlow v5, v9, IPFIX
    DECODE_SFLOW,   // sFlow v5
};

#define DECODE_SCHEMES 3

// One datagram as received. The bytes are borrowed for the call.
struct datagram {
    const uint8_t *data;
    size_t len;
    struct addr source; // the exporter, IPv4-mapped addresses as IPv4
    uint16_t port;
    uint64_t received_ns; // Unix time
};
