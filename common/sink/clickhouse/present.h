// Which rows of a batch the table has already.
//
// Embedded, all zero at first; one thread, that of the HTTP client. Memory: 32 bytes for each row
// that is there.
#pragma once

#include "common/sink/clickhouse/batch.h"
#include "common/sink/clickhouse/server.h"

struct clickhouse_present {
    struct clickhouse_place *places; // in their order
    size_t count;
    size_t cap;
    char *query;
};

// Rows `first` to `first + count - 1` of the batch; only those that come again, unless `all`.
struct clickhouse_range {
    uint32_t first;
    uint32_t count;
    bool all;
};

// Asks. The verdict; what went wrong is in the reply.
enum clickhouse_verdict
clickhouse_present_ask(struct clickhouse_present *present, struct clickhouse_http *http,
                       const struct clickhouse_options *options,
                       const struct clickhouse_server *server, const struct clickhouse_batch *batch,
                       struct clickhouse_range range, struct clickhouse_reply *reply);

// Whether the answer has this row.
bool clickhouse_present_has(const struct clickhouse_present *present,
                            const struct clickhouse_place *place);
void clickhouse_present_fini(struct clickhouse_present *present);
