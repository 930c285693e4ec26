// The columns of the table of flows: those of the field table, and where each row came from.
//
// Types are as wide as the schema's, so that no value is cut: codecs take the zeros out again. The
// reduced profile is for engines of before 2022: ClickHouse 18.16, as Debian has it, knows neither
// IPv6 nor DateTime64, Map, codecs or TTL.
//
// Constant data; any thread.
#pragma once

#include "common/flow/fields.h"

enum clickhouse_profile {
    CLICKHOUSE_FULL,
    CLICKHOUSE_REDUCED,
    CLICKHOUSE_PROFILE_COUNT,
};

// What a column holds, and so how its values are written.
enum clickhouse_kind {
    CLICKHOUSE_NUM,     // UInt64
    CLICKHOUSE_NUM32,   // UInt32
    CLICKHOUSE_TIME,    // nanoseconds of Unix time
    CLICKHOUSE_NAME,    // of the flow type, text
    CLICKHOUSE_ADDRESS, // 16 bytes, IPv4 as ::ffff:a.b.c.d, none as ::
    CLICKHOUSE_TEXT,
    CLICKHOUSE_NUM_LIST,
    CLICKHOUSE_ADDRESS_LIST,
    CLICKHOUSE_TAGS,     // text to text
    CLICKHOUSE_STREAM,   // UInt64, hash of the stream's name
    CLICKHOUSE_SEQUENCE, // UInt64, of the message in its stream
    CLICKHOUSE_STORED,   // when it was stored there, nanoseconds of Unix time
    CLICKHOUSE_INDEX,    // UInt32, of the flow in its message
    CLICKHOUSE_KIND_COUNT,
};

struct clickhouse_column {
    const char *name;
    enum clickhouse_kind kind;
    enum flow_field field; // FLOW_FIELD_COUNT: of the row's origin
};

#define CLICKHOUSE_COLUMN_COUNT (FLOW_FIELD_COUNT + 4)

// In the order of JSON, the origin last.
struct clickhouse_column clickhouse_column(unsigned index);

// The type of such a column, as the server names it.
const char *clickhouse_type(enum clickhouse_kind kind, enum clickhouse_profile profile);

// How the full profile compresses it: what stands in CODEC().
const char *clickhouse_codec(enum clickhouse_kind kind);
