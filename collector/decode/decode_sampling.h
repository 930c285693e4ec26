// The sampling rate of flows while one datagram is decoded; inside decode/ only.
#pragma once

#include "collector/decode/decode_run.h"
#include "collector/decode/domain_sampling.h"

// What is to be counted of each flow with a rate from there, REASON_COUNT: nothing.
static inline enum reason decode_sampling_note(enum exporter_sampling source)
{
    if (source <= EXPORTER_SAMPLING_SILENT)
        return REASON_SAMPLING_UNKNOWN;
    if (source == EXPORTER_SAMPLING_DOMAIN)
        return REASON_SAMPLING_DOMAIN;
    return source == EXPORTER_SAMPLING_BORROWED ? REASON_SAMPLING_BORROWED : REASON_COUNT;
}

// Gives the scratch flow its sampling rate. What the operator says comes first, then what the
// exporter says, -sampling.default, and what another port of its address says. Returns its note.
static inline enum reason decode_sampling_set(struct decode_run *run,
                                              const struct sampling_found *found)
{
    struct exporter *exporter = run->exporter;
    uint64_t rate = found->rate;
    enum exporter_sampling source = found->source;
    if (exporter != NULL && exporter->sampling_override != 0) {
        rate = exporter->sampling_override;
        source = EXPORTER_SAMPLING_OVERRIDE;
    } else if (rate == 0 && exporter != NULL && exporter->sampling_default != 0) {
        rate = exporter->sampling_default;
        source = EXPORTER_SAMPLING_DEFAULT;
    } else if (rate == 0 && found->borrowed != 0) {
        rate = found->borrowed;
        source = EXPORTER_SAMPLING_BORROWED;
    }
    flow_set_num(run->flow, FLOW_SAMPLING_RATE, rate);
    if (exporter != NULL) {
        exporter->sampling_rate = rate;
        exporter->sampling = source;
        exporter->sampling_said = found->rate;
        exporter->sampling_said_by = found->source;
    }
    return decode_sampling_note(source);
}

// Counts that of so many flows.
static inline void decode_sampling_count(struct decode_run *run, enum reason reason, uint64_t flows)
{
    if (reason == REASON_COUNT)
        return;
    ledger_count(run->ledger, reason, flows);
    if (reason == REASON_SAMPLING_UNKNOWN && run->exporter != NULL)
        run->exporter->counts.sampling_missing += flows;
}

// Both, of the flow in scratch.
static inline void decode_sampling(struct decode_run *run, const struct sampling_found *found)
{
    decode_sampling_count(run, decode_sampling_set(run, found), 1);
}

// The flow in scratch is another one of the record whose flow had that rate.
static inline void decode_sampling_again(struct decode_run *run, uint64_t rate)
{
    flow_set_num(run->flow, FLOW_SAMPLING_RATE, rate);
    if (run->exporter != NULL)
        decode_sampling_count(run, decode_sampling_note(run->exporter->sampling), 1);
}
