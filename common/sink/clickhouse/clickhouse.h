// The sink that inserts flows into a table of ClickHouse, each exactly once.
//
// A row carries where its flow stands in its stream. What is delivered for the first time is
// inserted without asking; of what comes again, and of an insert whose outcome is not known, the
// rows that are missing. A block that is sent again as it was carries the same token, by which the
// table and the sums behind it recognise it. A server that is away is waited for: nothing is
// dropped until the process ends.
//
// The writer fills batches, one thread of the sink's own sends them, in order. One writer.
// Memory: CLICKHOUSE_BATCHES * batch.bytes, and the same again for the one that is being sent when
// it is compressed.
#pragma once

#include "common/sink/clickhouse/option.h"
#include "common/sink/sink.h"

#define CLICKHOUSE_BATCHES 4

extern const struct sink_ops SINK_CLICKHOUSE;
