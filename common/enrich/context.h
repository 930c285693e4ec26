// context.yaml: the operator's names for networks, and their tags. Grammar: docs/context.md.
//
// The longest prefix that holds an address names its group; tags are inherited from every enclosing
// network, the nearer one winning key by key. Used by one thread while a snapshot is built.
#pragma once

#include "common/base/fault.h"
#include "common/enrich/lpm.h"
#include "common/enrich/place.h"

#define CONTEXT_NAME_MAX  PLACE_NAME_MAX // bytes of a network's name, of a tag's key
#define CONTEXT_VALUE_MAX 1023

struct context {
    struct lpm_entry *entries; // sorted as lpm_new wants; values are references to `records`
    size_t entry_count;
    size_t network_count;
    struct place_records records;
    uint8_t *tags; // of place_tables, by pages_free
    size_t tags_len;
    size_t wire_max; // bytes of the longest context's fields
};

// Reads the file. 0, or -1 with the fault filled; call context_fini in either case.
int context_load(struct context *context, const char *path, struct fault *fault);
void context_fini(struct context *context);
