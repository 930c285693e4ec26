// What a store of domains is made of; for domain*.c and trail.c only.
#pragma once

#include "collector/decode/domain.h"
#include "collector/decode/domain_keep.h"
#include "collector/decode/sampling_table.h"
#include "collector/decode/table.h"

#define DOMAIN_ALLOCATION 24 // what an allocation costs besides its own size, at most

// The domains of one address, version and id, whatever their ports; or those with sampling tables
// of one address, version and port, whatever their ids.
struct domain_group {
    struct table_entry entry;
    struct domain_key key; // port 0, or id 0
    struct domain *members;
    unsigned count;
};

// TABLE_PROVEN are those that had data decoded, TABLE_ESTABLISHED those that had so
// DOMAIN_TENURE_NS after they were first heard of.
struct domain {
    struct table_entry entry;
    struct domain_key key;
    struct domain_group *group;
    struct domain *next_member;
    uint64_t made_ns;
    uint64_t used_ns;
    bool proven;                     // it sent data that could be decoded
    struct sampling_table *sampling; // NULL: options said nothing
    bool samples;                    // it announced options of sampling
    struct domain_group *session;    // with a table only
    struct domain *next_sampled;     // of the session
    struct domain *previous_sampled;
    uint64_t init_ms;
    struct template_table templates;
};

struct domain_store {
    bool shared;
    uint64_t seed;
    struct ledger *ledger;
    uint64_t now_ns;
    uint64_t changes; // of templates, sampling rates and start times
    struct domain_expiry expiry;
    uint64_t swept_ns; // when templates that are too old were looked for last
    size_t bytes;      // of domains and groups with all they hold
    struct table domains;
    struct table groups; // each as long as it has members: no order of theirs is used
    struct table sessions;
    bool whole;      // observation domain 0 of some exporter said when its uptime began, once
    bool interfaces; // options said rates of interfaces, once
    bool foreign;    // options of one domain said rates of another one, once
};

// The first one of the ports that are of the key's address, version and id, the domain among them
// when it is not NULL.
const struct domain *domain_members(const struct domain_store *store, const struct domain_key *key,
                                    const struct domain *domain);

// Domains of the highest rank first, of equals the one used last.
static inline struct domain *domain_next(const struct domain_store *store,
                                         const struct domain *before)
{
    const struct table_entry *next = before == NULL ? NULL : before->entry.older;
    int rank = before == NULL ? TABLE_RANKS : (int)before->entry.rank;
    while (next == NULL && rank-- > 0)
        next = store->domains.ranks[rank].newest;
    return (struct domain *)next;
}
