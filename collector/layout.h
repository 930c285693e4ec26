// What mapping.yaml and -filter make of the flows of this process: how they are decoded, which go
// on and how they are printed, as one immutable whole. Counted references; any thread.
#pragma once

#include "collector/decode/mapping/mapping.h"
#include "collector/decode/raw/raw.h"
#include "common/flow/filter/filter.h"
#include "common/flow/format.h"

struct layout {
    struct mapping *mapping; // NULL: none
    struct format *format;
    struct filter *filter; // NULL: every flow goes on
    enum raw_kind raw;     // then it is neither mapped nor formatted
    size_t custom_count;   // columns of the mapping, and those of its key
    size_t key_count;
};

struct layout_options {
    const char *path; // of the file; NULL or "": none
    enum format_kind kind;
    enum raw_kind raw;
    unsigned columns;   // enum format_columns: what this process fills
    const char *filter; // the expression; NULL or "": none
};

// NULL after having logged why.
struct layout *layout_new(const struct layout_options *options);
struct layout *layout_ref(struct layout *layout);
void layout_unref(struct layout *layout); // NULL is allowed
