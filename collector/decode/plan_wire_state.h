// What plan_wire.c (the pool), plan_wire_compile.c, plan_wire_run.c and plan_wire_rare.c share; for
// these only.
#pragma once

#include "collector/decode/plan_wire.h"

#include <string.h>

enum step_code {
    STEP_NUM,
    STEP_ADDRESS4,
    STEP_ADDRESS16,
    STEP_CONSTANTS,    // `offset` is the number of the piece
    STEP_UPTIME_START, // in front of the end's step, or of a piece that has the end
    STEP_UPTIME_END,
    STEP_SECONDS,
    STEP_MILLI,
    STEP_VERSION,  // the byte there must be `mask`
    STEP_SAMPLING, // the number must be that of the first record; `head` is the element
    // Rare ones.
    STEP_NUM_FIRST,     // of it and the candidates behind it the first that is not zero
    STEP_CANDIDATE,     // of the step before; `head` of a number's is how far its bits are moved up
    STEP_ADDRESS_FIRST, // of it and its candidates, as above, or zeros of the flow's IP version
    STEP_SOURCE_FIRST,  // likewise; says the IP version; zeros alone take the whole way
    STEP_DESTINATION_FIRST, // likewise; must be of that version
    STEP_ETYPE,             // the one that the source said
    STEP_ETHERTYPE,         // the number must be the etype
    STEP_NOT_ZERO,          // the number must not be 0
};

enum icmp_part {
    ICMP_TYPE,
    ICMP_CODE,
    ICMP_DST_PORT,
    ICMP_SRC_PORT,
    ICMP_PART_COUNT,
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
    struct step icmp[ICMP_PART_COUNT];     // numbers
    uint64_t special;                      // a bit for each protocol, modulo 64: plan_wire_rare
    bool icmp_known;                       // protocol and ports say whether a record is of ICMP
    uint16_t proto_at;                     // the byte that is the protocol
    bool icmp_said;                        // type and code have steps
    uint32_t icmp_at;                      // the step that they go in front of, or into, when not
    uint64_t pieces[PLAN_WIRE_PIECES_MAX]; // the fields of each
    uint32_t piece_count;
    uint32_t sampling_count; // of the steps, the first ones
    uint32_t step_count;
    struct step steps[];
};

// What the records of a plan are written by, with one reference and in no pool. NULL when they need
// the whole way, or without memory.
struct plan_wire *plan_wire_compile(const struct plan *plan);

// plan_wire_write for records of ICMP, and for all of a wire with rare steps.
uint8_t *plan_wire_rare(struct plan_writing *writing, const uint8_t *record, uint8_t *frame);

static inline uint64_t number_at(const struct step *step, const uint8_t *record)
{
    return bytes_u64(record + step->offset - 8) & step->mask;
}

// Puts the length in front of a body.
static inline uint8_t *close_frame(struct plan_writing *writing, uint8_t *frame, uint8_t *body,
                                   const uint8_t *end)
{
    size_t len = (size_t)(end - body);
    unsigned head = len < 0x80 ? 1 : 2;
    if (head != writing->gap) { // the next frame will most likely be like this one
        memmove(frame + head, body, len);
        writing->gap = head;
    }
    frame[0] = (uint8_t)(len | (head - 1) << 7);
    if (head == 2)
        frame[1] = (uint8_t)(len >> 7);
    return frame + head + len;
}
