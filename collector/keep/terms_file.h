// What options said of exporters (sampling rates, start times), beside their templates: JSON of the
// shape {"<ip:port>":{"<version>/<domain>":{"sampling-rate":N,"selectors":{"<id>":N},
// "scopes":[{"template":N,"interface":N,"rate":N}],"system-init-ms":N,"proven":true}}}; members
// that do not apply are left out. Files of before do not say of any domain that it sent data.
// Scopes are all rates but those of selectors alone; "sampling-rate" is that of all flows when it
// stands alone, and beside others a rate that was said.
//
// No state; any thread.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/fault.h"

#include <stdio.h>

struct terms_row {
    struct domain_key key;
    struct domain_terms terms; // its rows are in the pool, from `first` on
    size_t first;
};

struct terms_list {
    struct terms_row *rows;
    size_t count;
    struct sampling_row *pool;
    size_t pool_count;
    bool tells_proven; // of some domain at least
};

// Writes the rows, which it sorts as their names sort; of equal keys the first one of the list.
void terms_write(FILE *out, struct terms_list *list);

// The list is complete or empty: -1 and a fault that says where. No text at all is an empty list.
int terms_load(struct terms_list *out, const char *path, const char *text, size_t len,
               struct fault *fault);
void terms_list_fini(struct terms_list *list);
