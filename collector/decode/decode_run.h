// What one protocol's decoder works with while one datagram is decoded; inside decode/ only.
#pragma once

#include "collector/decode/announcement.h"
#include "collector/decode/decode.h"
#include "collector/decode/exporter.h"

struct decode_run {
    const struct datagram *datagram;
    struct ledger *ledger;
    struct hold *hold;
    struct exporter_table *exporters;
    struct exporter *exporter;         // NULL until decode_from
    struct announcement *announcement; // NULL: nobody is to be told
    bool spread;                       // other decoders get datagrams of the same exporters
    struct flow *flow;                 // scratch: reset, fill, decode_emit_flow
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

// The header is read: names the exporter that sent the datagram, told apart by `id`.
static inline void decode_from(struct decode_run *run, const struct addr *source,
                               enum flow_type type, uint32_t id)
{
    const struct datagram *datagram = run->datagram;
    const struct exporter_key key = {.source = *source, .type = type, .id = id};
    run->exporter = exporter_seen(run->exporters, &key, datagram->port, datagram->len,
                                  datagram->received_ns);
}

// Notes the sampling rate of the flow in scratch, 0 when it is not known, and where it was found.
static inline void decode_sampling(struct decode_run *run, uint64_t rate,
                                   enum exporter_sampling source)
{
    flow_set_num(run->flow, FLOW_SAMPLING_RATE, rate);
    if (rate == 0)
        decode_note(run, REASON_SAMPLING_UNKNOWN);
    if (run->exporter == NULL)
        return;
    run->exporter->sampling_rate = rate;
    run->exporter->sampling = rate == 0 ? EXPORTER_SAMPLING_UNKNOWN : source;
    run->exporter->sampling_missing += rate == 0;
}

// Takes the datagram's sequence number, which means nothing to a decoder that gets only some of
// the datagrams, and its clock, nanoseconds of Unix time.
static inline void decode_sequence(struct decode_run *run, uint32_t number, uint32_t step)
{
    if (run->exporter != NULL && !run->spread)
        sequence_take(&run->exporter->sequence, number, step);
}

static inline void decode_clock(struct decode_run *run, uint64_t export_ns)
{
    if (run->exporter != NULL)
        run->exporter->skew_ns = (int64_t)(export_ns - run->datagram->received_ns);
}
