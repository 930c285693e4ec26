// One URI of -listen: scheme://[host]:port[/ignored][?key=value&...]
//
//   count, workers  sockets on the address, each read by a worker of its own; the larger one counts
//   blocking        read no more while the output's reader is behind, instead of dropping flows
//   queue_size      receive buffer for that many datagrams, unless rcvbuf says it in bytes
//   balance         what pins a sender to a socket: address, address+port or packet
//   gro             1: let the kernel hand over bursts of one sender as one buffer
//   rcvbuf          receive buffer of each socket in bytes
//
// A value type; no state.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTEN_HOST_MAX    256
#define LISTEN_SOCKETS_MAX 256 // of one URI
#define LISTEN_URIS_MAX    64

enum listen_balance {
    LISTEN_BALANCE_ADDRESS,
    LISTEN_BALANCE_ADDRESS_PORT,
    LISTEN_BALANCE_PACKET,
};

struct listen_uri {
    enum decode_scheme scheme;
    char host[LISTEN_HOST_MAX]; // without brackets; "" is every address, IPv4 and IPv6
    uint16_t port;
    unsigned count;
    unsigned workers; // 0: as many as count
    bool blocking;
    bool queue_given;
    uint64_t queue_size;
    enum listen_balance balance;
    bool gro;
    uint64_t rcvbuf_bytes; // 0: not given
};

// Reads one URI of `len` bytes. 0, or -1 and a fault that says what, got and wanted.
// A key that is not known is logged as a warning, as it always was accepted.
int listen_uri_parse(struct listen_uri *out, const char *text, size_t len, struct fault *fault);

// Reads the comma-separated list of -listen: how many, or -1 as above.
int listen_uris_parse(struct listen_uri out[static LISTEN_URIS_MAX], const char *text,
                      struct fault *fault);

// Sockets that the listener has, one per worker.
unsigned listen_uri_sockets(const struct listen_uri *uri);

const char *listen_scheme_name(enum decode_scheme scheme);
