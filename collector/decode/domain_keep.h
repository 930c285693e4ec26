// What of the domains outlives the process, and what is forgotten when it grows old.
//
// The thread of the store.
#pragma once

#include "collector/decode/domain.h"
#include "collector/decode/sampling_table.h"

#include <stdbool.h>

// What options said of a domain, besides its templates.
struct domain_terms {
    uint64_t init_ms; // Unix time of the exporter's start, 0: not said
    uint64_t rate;    // the last one, 0: none
    bool proven;      // the domain sent data, so that its templates serve other ports
    unsigned count;
    const struct sampling_row *rows; // borrowed for the call
};

// How old templates may grow. ttl_ns 0: for ever; sweep_ns 0: nobody looks.
struct domain_expiry {
    uint64_t ttl_ns;   // since they were announced last
    uint64_t sweep_ns; // between two looks
    bool use_counts;   // or used
};

// Grows with every change of a template, sampling rate or start time. The second notes one that the
// store cannot see.
uint64_t domain_changes(const struct domain_store *store);
void domain_note_change(struct domain_store *store);

// The terms of all domains that have any, those with a history first; until `visit` says false.
typedef bool domain_terms_visit(void *user, const struct domain_key *key,
                                const struct domain_terms *terms);
void domain_visit_terms(const struct domain_store *store, domain_terms_visit *visit, void *user);

// Of all domains that there are: whether they sent data is not known, after all.
void domain_doubt(struct domain_store *store);

// Gives a domain the terms that it had before a restart. Nothing happens without memory.
void domain_restore(struct domain_store *store, const struct domain_key *key,
                    const struct domain_terms *terms);

void domain_expire(struct domain_store *store, const struct domain_expiry *expiry);

// Removes the templates that are too old, when it is time to look. No domain is removed.
void domain_sweep(struct domain_store *store);
