// A message's records on their way straight to the wire, where the decoder's owner takes frames;
// inside the decoders of NetFlow only.
#pragma once

#include "collector/decode/decode_run.h"
#include "collector/decode/domain_sampling.h"
#include "collector/decode/plan_wire.h"

// Records of one template in one message. The caller sets what stands above `wire`.
struct straight {
    struct decode_run *run;
    const struct netflow_clock *clock;
    struct domain_sampling *sampling; // NULL: the header says it,
    struct sampling_found header;     // this

    const struct plan_wire *wire; // NULL: all records take the whole way
    uint64_t base;                // the bits of what all flows have in common
    bool open;
    enum reason sampled; // to be counted of each flow
    uint64_t flows;
    struct plan_writing writing;
};

// Begins with records of the plan; the scratch flow has what they have in common, but for the
// sampling rate.
void straight_begin(struct straight *straight, struct plan *plan);

// Writes one record, which is whole. False: it is to take the whole way.
bool straight_record(struct straight *straight, const uint8_t *record);

// Counts what was written.
void straight_end(struct straight *straight);
