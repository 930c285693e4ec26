// Putting a snapshot's answers into flows: a decoded one, or the frame as it came.
#pragma once

#include "common/enrich/snapshot.h"

struct enrich_options {
    uint64_t sampling_rate; // -samplingrate: overwrites that of every flow; 0 leaves it
};

// Fills the enrichment fields of a decoded flow, whatever it had in them (DESIGN: the last
// enricher's answer stands). Spans point into the snapshot. `snapshot` may be NULL.
void enrich_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                 struct flow *flow);

// The bytes that enrich_frame needs at most for a body of that length.
size_t enrich_frame_bound(const struct snapshot *snapshot, size_t body_len);

// Writes an enriched copy of one message body at `out`, length-prefixed: the bytes as they came
// without the fields that this enricher owns, then those fields anew. Unknown fields survive.
// Returns the end, or NULL when the body is not protobuf.
uint8_t *enrich_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                      const uint8_t *body, size_t len, uint8_t *out);
