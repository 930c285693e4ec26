#include "common/sink/clickhouse/schema.h"

#include "common/sink/clickhouse/rollup.h"

#include <stdlib.h>
#include <string.h>

#define SCRIPT_MAX (128u << 10)

// Blocks by which a MergeTree table recognises an insert that comes again.
#define DEDUPLICATION "non_replicated_deduplication_window = 1000"

static void name(struct buf *out, const struct clickhouse_schema *s, const char *suffix)
{
    buf_printf(out, "%s.%s%s", s->database, s->table, suffix);
}

static void quote(struct buf *out, const char *text)
{
    buf_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
    buf_byte(out, '\'');
}

static void define(struct buf *out, unsigned index, enum clickhouse_profile profile)
{
    struct clickhouse_column column = clickhouse_column(index);
    buf_printf(out, "%s %s", column.name, clickhouse_type(column.kind, profile));
    if (profile == CLICKHOUSE_FULL)
        buf_printf(out, " CODEC(%s)", clickhouse_codec(column.kind));
}

// Where a flow stands in its stream goes with the time it was received: the minmax index finds it
// without reading the column.
static const char FLOWS_FULL[] =
    ",\n    INDEX src_seq_range src_seq TYPE minmax GRANULARITY 1"
    ",\n    INDEX src_addr_filter src_addr TYPE bloom_filter(0.01) GRANULARITY 4"
    ",\n    INDEX dst_addr_filter dst_addr TYPE bloom_filter(0.01) GRANULARITY 4"
    "\n)\nENGINE = MergeTree"
    "\nPARTITION BY toDate(time_received_ns)"
    "\nORDER BY (toStartOfFiveMinute(time_received_ns), sampler_address, in_if, out_if)"
    "\nTTL toDateTime(time_received_ns) + INTERVAL 14 DAY"
    "\nSETTINGS ttl_only_drop_parts = 1, " DEDUPLICATION;

static const char FLOWS_REDUCED[] =
    "\n)\nENGINE = MergeTree"
    "\nPARTITION BY toDate(toDateTime(intDiv(time_received_ns, 1000000000)))"
    "\nORDER BY (intDiv(time_received_ns, 300000000000), sampler_address, in_if, out_if)";

static void flows(struct buf *out, const struct clickhouse_schema *s)
{
    buf_text(out, "CREATE TABLE IF NOT EXISTS ");
    name(out, s, "\n(");
    for (unsigned i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        buf_text(out, i == 0 ? "\n    " : ",\n    ");
        define(out, i, s->profile);
    }
    buf_text(out, s->profile == CLICKHOUSE_FULL ? FLOWS_FULL : FLOWS_REDUCED);
}

static void rollup_1m(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_table(out, s, CLICKHOUSE_ROLLUP_1M);
}

static void rollup_5m(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_table(out, s, CLICKHOUSE_ROLLUP_5M);
}

static void rollup_1h(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_table(out, s, CLICKHOUSE_ROLLUP_1H);
}

static void view_1m(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_view(out, s, CLICKHOUSE_ROLLUP_1M);
}

static void view_5m(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_view(out, s, CLICKHOUSE_ROLLUP_5M);
}

static void view_1h(struct buf *out, const struct clickhouse_schema *s)
{
    clickhouse_rollup_view(out, s, CLICKHOUSE_ROLLUP_1H);
}

static void protocols(struct buf *out, const struct clickhouse_schema *s)
{
    buf_text(out, "CREATE TABLE IF NOT EXISTS ");
    name(out, s, "_protocol_name");
    buf_text(out, "\n(\n    number UInt64,\n    name String\n)\n"
                  "ENGINE = ReplacingMergeTree\nORDER BY number");
}

static void protocol_names(struct buf *out, const struct clickhouse_schema *s)
{
    static const char *const names[] = {
#define PROTOCOL(number, name) [number] = (name),
#include "common/flow/protocol.def"
#undef PROTOCOL
    };
    const char *separator = "\n    ";
    buf_text(out, "INSERT INTO ");
    name(out, s, "_protocol_name (number, name) VALUES");
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] == NULL)
            continue;
        buf_printf(out, "%s(%u, ", separator, i);
        quote(out, names[i]);
        buf_byte(out, ')');
        separator = i % 4 == 3 ? ",\n    " : ", ";
    }
}

// The server reads the table through itself: it needs to be told as whom.
static void protocol_dictionary(struct buf *out, const struct clickhouse_schema *s)
{
    if (s->profile == CLICKHOUSE_REDUCED)
        return;
    buf_text(out, "CREATE DICTIONARY IF NOT EXISTS ");
    name(out, s, "_protocol\n(\n    number UInt64,\n    name String DEFAULT 'unknown'\n)\n");
    buf_printf(out, "PRIMARY KEY number\nSOURCE(CLICKHOUSE(DB '%s' TABLE '%s_protocol_name'",
               s->database, s->table);
    if (*s->user != '\0') {
        buf_text(out, " USER ");
        quote(out, s->user);
    }
    if (*s->password != '\0') {
        buf_text(out, " PASSWORD ");
        quote(out, s->password);
    }
    buf_text(out, "))\nLAYOUT(FLAT())\nLIFETIME(MIN 3000 MAX 3600)");
}

static const struct {
    const char *what;
    void (*write)(struct buf *out, const struct clickhouse_schema *schema);
} STEPS[] = {
    {"flows as they came", flows}, {"sums of a minute", rollup_1m},
    {"what fills them", view_1m},  {"sums of five minutes", rollup_5m},
    {"what fills them", view_5m},  {"sums of an hour", rollup_1h},
    {"what fills them", view_1h},  {"table of protocol names", protocols},
    {"the names", protocol_names}, {"the same to look up", protocol_dictionary},
};

void clickhouse_schema_base(struct buf *out, const struct clickhouse_schema *s, unsigned index)
{
    if (index == 0)
        buf_printf(out, "CREATE DATABASE IF NOT EXISTS %s", s->database);
    else
        buf_printf(out,
                   "CREATE TABLE IF NOT EXISTS %s.schema_version\n(\n    table_name String,\n"
                   "    version UInt32,\n    what String,\n    applied DateTime DEFAULT now()\n)\n"
                   "ENGINE = ReplacingMergeTree\nORDER BY (table_name, version)",
                   s->database);
}

const char *clickhouse_schema_step(struct buf *out, const struct clickhouse_schema *s,
                                   unsigned version)
{
    if (version == 0 || version > sizeof STEPS / sizeof STEPS[0])
        return NULL;
    STEPS[version - 1].write(out, s);
    return STEPS[version - 1].what;
}

void clickhouse_schema_record(struct buf *out, const struct clickhouse_schema *s, unsigned version,
                              const char *what)
{
    buf_printf(out, "INSERT INTO %s.schema_version (table_name, version, what) VALUES ('%s', %u, ",
               s->database, s->table, version);
    quote(out, what);
    buf_byte(out, ')');
}

void clickhouse_schema_last(struct buf *out, const struct clickhouse_schema *s)
{
    buf_printf(out, "SELECT max(version) FROM %s.schema_version WHERE table_name = '%s'",
               s->database, s->table);
}

void clickhouse_schema_add(struct buf *out, const struct clickhouse_schema *s, unsigned column)
{
    buf_text(out, "ALTER TABLE ");
    name(out, s, s->profile == CLICKHOUSE_FULL ? " ADD COLUMN IF NOT EXISTS " : " ADD COLUMN ");
    define(out, column, s->profile);
}

static void end(struct buf *out)
{
    buf_text(out, ";\n\n");
}

char *clickhouse_schema_script(const struct clickhouse_schema *schema)
{
    struct clickhouse_schema s = *schema;
    char *text = malloc(SCRIPT_MAX);
    if (text == NULL)
        return NULL;
    struct buf out = buf_over(text, SCRIPT_MAX - 1);
    if (*s.password != '\0')
        s.password = "***";
    for (unsigned i = 0; i < CLICKHOUSE_BASE_COUNT; i++) {
        clickhouse_schema_base(&out, &s, i);
        end(&out);
    }
    for (unsigned version = 1;; version++) {
        size_t begin = out.len;
        const char *what = clickhouse_schema_step(&out, &s, version);
        if (what == NULL)
            break;
        if (out.len != begin)
            end(&out);
        clickhouse_schema_record(&out, &s, version, what);
        end(&out);
    }
    text[out.len - 1] = '\0';
    if (buf_ok(&out))
        return text;
    free(text);
    return NULL;
}
