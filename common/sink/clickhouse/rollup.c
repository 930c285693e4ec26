#include "common/sink/clickhouse/rollup.h"

static const struct {
    const char *suffix;
    const char *begin_of; // the function that gives the time
    const char *partition;
    unsigned days; // kept
} ROLLUPS[] = {
    [CLICKHOUSE_ROLLUP_1M] = {"1m", "toStartOfMinute", "toDate(time)", 30},
    [CLICKHOUSE_ROLLUP_5M] = {"5m", "toStartOfFiveMinute", "toMonday(time)", 90},
    [CLICKHOUSE_ROLLUP_1H] = {"1h", "toStartOfHour", "toYYYYMM(time)", 365},
};

// What is summed apart.
static const enum flow_field KEYS[] = {
    FLOW_SAMPLER_ADDRESS, FLOW_IN_IF,     FLOW_OUT_IF,    FLOW_ETYPE,
    FLOW_PROTO,           FLOW_SRC_AS,    FLOW_DST_AS,    FLOW_SRC_COUNTRY,
    FLOW_DST_COUNTRY,     FLOW_SRC_GROUP, FLOW_DST_GROUP,
};

// What goes with a key: one of the values is as good as any.
static const enum flow_field COMPANIONS[] = {FLOW_SRC_AS_NAME, FLOW_DST_AS_NAME};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct clickhouse_column column_of(enum flow_field field)
{
    return clickhouse_column(FLOW_FIELDS[field].column);
}

static void define(struct buf *out, enum flow_field field, enum clickhouse_profile profile)
{
    struct clickhouse_column column = column_of(field);
    buf_printf(out, ",\n    %s %s", column.name, clickhouse_type(column.kind, profile));
}

static void name_keys(struct buf *out)
{
    for (unsigned i = 0; i < COUNT(KEYS); i++)
        buf_printf(out, ", %s", column_of(KEYS[i]).name);
}

void clickhouse_rollup_table(struct buf *out, const struct clickhouse_schema *s,
                             enum clickhouse_rollup rollup)
{
    bool full = s->profile == CLICKHOUSE_FULL;
    buf_printf(out, "CREATE TABLE IF NOT EXISTS %s.%s_%s\n(\n    time DateTime%s", s->database,
               s->table, ROLLUPS[rollup].suffix, full ? "('UTC')" : "");
    for (unsigned i = 0; i < COUNT(KEYS); i++)
        define(out, KEYS[i], s->profile);
    for (unsigned i = 0; i < COUNT(COMPANIONS); i++)
        define(out, COMPANIONS[i], s->profile);
    buf_text(out, ",\n    bytes UInt64,\n    packets UInt64,\n    flows UInt64\n)\n"
                  "ENGINE = SummingMergeTree((bytes, packets, flows))\n");
    buf_printf(out, "PARTITION BY %s\n", ROLLUPS[rollup].partition);
    if (full)
        buf_text(out, "PRIMARY KEY (time, sampler_address)\n");
    buf_text(out, "ORDER BY (time");
    name_keys(out);
    buf_byte(out, ')');
    if (full)
        buf_printf(out,
                   "\nTTL time + INTERVAL %u DAY\nSETTINGS ttl_only_drop_parts = 1, "
                   "non_replicated_deduplication_window = 1000",
                   ROLLUPS[rollup].days);
}

void clickhouse_rollup_view(struct buf *out, const struct clickhouse_schema *s,
                            enum clickhouse_rollup rollup)
{
    const char *time = s->profile == CLICKHOUSE_FULL
                           ? "time_received_ns"
                           : "toDateTime(intDiv(time_received_ns, 1000000000))";
    buf_printf(out,
               "CREATE MATERIALIZED VIEW IF NOT EXISTS %s.%s_%s_view TO %s.%s_%s AS\n"
               "SELECT\n    %s(%s) AS time",
               s->database, s->table, ROLLUPS[rollup].suffix, s->database, s->table,
               ROLLUPS[rollup].suffix, ROLLUPS[rollup].begin_of, time);
    for (unsigned i = 0; i < COUNT(KEYS); i++)
        buf_printf(out, ",\n    %s", column_of(KEYS[i]).name);
    for (unsigned i = 0; i < COUNT(COMPANIONS); i++)
        buf_printf(out, ",\n    any(%s) AS %s", column_of(COMPANIONS[i]).name,
                   column_of(COMPANIONS[i]).name);
    buf_printf(out,
               ",\n    sum(bytes * greatest(sampling_rate, 1)) AS bytes"
               ",\n    sum(packets * greatest(sampling_rate, 1)) AS packets"
               ",\n    count() AS flows\nFROM %s.%s\nGROUP BY time",
               s->database, s->table);
    name_keys(out);
}
