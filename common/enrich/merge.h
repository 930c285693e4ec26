// One table of prefixes out of those of context.yaml and of both databases, so that one look-up
// answers for all three. Used by one thread while a snapshot is built.
#pragma once

#include "common/enrich/lpm.h"
#include "common/enrich/place.h"

enum merge_part {
    MERGE_CONTEXT,
    MERGE_SYSTEM,
    MERGE_COUNTRY,
    MERGE_PARTS,
};

// Entries sorted as lpm_new wants; their values are the references of that part of a place.
struct merge_source {
    const struct lpm_entry *entries;
    size_t count;
};

// The values of the table are places. NULL without memory.
struct lpm *merge_sources(const struct merge_source sources[static MERGE_PARTS]);
