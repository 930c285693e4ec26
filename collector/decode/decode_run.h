// What one protocol's decoder works with while one datagram is decoded; inside decode/ only.
#pragma once

#include "collector/decode/decode.h"

struct decode_run {
    const struct datagram *datagram;
    struct ledger *ledger;
    struct flow *flow; // scratch: reset, fill, decode_emit_flow
    decode_emit *emit;
    void *user;
};

// Hands the scratch flow on and counts it.
static inline void decode_emit_flow(struct decode_run *run)
{
    run->ledger->flows_made++;
    if (run->flow->list_cut)
        ledger_count(run->ledger, REASON_LIST_LIMIT, 1);
    run->emit(run->user, run->flow);
}

static inline void decode_note(struct decode_run *run, enum reason reason)
{
    ledger_count(run->ledger, reason, 1);
}
