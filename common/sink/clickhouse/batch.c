#include "common/sink/clickhouse/batch.h"

#include <stdlib.h>

#define SPAN_MAX_NS (INT64_C(30) * 86400 * 1000000000) // a server takes 100 days in one insert

struct clickhouse_batch *clickhouse_batch_new(size_t cap, uint32_t max)
{
    struct clickhouse_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->data = malloc(cap);
    batch->places = malloc(max * sizeof batch->places[0]);
    batch->cap = cap;
    batch->max = max;
    if (batch->data != NULL && batch->places != NULL)
        return batch;
    clickhouse_batch_free(batch);
    return NULL;
}

void clickhouse_batch_free(struct clickhouse_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->data);
    free(batch->places);
    free(batch);
}

void clickhouse_batch_clear(struct clickhouse_batch *batch)
{
    batch->len = 0;
    batch->count = 0;
}

static bool goes_with(const struct clickhouse_batch *batch, uint64_t stream, int64_t time_ns)
{
    return batch->count == 0 ||
           (batch->count < batch->max && batch->stream == stream &&
            time_ns > batch->last_ns - SPAN_MAX_NS && time_ns - SPAN_MAX_NS < batch->first_ns);
}

bool clickhouse_batch_add(struct clickhouse_batch *batch, const struct clickhouse_layout *layout,
                          const struct flow *flow, const struct flow_origin *origin)
{
    int64_t time_ns = clickhouse_row_time_ns(flow, FLOW_TIME_RECEIVED_NS);
    if (!goes_with(batch, origin->stream, time_ns) ||
        clickhouse_row_bound(flow) > batch->cap - batch->len)
        return false;
    uint8_t *end = clickhouse_row_write(layout, batch->data + batch->len, flow, origin);
    if (batch->count == 0) {
        batch->stream = origin->stream;
        batch->first_ns = batch->last_ns = time_ns;
    }
    batch->first_ns = time_ns < batch->first_ns ? time_ns : batch->first_ns;
    batch->last_ns = time_ns > batch->last_ns ? time_ns : batch->last_ns;
    batch->len = (size_t)(end - batch->data);
    batch->places[batch->count++] = (struct clickhouse_place){
        .sequence = origin->sequence,
        .time_ns = origin->time_ns,
        .index = origin->index,
        .end = (uint32_t)batch->len,
        .again = origin->again,
    };
    return true;
}
