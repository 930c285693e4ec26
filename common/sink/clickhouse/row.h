// One flow as a row in the format RowBinary: values in the order of the columns, little-endian,
// texts and lists behind their length as a varint.
// https://clickhouse.com/docs/interfaces/formats/RowBinary
//
// Constant once made; any thread.
#pragma once

#include "common/base/buf.h"
#include "common/sink/clickhouse/column.h"
#include "common/sink/sink.h"

struct clickhouse_layout {
    enum clickhouse_profile profile;
    struct clickhouse_column columns[CLICKHOUSE_COLUMN_COUNT];
};

void clickhouse_layout_init(struct clickhouse_layout *layout, enum clickhouse_profile profile);

// The names of the columns in their order, comma-separated.
void clickhouse_layout_names(const struct clickhouse_layout *layout, struct buf *out);

// The bytes that the row of a flow needs at most.
size_t clickhouse_row_bound(const struct flow *flow);

// Writes the row at `out`, which has room for that. Returns the end.
uint8_t *clickhouse_row_write(const struct clickhouse_layout *layout, uint8_t *out,
                              const struct flow *flow, const struct flow_origin *origin);

// The time as the column keeps it: none after the year 2262.
int64_t clickhouse_row_time_ns(const struct flow *flow, enum flow_field field);
