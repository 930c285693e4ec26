#include "collector/decode/domain.h"

#include "collector/decode/domain_sampling.h"
#include "collector/decode/domain_state.h"
#include "common/base/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DOMAIN_BYTES (sizeof(struct domain) + DOMAIN_ALLOCATION)
#define GROUP_BYTES  (sizeof(struct domain_group) + DOMAIN_ALLOCATION)

static uint64_t hash_key(const struct domain_store *store, const struct domain_key *key)
{
    uint64_t words[3];
    memcpy(words, key->source.bytes, sizeof key->source.bytes);
    words[2] = (uint64_t)key->id << 32 | (uint64_t)key->port << 16 | (uint64_t)key->version << 8 |
               key->source.len;
    return siphash_words(store->seed, words, 3);
}

static bool same_key(const struct domain_key *a, const struct domain_key *b)
{
    return a->id == b->id && a->port == b->port && a->version == b->version &&
           addr_equal(&a->source, &b->source);
}

static struct domain_key session_key(const struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = *key;
    if (store->shared)
        own.port = 0;
    return own;
}

static struct domain_key group_key(const struct domain_key *key)
{
    struct domain_key own = *key;
    own.port = 0;
    return own;
}

struct domain_store *domain_store_new(bool shared, uint64_t seed, struct ledger *ledger)
{
    struct domain_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->shared = shared;
    store->seed = seed;
    store->ledger = ledger;
    if (table_init(&store->domains) == 0 && table_init(&store->groups) == 0 &&
        table_init(&store->sessions) == 0)
        return store;
    domain_store_free(store);
    return NULL;
}

void domain_clock(struct domain_store *store, uint64_t now_ns)
{
    store->now_ns = now_ns;
    domain_sweep(store);
}

// Whether that moment is at least so long ago; a clock that was set back makes nothing old.
static bool is_past(const struct domain_store *store, uint64_t then_ns, uint64_t age_ns)
{
    return store->now_ns >= then_ns && store->now_ns - then_ns >= age_ns;
}

bool domain_touch(struct domain_store *store, struct domain *domain)
{
    bool tenured = is_past(store, domain->made_ns, DOMAIN_TENURE_NS);
    bool proven = domain->proven;
    domain->used_ns = store->now_ns;
    table_use(&store->domains, &domain->entry, tenured ? TABLE_ESTABLISHED : TABLE_PROVEN);
    domain->proven = true;
    store->changes += !proven;
    return !proven;
}

static void drop_group(struct domain_store *store, struct domain_group *group)
{
    table_remove(&store->groups, &group->entry);
    store->bytes -= GROUP_BYTES;
    free(group);
}

static void leave_group(struct domain_store *store, struct domain *domain)
{
    struct domain_group *group = domain->group;
    struct domain **at = &group->members;
    while (*at != domain)
        at = &(*at)->next_member;
    *at = domain->next_member;
    if (--group->count == 0)
        drop_group(store, group);
}

static void remove_domain(struct domain_store *store, struct domain *domain)
{
    table_remove(&store->domains, &domain->entry);
    leave_group(store, domain);
    store->changes++;
    store->bytes -= DOMAIN_BYTES + domain->templates.bytes;
    template_table_fini(&domain->templates);
    domain_sampling_fini(store, domain);
    free(domain);
}

static void evict(struct domain_store *store, struct domain *domain)
{
    ledger_count(store->ledger, REASON_TEMPLATE_EVICTED, template_table_count(&domain->templates));
    remove_domain(store, domain);
}

void domain_store_free(struct domain_store *store)
{
    struct table_entry *entry;
    if (store == NULL)
        return;
    while ((entry = table_victim(&store->domains, NULL)) != NULL)
        remove_domain(store, (struct domain *)entry);
    table_fini(&store->domains);
    table_fini(&store->groups);
    table_fini(&store->sessions);
    free(store);
}

// Who goes first: an established domain that fell silent, else the least recently used of the
// lowest rank. Never `keep`; NULL when there is no other.
static struct domain *victim(const struct domain_store *store, const struct domain *keep)
{
    struct domain *silent = (struct domain *)store->domains.ranks[TABLE_ESTABLISHED].oldest;
    if (silent != NULL && silent != keep && is_past(store, silent->used_ns, DOMAIN_SILENT_NS))
        return silent;
    return (struct domain *)table_victim(&store->domains, keep == NULL ? NULL : &keep->entry);
}

// Gives domains up, never `keep`, until the store is within its bounds and has room for `more`.
static void make_room(struct domain_store *store, const struct domain *keep, size_t more)
{
    while (store->domains.count + more > DOMAIN_COUNT_MAX || store->bytes > DOMAIN_BYTES_MAX) {
        struct domain *domain = victim(store, keep);
        if (domain == NULL)
            return;
        evict(store, domain);
    }
}

static bool is_domain(const struct table_entry *entry, const void *key)
{
    return same_key(&((const struct domain *)entry)->key, key);
}

static bool is_group(const struct table_entry *entry, const void *key)
{
    return same_key(&((const struct domain_group *)entry)->key, key);
}

static struct domain *find(const struct domain_store *store, const struct domain_key *key,
                           uint64_t hash)
{
    return (struct domain *)table_find(&store->domains, hash, is_domain, key);
}

struct domain *domain_find(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = session_key(store, key);
    return find(store, &own, hash_key(store, &own));
}

static struct domain_group *find_group(const struct domain_store *store,
                                       const struct domain_key *key)
{
    struct domain_key own = group_key(key);
    return (struct domain_group *)table_find(&store->groups, hash_key(store, &own), is_group, &own);
}

static struct domain_group *make_group(struct domain_store *store, const struct domain_key *key)
{
    struct domain_group *group = find_group(store, key);
    if (group != NULL)
        return group;
    group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->key = group_key(key);
    if (table_add(&store->groups, &group->entry, hash_key(store, &group->key)) != 0) {
        free(group);
        return NULL;
    }
    store->bytes += GROUP_BYTES;
    return group;
}

// The member of the lowest rank, of these the one not used for longest: forged ports push each
// other out, not the exporter's own.
static struct domain *weakest_member(const struct domain_group *group, const struct domain *keep)
{
    struct domain *weakest = NULL;
    for (struct domain *d = group->members; d != NULL; d = d->next_member) {
        if (d == keep)
            continue;
        // New members are put at the front: of equals the last one seen came first.
        if (weakest == NULL || d->entry.rank < weakest->entry.rank ||
            (d->entry.rank == weakest->entry.rank && d->used_ns <= weakest->used_ns))
            weakest = d;
    }
    return weakest;
}

static void join_group(struct domain_group *group, struct domain *domain)
{
    domain->group = group;
    domain->next_member = group->members;
    group->members = domain;
    group->count++;
}

// Without a group it is not in the store; NULL without memory.
static struct domain *new_domain(struct domain_store *store, const struct domain_key *key,
                                 uint64_t hash)
{
    struct domain *domain = calloc(1, sizeof *domain);
    if (domain == NULL || table_add(&store->domains, &domain->entry, hash) != 0) {
        free(domain);
        return NULL;
    }
    domain->key = *key;
    domain->made_ns = domain->used_ns = store->now_ns;
    template_table_init(&domain->templates, store->seed);
    store->bytes += DOMAIN_BYTES;
    return domain;
}

struct domain *domain_make(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = session_key(store, key);
    uint64_t hash = hash_key(store, &own);
    struct domain *domain = find(store, &own, hash);
    if (domain != NULL) {
        make_room(store, domain, 0); // its tables may have grown
        return domain;
    }
    make_room(store, NULL, 1);
    struct domain_group *group = make_group(store, key);
    if (group == NULL)
        return NULL;
    domain = new_domain(store, &own, hash);
    if (domain == NULL) {
        if (group->count == 0)
            drop_group(store, group);
        return NULL;
    }
    join_group(group, domain);
    if (group->count > DOMAIN_PORTS_MAX)
        evict(store, weakest_member(group, domain));
    make_room(store, domain, 0);
    return domain;
}

const struct template *domain_own_template(const struct domain *domain, uint16_t id)
{
    return template_table_find(&domain->templates, id);
}

const struct domain *domain_members(const struct domain_store *store, const struct domain_key *key,
                                    const struct domain *domain)
{
    const struct domain_group *group = domain != NULL ? domain->group : find_group(store, key);
    return group == NULL ? NULL : group->members;
}

// Whether a port that sent no data yet announced the template.
static bool is_announced(const struct domain_store *store, const struct domain_key *key,
                         const struct domain *domain, uint16_t id)
{
    for (const struct domain *d = domain_members(store, key, domain); d != NULL; d = d->next_member)
        if (!d->proven && template_table_find(&d->templates, id) != NULL)
            return true;
    return false;
}

enum domain_answer domain_template(struct domain_store *store, const struct domain_key *key,
                                   struct domain *domain, uint16_t id, const struct template **out)
{
    *out = domain == NULL ? NULL : domain_own_template(domain, id);
    if (*out != NULL)
        return DOMAIN_FOUND;
    for (const struct domain *d = domain_members(store, key, domain); d != NULL;
         d = d->next_member) {
        const struct template *other = d->proven ? template_table_find(&d->templates, id) : NULL;
        if (other == NULL)
            continue;
        if (*out != NULL && (*out)->layout != other->layout)
            return DOMAIN_AMBIGUOUS;
        *out = other;
    }
    if (*out != NULL)
        return DOMAIN_FOUND;
    return is_announced(store, key, domain, id) ? DOMAIN_UNPROVEN : DOMAIN_MISSING;
}

int domain_put(struct domain_store *store, struct domain *domain, struct template *template)
{
    store->bytes -= domain->templates.bytes;
    int evicted = template_table_put(&domain->templates, template);
    store->bytes += domain->templates.bytes;
    if (evicted < 0)
        return -1;
    store->changes++;
    ledger_count(store->ledger, REASON_TEMPLATE_EVICTED, (uint64_t)evicted);
    make_room(store, domain, 0);
    return 0;
}

void domain_withdraw(struct domain_store *store, struct domain *domain, uint16_t id)
{
    store->bytes -= domain->templates.bytes;
    template_table_remove(&domain->templates, id);
    store->bytes += domain->templates.bytes;
    store->changes++;
}

void domain_withdraw_all(struct domain_store *store, struct domain *domain, bool options)
{
    store->bytes -= domain->templates.bytes;
    template_table_remove_all(&domain->templates, options);
    store->bytes += domain->templates.bytes;
    store->changes++;
}

static void map_templates(struct domain_store *store, struct domain *domain,
                          const struct mapping *mapping)
{
    enum template_dialect dialect = (enum template_dialect)domain->key.version;
    store->bytes -= domain->templates.bytes;
    unsigned removed = template_table_map(&domain->templates, dialect, mapping);
    store->bytes += domain->templates.bytes;
    ledger_count(store->ledger, REASON_TEMPLATE_EVICTED, removed);
}

void domain_store_map(struct domain_store *store, const struct mapping *mapping)
{
    for (struct domain *d = domain_next(store, NULL); d != NULL; d = domain_next(store, d))
        map_templates(store, d, mapping);
    make_room(store, NULL, 0);
}

static bool visit_domain(const struct domain *d, domain_visit *visit, void *user)
{
    for (unsigned i = 0; i < d->templates.slot_count; i++)
        if (d->templates.slots[i] != NULL && !visit(user, &d->key, d->templates.slots[i]))
            return false;
    return true;
}

void domain_visit_templates(const struct domain_store *store, domain_visit *visit, void *user)
{
    const struct domain *d = domain_next(store, NULL);
    while (d != NULL && visit_domain(d, visit, user))
        d = domain_next(store, d);
}

void domain_visit_group(const struct domain_store *store, const struct domain_key *key,
                        domain_visit *visit, void *user)
{
    const struct domain_group *group = find_group(store, key);
    const struct domain *d = group == NULL ? NULL : group->members;
    while (d != NULL && visit_domain(d, visit, user))
        d = d->next_member;
}

size_t domain_store_bytes(const struct domain_store *store)
{
    return sizeof *store + table_bytes(&store->domains) + table_bytes(&store->groups) +
           table_bytes(&store->sessions) + store->bytes;
}

uint64_t domain_init_ms(const struct domain *domain)
{
    return domain == NULL ? 0 : domain->init_ms;
}

uint64_t domain_find_init_ms(struct domain_store *store, const struct domain_key *key,
                             const struct domain *domain)
{
    uint64_t init_ms = domain_init_ms(domain);
    struct domain_key whole = *key;
    if (init_ms != 0 || !store->whole || key->version != TEMPLATE_IPFIX || key->id == 0)
        return init_ms;
    whole.id = 0;
    return domain_init_ms(domain_find(store, &whole));
}

void domain_set_init_ms(struct domain_store *store, struct domain *domain, uint64_t init_ms)
{
    store->whole |= domain->key.id == 0 && init_ms != 0;
    domain->init_ms = init_ms;
}
