// Two decoders that are given the same datagrams: one makes flows of all records, the other writes
// those it can straight to the wire. Their bytes and their books must be the same.
#pragma once

#include "collector/decode/decode.h"

#define TWIN_BYTES_MAX (4u << 20) // of the flows of one datagram

struct twin_side {
    struct ledger ledger; // flows count as delivered
    struct decoder *decoder;
    void (*look)(const struct flow *flow); // is shown what becomes a flow; NULL: nobody is
    uint64_t frames;                       // written straight, since the start
    uint8_t *bytes;                        // of the latest datagram
    size_t len;
};

struct twin {
    struct twin_side whole;
    struct twin_side straight;
};

// Without memory it aborts, as everything here does that must not be.
void twin_init(struct twin *twin, const struct decode_options *options);
void twin_fini(struct twin *twin);

// Gives both the datagram and compares what they made of it. Returns how many bytes that is.
size_t twin_run(struct twin *twin, enum decode_scheme scheme, const struct datagram *datagram);
