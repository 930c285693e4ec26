// The formatter block of mapping.yaml: which columns there are, what they are called and how they
// are rendered. docs/mapping.md is its manual.
//
// Read once, immutable afterwards: any thread may use it. What is made of it (format.h, the
// collector's mapping) keeps nothing of it.
#pragma once

#include "common/base/fault.h"
#include "common/flow/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a custom column holds; the comment says how it is encoded.
enum custom_type {
    CUSTOM_VARINT,         // varint
    CUSTOM_BYTES,          // bytes; so is goflow2's type "string"
    CUSTOM_IP,             // bytes, 4 or 16
    CUSTOM_IPV4,           // bytes, 4
    CUSTOM_IPV6,           // bytes, 16
    CUSTOM_MAC,            // varint
    CUSTOM_BOOL,           // varint
    CUSTOM_FLOAT,          // double
    CUSTOM_DATETIME,       // varint, seconds
    CUSTOM_DATETIME_MILLI, // varint, milliseconds
    CUSTOM_DATETIME_NANO,  // varint, nanoseconds
    CUSTOM_DATETIME_NTP,   // varint, nanoseconds; the element has NTP's 64 bits
};

struct custom_column {
    const char *name;
    uint32_t number;
    enum custom_type type;
    bool array;
    unsigned line;
};

enum column_source {
    COLUMN_FIELD,
    COLUMN_CUSTOM,
    COLUMN_ICMP_NAME,
    COLUMN_CONTEXT, // the object of groups and tags
};

// A column as a name is resolved.
struct column {
    enum column_source source;
    enum flow_field field;              // COLUMN_FIELD
    const struct custom_column *custom; // COLUMN_CUSTOM
    enum field_render render;           // of the field; of a custom number
    enum field_render render_bytes;     // of custom bytes
    bool rendered;                      // a renderer was chosen
    const char *label;                  // what is printed as its name
};

struct formatter;

// Reads the block. `filled` (enum format_columns) says what enrichment this process writes: a
// custom column with the number of such a field is an error. 0, or -1 with the fault filled (those
// before the last one are logged): then `*out` is what could be read of it, to look at the rest of
// the file with and for nothing else, or NULL where the rest cannot be read either.
int formatter_load(struct formatter **out, const char *path, unsigned filled, struct fault *fault);
void formatter_free(struct formatter *formatter);

// The columns to print, in order; NULL when the block does not say.
const char *const *formatter_fields(const struct formatter *formatter, size_t *count);

// The columns that the partition key is made of.
const char *const *formatter_key(const struct formatter *formatter, size_t *count);

const struct custom_column *formatter_customs(const struct formatter *formatter, size_t *count);

// The custom column of that name, or NULL.
const struct custom_column *formatter_custom(const struct formatter *formatter, const char *name);

// Resolves a column's name: a custom column, a field in either spelling, icmp_name or context.
// Without a formatter (NULL) there are no custom ones. 0, or -1. Texts are borrowed.
int formatter_column(const struct formatter *formatter, const char *name, struct column *out);
