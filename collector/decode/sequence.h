// Sequence numbers of one stream of datagrams: what is missing, came twice or came late.
//
// What a number counts differs: NetFlow v9 (RFC 3954, section 5.1) and sFlow count datagrams,
// NetFlow v5 and IPFIX (RFC 7011, section 3.1) the records sent before. One rule serves all: a
// datagram carries a number and moves the next one on by a step. Numbers are 32 bits and wrap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_RECENT_MAX 32 // datagrams behind the newest that may still come, or come again

struct sequence {
    bool started;
    bool believe; // the step before was not known: the next number is taken as it comes
    uint8_t recent_count;
    uint8_t recent_at; // where the next one goes
    uint32_t next;     // the number expected
    uint32_t recent[SEQUENCE_RECENT_MAX];

    uint64_t taken; // units that came
    uint64_t lost;  // units never seen; those that come late are taken off again
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t resets; // the exporter began anew
};

// Takes the number of a datagram that moves the next one on by `step`.
void sequence_take(struct sequence *s, uint32_t number, uint32_t step);

// The same when it is not known how far (IPFIX sets that could not be decoded).
void sequence_take_unknown(struct sequence *s, uint32_t number);
