// What plan_wire.c (the pool), plan_wire_compile.c and plan_wire_run.c share; for these only.
#pragma once

#include "collector/decode/plan_wire.h"

enum step_code {
    STEP_NUM,
    STEP_NUM_FIRST, // of it and the candidates behind it the first that is not zero
    STEP_CANDIDATE, // of the step before; `head` of a number's is how far its bits are moved up
    STEP_PROTO,     // a number that says whether the flow is ICMP
    STEP_ADDRESS4,
    STEP_ADDRESS16,
    STEP_ADDRESS_FIRST,     // of it and its candidates, as above, or zeros of the flow's IP version
    STEP_SOURCE_FIRST,      // likewise; says the IP version; zeros alone take the whole way
    STEP_DESTINATION_FIRST, // likewise; must be of that version
    STEP_ETYPE,             // the one that the source said
    STEP_CONSTANTS,         // `offset` is the number of the piece
    STEP_UPTIME_START,      // in front of the end's step, or of a piece that has the end
    STEP_UPTIME_END,
    STEP_SECONDS,
    STEP_MILLI,
    STEP_ICMP_PORTS, // type and code from the destination port, or the source port, its candidate
    STEP_ICMP_SAID,  // type; code and both ports are candidates: not ports alone
    STEP_VERSION,    // the byte there must be `mask`
    STEP_ETHERTYPE,  // the number must be the etype
    STEP_NOT_ZERO,   // the number must not be 0
    STEP_SAMPLING,   // the number must be that of the first record; `head` is the element
};

// `offset` counts from the record's start, to the end of a number and to the start of all else.
struct step {
    uint64_t mask; // the bits of a number, out of the eight bytes that end with it
    uint32_t head; // tag, and length of an address, as they stand on the wire
    uint16_t offset;
    uint8_t code;
    uint8_t head_len;
};

struct plan_wire {
    struct plan_wire_pool *pool; // that it is in
    struct plan_wire *next;      // of its bucket
    uint32_t references;         // plans that have it
    uint32_t hash;               // of all below
    uint64_t etype;              // of the addresses; 0: there are none, or of both versions
    uint64_t own;                // fields that come from the record
    size_t bound;
    uint64_t pieces[PLAN_WIRE_PIECES_MAX]; // the fields of each
    uint32_t piece_count;
    uint32_t sampling_count; // of the steps, the first ones
    uint32_t step_count;
    struct step steps[];
};

// What the records of a plan are written by, with one reference and in no pool. NULL when they need
// the whole way, or without memory.
struct plan_wire *plan_wire_compile(const struct plan *plan);
