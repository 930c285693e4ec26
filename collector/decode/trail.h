// Where the memory is that decoding a datagram asked for, so that it can be fetched before the turn
// of the same sender's next one.
//
// With thousands of exporters what is remembered of one is not in the cache when a datagram of it
// comes, and is found only step by step, each step waiting for the one before. A trail has all
// steps at once. They are addresses to fetch, never to look into: what stood there may be gone.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum trail_step {
    TRAIL_EXPORTER_SLOT,
    TRAIL_EXPORTER,
    TRAIL_DOMAIN_SLOT,
    TRAIL_DOMAIN,
    TRAIL_SAMPLING,
    TRAIL_TEMPLATE_SLOTS,
    TRAIL_TEMPLATE,
    TRAIL_TEMPLATE_LIFE,
    TRAIL_PLAN,
    TRAIL_STEPS,
};

struct trail {
    uintptr_t at[TRAIL_STEPS]; // 0: not asked for
};

struct decoder;
struct domain;
struct domain_store;
struct exporter;
struct exporter_table;
struct template;

// A datagram of that exporter (NULL: not known for want of memory), and data with that template.
void trail_begin(struct trail *trail, const struct exporter_table *exporters,
                 const struct exporter *exporter);
void trail_go_on(struct trail *trail, const struct domain_store *store, const struct domain *domain,
                 const struct template *template);

// Of the last datagram that was decoded as far as to its exporter.
const struct trail *decoder_trail(const struct decoder *decoder);

// Asks for all of it; does not wait.
void trail_fetch(const struct trail *trail);
