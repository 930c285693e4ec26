// The sampling rate of flows while one datagram is decoded; inside decode/ only.
#pragma once

#include "collector/decode/decode_run.h"

// Gives the scratch flow the sampling rate, 0 when it is not known, or what stands in for it. False
// when nothing does.
static inline bool decode_sampling_set(struct decode_run *run, uint64_t rate,
                                       enum exporter_sampling source)
{
    struct exporter *exporter = run->exporter;
    if (rate == 0) {
        rate = exporter == NULL ? 0 : exporter->sampling_default;
        source = rate == 0 ? EXPORTER_SAMPLING_UNKNOWN : EXPORTER_SAMPLING_DEFAULT;
    }
    flow_set_num(run->flow, FLOW_SAMPLING_RATE, rate);
    if (exporter != NULL) {
        exporter->sampling_rate = rate;
        exporter->sampling = source;
    }
    return rate != 0;
}

// Counts flows without a rate.
static inline void decode_sampling_missing(struct decode_run *run, uint64_t flows)
{
    ledger_count(run->ledger, REASON_SAMPLING_UNKNOWN, flows);
    if (run->exporter != NULL)
        run->exporter->counts.sampling_missing += flows;
}

// Notes the sampling rate of the flow in scratch, 0 when it is not known, and where it was found.
static inline void decode_sampling(struct decode_run *run, uint64_t rate,
                                   enum exporter_sampling source)
{
    if (!decode_sampling_set(run, rate, source))
        decode_sampling_missing(run, 1);
}
