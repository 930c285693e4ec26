// What one protocol's decoder works with while one datagram is decoded; inside decode/ only.
#pragma once

#include "collector/decode/announcement.h"
#include "collector/decode/decode.h"
#include "collector/decode/exporter.h"
#include "collector/decode/trail.h"

struct plan_wire_pool;

struct decode_run {
    const struct datagram *datagram;
    struct ledger *ledger;
    struct hold *hold;
    struct exporter_table *exporters;
    struct exporter *exporter;         // NULL until decode_from
    struct trail *trail;               // begins with decode_from
    struct announcement *announcement; // NULL: nobody is to be told
    bool looking;                      // for volumes in the flows of the exporter
    bool spread;                       // other decoders get datagrams of the same exporters
    bool borrowed;                     // the datagram is another collector's announcement
    bool recalled;                     // it is this collector's own from before a restart
    uint64_t limit_flows;              // a second, of an exporter and of a source; 0: no limit
    struct limit_table *limits;        // of sources
    struct limit_source *source;       // NULL until it is asked for
    struct alarm_list *alarms;         // of template changes
    const struct mapping *mapping;     // NULL: none
    const struct biflow_terms *biflow;
    struct flow *flow; // scratch: reset, fill, decode_emit_flow
    decode_emit *emit;
    const struct decode_frames *frames; // NULL: records become flows
    struct plan_wire_pool *wires;
    void *user;
};

// -limit.flows: whether the scratch flow is kept; if so its sampling rate is made to stand for
// those that were not.
bool decode_limited(struct decode_run *run);

// Looks for volumes in the scratch flow.
void decode_look(struct decode_run *run);

static inline void decode_note(struct decode_run *run, enum reason reason)
{
    ledger_count(run->ledger, reason, 1);
}

// Hands the scratch flow on and counts it; over -limit.flows it only counts.
static inline void decode_emit_flow(struct decode_run *run)
{
    run->ledger->flows_made++;
    if (run->flow->list_cut)
        decode_note(run, REASON_LIST_LIMIT);
    if (run->looking)
        decode_look(run);
    if (run->limit_flows == 0 || decode_limited(run))
        run->emit(run->user, run->flow);
}

// Counts a part of the datagram and the records in it.
static inline void decode_part(struct decode_run *run, enum exporter_part part, uint64_t records)
{
    if (run->exporter == NULL)
        return;
    run->exporter->counts.parts[part]++;
    run->exporter->counts.records[part] += records;
}

// The header is read: names the exporter that sent the datagram, told apart by `id`.
static inline void decode_from(struct decode_run *run, const struct addr *source,
                               enum flow_type type, uint32_t id)
{
    const struct datagram *datagram = run->datagram;
    struct exporter_key key = {.source = *source, .type = type, .id = id};
    if (type == FLOW_TYPE_SFLOW_5)
        key.sender = datagram->source;
    run->exporter = exporter_seen(run->exporters, &key, &datagram->source, datagram->port,
                                  datagram->len, datagram->received_ns);
    run->looking = run->exporter != NULL && exporter_wants_look(run->exporter);
    trail_begin(run->trail, run->exporters, run->exporter);
}

// Takes the datagram's sequence number, which means nothing to a decoder that gets only some of
// the datagrams, and its clock, nanoseconds of Unix time.
static inline void decode_sequence(struct decode_run *run, uint32_t number,
                                   const struct sequence_step *step)
{
    if (run->exporter != NULL && !run->spread)
        exporter_take_number(run->exporters, run->exporter, number, step);
}

static inline void decode_clock(struct decode_run *run, uint64_t export_ns)
{
    if (run->exporter != NULL)
        run->exporter->skew_ns = (int64_t)(export_ns - run->datagram->received_ns);
}
