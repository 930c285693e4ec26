// Sums of flows by minute, five minutes and hour, as statements of SQL: a table for each, and the
// view that fills it at each insert. Bytes and packets are multiplied by the sampling rate.
//
// No state; any thread.
#pragma once

#include "common/sink/clickhouse/schema.h"

enum clickhouse_rollup {
    CLICKHOUSE_ROLLUP_1M,
    CLICKHOUSE_ROLLUP_5M,
    CLICKHOUSE_ROLLUP_1H,
};

void clickhouse_rollup_table(struct buf *out, const struct clickhouse_schema *schema,
                             enum clickhouse_rollup rollup);
void clickhouse_rollup_view(struct buf *out, const struct clickhouse_schema *schema,
                            enum clickhouse_rollup rollup);
