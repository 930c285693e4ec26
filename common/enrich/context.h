// context.yaml: the operator's names for networks, and their tags. Grammar: docs/context.md.
//
// The longest prefix that holds an address names its group; tags are inherited from every enclosing
// network, the nearer one winning key by key. Used by one thread while a snapshot is built.
#pragma once

#include "common/base/fault.h"
#include "common/base/intern.h"
#include "common/enrich/lpm.h"
#include "common/enrich/tags.h"

#define CONTEXT_NAME_MAX  255 // bytes of a network's name, of a tag's key
#define CONTEXT_VALUE_MAX 1023

// What one prefix says: numbers of `names` and `tags`.
struct context_match {
    uint32_t name;
    uint32_t tags;
};

struct context {
    struct lpm_entry *entries; // sorted as lpm_new wants; values index `matches`, from 1
    struct context_match *matches;
    size_t entry_count;
    size_t network_count;
    struct intern *names;
    struct tags *tags; // frozen
};

// Reads the file. 0, or -1 with the fault filled; call context_fini in either case.
int context_load(struct context *context, const char *path, struct fault *fault);
void context_fini(struct context *context);
