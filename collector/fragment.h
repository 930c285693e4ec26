// IP fragments of captured datagrams, put together: RFC 791, section 3.2, and RFC 8200,
// section 4.5.
//
// Fragments may come in any order and more than once. What contradicts another fragment (bytes that
// overlap without being the same, two ends) gives up its datagram, as RFC 5722 wants it for IPv6,
// and so does what cannot be a fragment; a first fragment that does so begins another datagram. A
// datagram that is not whole FRAGMENT_WAIT_NS of the capture's time after its first fragment is
// given up, and so is the oldest one when FRAGMENT_DATAGRAMS_MAX others are under way. Memory is at
// most the product of these and 65,535 bytes: 17 MB. One thread at a time.
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAGMENT_DATAGRAMS_MAX 256
#define FRAGMENT_BYTES_MAX     65535
#define FRAGMENT_WAIT_NS       UINT64_C(30000000000)

struct fragment {
    struct addr source;
    struct addr destination;
    uint32_t id;
    uint8_t version;  // 4 or 6
    uint8_t protocol; // of what begins the datagram, IPv6: an extension header maybe
    bool more;        // it is not the last one
    size_t offset;    // in bytes
    const uint8_t *bytes;
    size_t len;
};

struct fragment_whole {
    uint8_t protocol;
    const uint8_t *bytes; // borrowed until the next call
    size_t len;
};

// Fragments that were given up since the counts were last taken.
struct fragment_loss {
    uint64_t incomplete;
    uint64_t contradictory;
};

struct fragment_table;

struct fragment_table *fragment_table_new(void); // NULL: out of memory
void fragment_table_free(struct fragment_table *table);

// Takes a fragment captured at that time. True when it completes its datagram. `wanted` is whether
// somebody minds: of a datagram the first fragment's stands, which has the ports; what nobody wants
// is neither completed nor counted.
bool fragment_put(struct fragment_table *table, const struct fragment *fragment, bool wanted,
                  uint64_t now_ns, struct fragment_whole *whole);

// Gives up all that is under way: the capture has ended.
void fragment_give_up(struct fragment_table *table);

struct fragment_loss fragment_take_loss(struct fragment_table *table);
