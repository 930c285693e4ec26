// Records written straight to the wire: what plan_run, netflow_clock_set and wire_write do one
// after the other, in one walk over the fields in the wire's order, with no flow in between.
//
// For templates of common shape: records of fixed length. A record with something odd in it is left
// to the whole way, which gives the same bytes.
#pragma once

#include "collector/decode/netflow_clock.h"

#define PLAN_WIRE_PIECES_MAX    10
#define PLAN_WIRE_CONSTANTS_MAX 128

struct plan_wire;

// What a decoder's plans were compiled into. Those of equal records, which is what all exporters of
// one kind send, share one. There are at most PLAN_WIRE_COUNT_MAX, of 2 KiB at most each.
#define PLAN_WIRE_COUNT_MAX 4096
#define PLAN_WIRE_BUCKETS   256
struct plan_wire_pool {
    struct plan_wire *buckets[PLAN_WIRE_BUCKETS];
    unsigned count;
};

// What the plan is compiled into, when it is first asked for; for the plan's life. NULL when its
// records need the whole way: for good when they are of another shape, for now when the pool is
// full.
const struct plan_wire *plan_wire_of(struct plan_wire_pool *pool, struct plan *plan);

// The plan ends.
void plan_wire_release(struct plan_wire *wire); // NULL is allowed

// Records of one template in one message that say the same of sampling. To be read and set by
// plan_wire_run.c, but for `bound`.
struct plan_writing {
    const struct plan_wire *wire;
    const uint8_t *first;              // the record that it began with
    const struct netflow_clock *clock; // borrowed
    size_t bound;                      // bytes that a frame needs at most
    unsigned gap;                      // bytes left in front of the next body for its length
    uint64_t end_ns;                   // of the last record
    uint64_t etype;                    // of the record
    struct {
        uint8_t at;
        uint8_t len;
    } pieces[PLAN_WIRE_PIECES_MAX]; // runs of fields that are the same in all frames
    uint8_t constants[PLAN_WIRE_CONSTANTS_MAX];
};

// What a record says of sampling; nothing is all zeros.
struct sampling_terms plan_wire_sampling(const struct plan_wire *wire, const uint8_t *record);

// Begins with a record, which is borrowed, as is the clock. The flow has what all records have in
// common, its sampling rate too, and is given the rest of that.
void plan_wire_begin(struct plan_writing *writing, const struct plan_wire *wire,
                     const uint8_t *record, const struct netflow_clock *clock, struct flow *flow);

// Writes the frame of a record. Returns the end, or NULL: begin anew with the record, and when that
// does not help, take the whole way. Records are whole, with the header of their message or at
// least eight other readable bytes in front of them.
uint8_t *plan_wire_write(struct plan_writing *writing, const uint8_t *record, uint8_t *frame);

// Gives the flow the end of the last record.
void plan_wire_end(const struct plan_writing *writing, struct flow *flow);
