// The sampling of domains: what is known of it, and which rate holds for a record.
//
// A domain's own options say it; of what they do not say, a sampler table of another domain of the
// same exporter, address and port, when there is only one with the record's selector, and what
// options there said of this domain by name. What another port of the address says is worth less
// than all of that, since anyone who can forge an address can send from another port: it is
// borrowed only from ports that sent data themselves, and while all of these agree.
//
// The thread of the store.
#pragma once

#include "collector/decode/domain.h"
#include "collector/decode/exporter_count.h"
#include "collector/decode/sampling_table.h"

struct sampling_found {
    uint64_t rate;                 // that the exporter says, 0: none
    uint64_t borrowed;             // then, that another port says, 0: none
    enum exporter_sampling source; // of the rate, or why there is none
};

// What was found for records that say nothing, or a selector and nothing else.
#define DOMAIN_SELECTORS_KEPT 4
struct domain_selector {
    bool kept;
    uint64_t selector;
    struct sampling_found found;
};

// What holds for the records of one template; valid as long as the domains are.
struct domain_sampling {
    const struct domain_store *store;
    const struct domain_key *key;
    struct sampling_table *own;      // NULL: it said nothing
    struct sampling_table *borrowed; // NULL: there is nothing to be had
    uint16_t template_id;
    bool samples;      // it announced that it would say something
    bool by_interface; // rates differ by interface: each record is to be looked up
    struct domain_selector plain;
    struct domain_selector kept[DOMAIN_SELECTORS_KEPT];
};

// `domain` is domain_find's answer for the key, which is borrowed.
void domain_sampling_look(struct domain_sampling *out, const struct domain_store *store,
                          const struct domain_key *key, const struct domain *domain,
                          uint16_t template_id);

// The rate for a record with these terms and interfaces.
struct sampling_found domain_sampling_find(const struct domain_sampling *sampling,
                                           const struct sampling_terms *terms, uint32_t in_if,
                                           uint32_t out_if);

// The same, quickly where records say the same as those before.
static inline struct sampling_found domain_sampling_of(struct domain_sampling *sampling,
                                                       const struct sampling_terms *terms,
                                                       uint32_t in_if, uint32_t out_if)
{
    struct domain_selector *kept = !terms->has_selector
                                       ? &sampling->plain
                                       : &sampling->kept[terms->selector % DOMAIN_SELECTORS_KEPT];
    if (sampling->by_interface || terms->has_rate || terms->has_card)
        return domain_sampling_find(sampling, terms, in_if, out_if);
    if (!kept->kept || kept->selector != terms->selector) {
        kept->found = domain_sampling_find(sampling, terms, in_if, out_if);
        kept->selector = terms->selector;
        kept->kept = true;
    }
    return kept->found;
}

// The domain's own table, made when new, with room for so many rows more as far as there may be
// more; NULL without memory.
struct sampling_table *domain_own_sampling(struct domain_store *store, struct domain *domain,
                                           unsigned more);

// Takes a row into it. True when that changed what is known.
bool domain_put_sampling(struct domain_store *store, struct sampling_table *table,
                         const struct sampling_row *row);

// Notes that the domain announced options with sampling elements.
void domain_note_samples(struct domain *domain);

// For domain.c: the domain ends.
void domain_sampling_fini(struct domain_store *store, struct domain *domain);
