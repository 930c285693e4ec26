// What a format is compiled into; for format*.c only.
#pragma once

#include "common/flow/format.h"

#define FORMAT_WORDS       4 // of 64 columns each
#define FORMAT_COLUMNS_MAX (64 * FORMAT_WORDS)
#define FORMAT_VALUE_MAX   48 // one value of fixed size, quotes and comma included
#define FORMAT_CONTEXT_MAX 96 // the context object without what stands in it

enum format_shape {
    SHAPE_BARE,   // a number or a truth
    SHAPE_QUOTED, // a string in JSON
    SHAPE_LIST,
    SHAPE_CUSTOM,
    SHAPE_CUSTOM_LIST,
    SHAPE_CONTEXT,
};

// Values that are put without a look at what else they might be.
enum format_quick {
    QUICK_NONE,
    QUICK_NUM,
    QUICK_ADDRESS, // in quotes
};

struct format_column {
    uint8_t shape;
    uint8_t quick;
    uint8_t field;
    uint8_t render;       // enum field_render, of a field or a custom number
    uint8_t render_bytes; // of custom bytes
    bool named;           // stands there without a value too: the skeleton has its name
    uint16_t name_len;
    uint32_t number;      // custom: of the protobuf field
    uint32_t skeleton_at; // where the column begins in the skeleton
    uint32_t value_at;    // the same behind its name, if that is there
    const char *name;     // `,"name":` or ` name=`
};

// Everything but the values of fields that are set. The skeleton is the text of a flow in which
// nothing is set: `,"name":zero` for each column. A run of unset columns and the name of the next
// one are one copy out of it, which may read COPY_STEP bytes more.
struct format {
    enum format_kind kind;
    bool headless;         // the first column may be missing: every name has its separator
    unsigned column_count; // without the one at the end, which holds the skeleton's length
    unsigned word_count;   // of 64 columns
    unsigned custom_count; // of columns
    unsigned key_count;
    uint64_t sized; // fields whose text has no largest length
    size_t fixed;   // the bound of all else
    size_t copies;  // columns that show the same field, at most
    char *skeleton;
    struct format_column *keys;
    uint8_t custom[FORMAT_COLUMNS_MAX];                  // the custom columns
    uint64_t columns_of[FORMAT_WORDS][FLOW_FIELD_COUNT]; // columns that show when the field is set
    struct format_column columns[FORMAT_COLUMNS_MAX + 1];
};

static inline bool format_is_bare(uint8_t render)
{
    return render == RENDER_NUM || render == RENDER_BOOL || render == RENDER_FLOAT ||
           render == RENDER_FLOAT32;
}

// The custom value that the column shows, the last of its number, or NULL.
const struct flow_custom *format_last_custom(const struct format_column *column,
                                             const struct flow *flow);

// A column's value, in its quotes or brackets.
uint8_t *format_value(const struct format *format, const struct format_column *column,
                      const struct flow *flow, uint8_t *out);
