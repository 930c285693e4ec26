// One NetFlow v9 or IPFIX message on its way through; inside netflow*.c only.
#pragma once

#include "collector/decode/decode_run.h"
#include "collector/decode/domain.h"
#include "collector/decode/template.h"

#define WALK_DEFERRED_MAX   64
#define WALK_SET_HEADER_LEN 4
#define WALK_FIRST_DATA_SET 256

// What one datagram may cost. A record of one byte is legal, and a flow is a thousand times that;
// the limits are what the largest datagram holds of sets of one IPv4 flow, and of records of 16
// bytes.
#define WALK_SETS_MAX    2048
#define WALK_RECORDS_MAX 4096

struct netflow_set {
    uint16_t id;
    struct cursor body;
};

// One message on its way through.
struct netflow_walk {
    struct decode_run *run;
    struct domain_store *store;
    enum template_dialect dialect;
    struct domain_key key;
    struct domain *domain; // NULL until the exporter announced something
    struct cursor sets;
    uint64_t export_ns;
    uint32_t uptime_ms; // v9
    uint32_t sequence;
    uint64_t base;      // the bits of what all flows of the message have in common
    uint32_t records;   // data records decoded, of options too
    uint32_t options;   // of these
    uint32_t templates; // announced or withdrawn
    bool records_known; // no data set was left undecoded
    uint32_t set_count;
    uint32_t options_fields; // read of options records
    bool learned;            // a template that was not known so, or that serves other ports now
    bool learning;           // an announcement, in which flows have no place

    // Data sets wait for the end of the message: its templates and sampling rates hold for all of
    // it, wherever they stand.
    struct netflow_set deferred[WALK_DEFERRED_MAX];
    unsigned deferred_count;
};

// A set was lost; a data set, so that how many records it had is not known.
static inline void walk_drop(struct netflow_walk *walk, enum reason reason)
{
    ledger_count(walk->run->ledger, reason, 1);
}

static inline void walk_drop_data(struct netflow_walk *walk, enum reason reason)
{
    walk->records_known = false;
    walk_drop(walk, reason);
}

// Puts a set into what other decoders are to know.
static inline void walk_tell(struct netflow_walk *walk, uint16_t set_id, const struct cursor *body)
{
    if (walk->run->announcement != NULL)
        announcement_add(walk->run->announcement, set_id, body->at, cursor_left(body));
}

// Sets are padded to four bytes, with fewer than any record takes (RFC 7011, section 3.3.1). Where
// records are that short, zeros at the end are padding all the same.
static inline bool walk_is_padding(const struct cursor *body, size_t min_len)
{
    if (cursor_left(body) < min_len)
        return true;
    if (cursor_left(body) >= WALK_SET_HEADER_LEN)
        return false;
    return bytes_be(body->at, cursor_left(body)) == 0;
}

// netflow.c: gives the scratch flow what all flows of the message have in common; decodes a data
// set, of flows or of options.
void walk_base(struct netflow_walk *walk);
void walk_data(struct netflow_walk *walk, const struct netflow_set *set);

// netflow_option.c: decodes a set of options data.
void walk_options(struct netflow_walk *walk, const struct netflow_set *set);

// netflow_held.c: decodes what the exporter sent before the templates of this message, whose
// exporter is known.
void walk_held(struct netflow_walk *walk);
