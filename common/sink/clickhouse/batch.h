// Rows on their way to the server: their bytes one behind the other, and where each came from.
//
// Its owner's alone: the writer's while it is filled, then the sender's.
#pragma once

#include "common/sink/clickhouse/row.h"

struct clickhouse_place {
    uint64_t sequence; // of the message in its stream,
    int64_t time_ns;   // and when it was stored there
    uint32_t index;    // of the flow in its message
    uint32_t end;      // where its row ends in the data
    bool again;        // it may have been sent before, by us or another
};

struct clickhouse_batch {
    uint8_t *data;
    struct clickhouse_place *places;
    size_t len;
    size_t cap;
    uint32_t count;
    uint32_t max;
    uint64_t stream;  // of all of them
    int64_t first_ns; // the times that they were received
    int64_t last_ns;
    int64_t due_ns;    // when it is to go, full or not
    uint64_t position; // of its last flow among all that were written
};

// NULL without memory. Pages that are never filled cost nothing.
struct clickhouse_batch *clickhouse_batch_new(size_t cap, uint32_t max);
void clickhouse_batch_free(struct clickhouse_batch *batch);
void clickhouse_batch_clear(struct clickhouse_batch *batch);

// Adds a row: false when it does not fit any more, be it for its size, its stream or a time too far
// from the others', which would make too many partitions at once.
bool clickhouse_batch_add(struct clickhouse_batch *batch, const struct clickhouse_layout *layout,
                          const struct flow *flow, const struct flow_origin *origin);

// Where row `n` begins.
static inline size_t clickhouse_batch_begin(const struct clickhouse_batch *batch, uint32_t n)
{
    return n == 0 ? 0 : batch->places[n - 1].end;
}
