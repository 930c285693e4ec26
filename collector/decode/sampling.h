// Sampling rates: what the elements of a record say, and what is remembered of it per domain.
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The sampling elements of one record, data or options.
struct sampling_terms {
    bool has_selector;
    bool has_space;
    uint64_t selector;   // samplerId (48), selectorId (302)
    uint64_t interval;   // samplingInterval (34)
    uint64_t random;     // samplerRandomInterval (50)
    uint64_t packets;    // samplingPacketInterval (305)
    uint64_t space;      // samplingPacketSpace (306)
    uint64_t size;       // samplingSize (309)
    uint64_t population; // samplingPopulation (310)
};

// Adds one element; others than those above are passed over.
void sampling_take(struct sampling_terms *terms, uint16_t element, uint64_t value);

// The rate that the terms make, 1 in N packets; 0 when they make none. In this order: packets with
// space (RFC 5477, section 8.2.2: of packets + space, packets are taken), size of population,
// packets alone, random, interval.
uint64_t sampling_rate(const struct sampling_terms *terms);

#define SAMPLING_SELECTORS_MAX 64

struct sampling_row {
    uint64_t selector;
    uint64_t rate;
};

// What an exporter's options said: a rate per selector, and the last one of all.
struct sampling_table {
    uint64_t last;    // 0: nothing
    uint64_t told_ns; // to other decoders, Unix time
    bool borrowed;    // another collector says so; the exporter has not, to us
    uint16_t count;
    uint16_t room; // for so many rows
    struct sampling_row row[];
};

// How large a table with so much room is.
static inline size_t sampling_bytes(unsigned room)
{
    return sizeof(struct sampling_table) + room * sizeof(struct sampling_row);
}

static inline void sampling_clear(struct sampling_table *table)
{
    *table = (struct sampling_table){.room = table->room};
}

// True when that changed what is known. A new selector needs room, unless there are
// SAMPLING_SELECTORS_MAX, when it is not kept.
bool sampling_learn(struct sampling_table *table, const struct sampling_terms *terms);

// Whether both say the same rates.
bool sampling_agrees(const struct sampling_table *a, const struct sampling_table *b);

// The rate for a record with these terms: its own, that of its selector, or the last one learnt; 0
// when none is known, which is so of a selector that a full table does not have. The table is NULL
// when options said nothing.
uint64_t sampling_find(const struct sampling_table *table, const struct sampling_terms *terms);

// -sampling.default: the rate of exporters of that network that say none.
struct sampling_default {
    struct prefix network;
    uint64_t rate;
};

// The rate of the longest network that holds the address, 0 when there is none.
uint64_t sampling_default_of(const struct sampling_default *defaults, size_t count,
                             const struct addr *source);
