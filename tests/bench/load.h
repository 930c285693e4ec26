// What the generator sends next: exporters in turn, their templates first and again every so often,
// flows from a pool of datagrams made ahead. One thread.
#pragma once

#include "tests/bench/parcel.h"
#include "tests/bench/feed.h"

struct load_options {
    const struct shape *shape;
    uint32_t first; // address of the first exporter, the others after it
    uint32_t exporters;
    uint32_t templates;      // of each exporter
    uint32_t template_every; // datagrams of flows between two of templates; 0: only at the start
    bool announced;          // all templates are known already: none at the start
    uint32_t segments;       // datagrams of a parcel
    uint32_t pool;           // datagrams made, at least PARCEL_BATCH_MAX
    uint64_t seed;
    bool unique;
};

struct load_counts {
    uint64_t datagrams;
    uint64_t templates; // datagrams of templates among them
    uint64_t flows;
};

struct load;

// NULL only without memory.
struct load *load_new(const struct load_options *options, uint64_t started_ns);
void load_free(struct load *load);

// Fills *parcels with what is sent next, as of now: at least one parcel, and no further ones that
// would pass `datagrams`. They are valid until the next call. Returns their count.
size_t load_next(struct load *load, size_t datagrams, uint64_t now_ns,
                 const struct parcel **parcels);

const struct load_counts *load_counts(const struct load *load);
