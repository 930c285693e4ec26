#include "common/sink/clickhouse/column.h"

#include <assert.h>

static const struct {
    const char *types[CLICKHOUSE_PROFILE_COUNT];
    const char *codec;
} KINDS[CLICKHOUSE_KIND_COUNT] = {
    [CLICKHOUSE_NUM] = {{"UInt64", "UInt64"}, "T64, ZSTD(1)"},
    [CLICKHOUSE_NUM32] = {{"UInt32", "UInt32"}, "T64, ZSTD(1)"},
    [CLICKHOUSE_TIME] = {{"DateTime64(9, 'UTC')", "UInt64"}, "Delta(8), ZSTD(1)"},
    [CLICKHOUSE_NAME] = {{"LowCardinality(String)", "String"}, "ZSTD(1)"},
    [CLICKHOUSE_ADDRESS] = {{"IPv6", "FixedString(16)"}, "ZSTD(1)"},
    [CLICKHOUSE_TEXT] = {{"LowCardinality(String)", "String"}, "ZSTD(1)"},
    [CLICKHOUSE_NUM_LIST] = {{"Array(UInt32)", "Array(UInt32)"}, "ZSTD(1)"},
    [CLICKHOUSE_ADDRESS_LIST] = {{"Array(IPv6)", "Array(FixedString(16))"}, "ZSTD(1)"},
    [CLICKHOUSE_TAGS] = {{"Map(LowCardinality(String), String)",
                          "Nested(key String, value String)"},
                         "ZSTD(1)"},
    [CLICKHOUSE_STREAM] = {{"UInt64", "UInt64"}, "ZSTD(1)"},
    [CLICKHOUSE_SEQUENCE] = {{"UInt64", "UInt64"}, "Delta(8), ZSTD(1)"},
    [CLICKHOUSE_STORED] = {{"DateTime64(9, 'UTC')", "UInt64"}, "Delta(8), ZSTD(1)"},
    [CLICKHOUSE_INDEX] = {{"UInt32", "UInt32"}, "T64, ZSTD(1)"},
};

static const struct clickhouse_column ORIGIN[] = {
    {"src_stream", CLICKHOUSE_STREAM, FLOW_FIELD_COUNT},
    {"src_seq", CLICKHOUSE_SEQUENCE, FLOW_FIELD_COUNT},
    {"src_idx", CLICKHOUSE_INDEX, FLOW_FIELD_COUNT},
    {"src_time_ns", CLICKHOUSE_STORED, FLOW_FIELD_COUNT},
};

static enum clickhouse_kind kind_of_num(enum flow_field id)
{
    if (id == FLOW_TIME_RECEIVED_NS || id == FLOW_TIME_FLOW_START_NS || id == FLOW_TIME_FLOW_END_NS)
        return CLICKHOUSE_TIME;
    return FLOW_FIELDS[id].render == RENDER_TYPE ? CLICKHOUSE_NAME : CLICKHOUSE_NUM;
}

static enum clickhouse_kind kind_of(enum flow_field id)
{
    switch (FLOW_FIELDS[id].kind) {
    case FIELD_NUM:
        return kind_of_num(id);
    case FIELD_NUM32:
        return CLICKHOUSE_NUM32;
    case FIELD_BYTES:
        return FLOW_FIELDS[id].render == RENDER_IP ? CLICKHOUSE_ADDRESS : CLICKHOUSE_TEXT;
    case FIELD_NUM_LIST:
        return CLICKHOUSE_NUM_LIST;
    case FIELD_BYTES_LIST:
        return FLOW_FIELDS[id].render == RENDER_IP ? CLICKHOUSE_ADDRESS_LIST : CLICKHOUSE_TAGS;
    }
    return CLICKHOUSE_NUM;
}

struct clickhouse_column clickhouse_column(unsigned index)
{
    assert(index < CLICKHOUSE_COLUMN_COUNT);
    if (index >= FLOW_FIELD_COUNT)
        return ORIGIN[index - FLOW_FIELD_COUNT];
    unsigned id = 0;
    while (FLOW_FIELDS[id].column != index)
        id++;
    return (struct clickhouse_column){FLOW_FIELDS[id].name, kind_of((enum flow_field)id),
                                      (enum flow_field)id};
}

const char *clickhouse_type(enum clickhouse_kind kind, enum clickhouse_profile profile)
{
    return KINDS[kind].types[profile];
}

const char *clickhouse_codec(enum clickhouse_kind kind)
{
    return KINDS[kind].codec;
}
