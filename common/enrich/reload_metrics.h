// What was read again, and what context and databases are, as metrics: the same in both daemons.
#pragma once

#include "common/base/metrics.h"
#include "common/enrich/reload.h"

#include <stdatomic.h>

// How often something was read again. One thread counts, any reads.
struct reload_tally {
    atomic_ullong done;
    atomic_ullong failed;
};

static inline void reload_count(struct reload_tally *tally, bool failed)
{
    atomic_fetch_add(failed ? &tally->failed : &tally->done, 1);
}

struct reload_books {
    struct reload *reload;              // NULL: nothing is enriched
    struct snapshot_facts facts;        // of the first snapshot
    const struct reload_tally *mapping; // NULL: there is none
    const struct reload_tally *allow;   // likewise
};

// Of a database or context that is not there nothing is said, so that no alert takes it for an old
// one. Any thread.
void reload_put_metrics(struct metrics *m, const struct reload_books *books);
