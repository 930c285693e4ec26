// Putting a snapshot's answers into flows: a decoded one, or the frame as it came.
#pragma once

#include "common/enrich/snapshot.h"

struct enrich_options {
    uint64_t sampling_rate; // -samplingrate: overwrites that of every flow; 0 leaves it
};

// Fills the enrichment fields of a decoded flow, whatever it had in them: the last enricher's
// answer stands. Spans point into the snapshot. `snapshot` may be NULL.
void enrich_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                 struct flow *flow);

// The fields that enrich_flow may change, as FLOW_BITs.
uint64_t enrich_fields(const struct snapshot *snapshot, const struct enrich_options *options);

// The bytes that enrich_frame needs at most for a body of that length.
size_t enrich_frame_bound(const struct snapshot *snapshot, size_t body_len);

// What enrich_frame_bound adds to a body at most, whatever the snapshot.
#define ENRICH_GROWTH_MAX ((size_t)256 << 10)

// Writes an enriched copy of one message body at `out`, length-prefixed: the bytes as they came
// without the fields that this enricher owns, then those fields anew. Unknown fields survive.
// Returns the end, or NULL when the body is not protobuf.
uint8_t *enrich_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                      const uint8_t *body, size_t len, uint8_t *out);

// AS numbers and a sampling rate; of a body with more such fields more is looked at twice.
#define ENRICH_CUTS_MAX 4

// The same for many bodies, fast: their addresses are looked up as a group (snapshot_find_group),
// then each is written, or filled in when it is decoded, while its answers are in the cache.
struct enrich_plan {
    const uint8_t *body; // the caller fills these two
    size_t len;
    size_t cut_count; // replaceable fields that are there
    struct {
        const uint8_t *at;
        const uint8_t *end;
        uint64_t bit;
    } cuts[ENRICH_CUTS_MAX]; // the first of them
    const uint8_t *addrs[2]; // those looked up, where they lie in the body
    struct place places[2];
};

#define ENRICH_GROUP_MAX (SNAPSHOT_GROUP_MAX / 2)

// Makes the plans of up to ENRICH_GROUP_MAX bodies. Returns how many are protobuf, up to the first
// that is not.
size_t enrich_plan_group(const struct snapshot *snapshot, const struct enrich_options *options,
                         struct enrich_plan *plans, size_t count);

// The same for bodies that will be decoded, which says if they are protobuf: such plans are good
// for enrich_planned_flow alone.
void enrich_peek_group(const struct snapshot *snapshot, struct enrich_plan *plans, size_t count);

// enrich_frame and enrich_flow of a body with its plan.
uint8_t *enrich_planned_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                              const struct enrich_plan *plan, uint8_t *out);
void enrich_planned_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                         const struct enrich_plan *plan, struct flow *flow);
