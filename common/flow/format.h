// Flows as bytes of the output: bin, json or text.
//
// Compiled once, immutable afterwards: any thread may use it. A flow needs at most
// format_bound(flow) bytes; no separator and no final NUL is written.
#pragma once

#include "common/flow/flow.h"

enum format_kind {
    FORMAT_BIN,  // varint length and protobuf
    FORMAT_JSON, // one object
    FORMAT_TEXT, // name=value, joined by spaces
};

// Which columns stand behind the others even when a flow has no value for them: what this process
// fills. Unless a formatter lists the columns, what a flow carries is printed in any case.
enum format_columns {
    FORMAT_COUNTRY = 1, // src_country, dst_country
    FORMAT_AS_NAME = 2, // src_as_name, dst_as_name
    FORMAT_CONTEXT = 4, // the context object (JSON), the groups (text)
};

#define FORMAT_FIELDS_MAX 192 // columns that a formatter may list
#define FORMAT_LABEL_MAX  255 // bytes of a column's printed name

struct format;
struct formatter;

// "bin", "json" or "text": 0, or -1.
int format_kind_parse(const char *name, enum format_kind *kind);

// NULL only without memory. `columns` is a set of enum format_columns.
struct format *format_new(enum format_kind kind, unsigned columns);

// The same with the columns, names and renderers of a formatter (NULL: none), which is not kept.
struct format *format_compile(enum format_kind kind, unsigned columns,
                              const struct formatter *formatter);

void format_free(struct format *format); // NULL is allowed

enum format_kind format_kind(const struct format *format);

size_t format_bound(const struct format *format, const struct flow *flow);

// Returns the end of what was written.
uint8_t *format_flow(const struct format *format, const struct flow *flow, uint8_t *out);

// The flow's partition key by the formatter's `key`, 0 without one: the 32-bit FNV-1 hash of the
// columns' values as Go prints them.
uint32_t format_key(const struct format *format, const struct flow *flow);
