// What a store of domains is made of; for domain.c and domain_keep.c only.
#pragma once

#include "collector/decode/domain.h"
#include "collector/decode/domain_keep.h"

#define DOMAIN_BUCKETS 16384 // of sessions, and of groups

// How much a domain has shown that it is an exporter's; who has shown least is given up first.
enum domain_standing {
    DOMAIN_NEWCOMER,
    DOMAIN_PROVEN,      // had data decoded
    DOMAIN_ESTABLISHED, // had data decoded DOMAIN_TENURE_NS after it was first heard of
    DOMAIN_STANDING_COUNT,
};

// The domains of one address, version and id, whatever their ports.
struct domain_group {
    struct domain_group *next; // in its bucket
    uint64_t hash;
    struct domain_key key; // port 0
    struct domain *members;
    unsigned count;
};

struct domain {
    struct domain *next; // in its bucket
    uint64_t hash;
    struct domain_key key;
    struct domain_group *group;
    struct domain *next_member;
    struct domain *newer; // in its list of recency
    struct domain *older;
    enum domain_standing standing;
    uint64_t made_ns;
    uint64_t used_ns;
    struct sampling_table *sampling;
    uint64_t init_ms;
    struct template_table templates;
};

struct domain_recency {
    struct domain *newest;
    struct domain *oldest;
};

struct domain_store {
    bool shared;
    uint64_t seed;
    struct ledger *ledger;
    uint64_t now_ns;
    uint64_t changes; // of templates, sampling rates and start times
    struct domain_expiry expiry;
    uint64_t swept_ns; // when templates that are too old were looked for last
    unsigned count;
    size_t bytes; // of all that is allocated but the store itself
    struct domain_recency recency[DOMAIN_STANDING_COUNT];
    struct domain *buckets[DOMAIN_BUCKETS];
    struct domain_group *group_buckets[DOMAIN_BUCKETS];
};
