#include "collector/decode/domain.h"

#include "collector/decode/domain_state.h"
#include "common/base/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ALLOCATION   24 // what an allocation costs besides its own size, at most
#define DOMAIN_BYTES (sizeof(struct domain) + ALLOCATION)
#define GROUP_BYTES  (sizeof(struct domain_group) + ALLOCATION)

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
    return store;
}

static void recency_remove(struct domain_recency *list, struct domain *domain)
{
    if (domain->newer != NULL)
        domain->newer->older = domain->older;
    else
        list->newest = domain->older;
    if (domain->older != NULL)
        domain->older->newer = domain->newer;
    else
        list->oldest = domain->newer;
    domain->newer = domain->older = NULL;
}

static void recency_push(struct domain_recency *list, struct domain *domain)
{
    domain->older = list->newest;
    domain->newer = NULL;
    if (list->newest != NULL)
        list->newest->newer = domain;
    else
        list->oldest = domain;
    list->newest = domain;
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

void domain_touch(struct domain_store *store, struct domain *domain)
{
    enum domain_standing standing = domain->standing;
    if (standing != DOMAIN_ESTABLISHED)
        standing = is_past(store, domain->made_ns, DOMAIN_TENURE_NS) ? DOMAIN_ESTABLISHED
                                                                     : DOMAIN_PROVEN;
    domain->used_ns = store->now_ns;
    if (standing == domain->standing && store->recency[standing].newest == domain)
        return;
    recency_remove(&store->recency[domain->standing], domain);
    domain->standing = standing;
    recency_push(&store->recency[standing], domain);
}

static void leave_group(struct domain_store *store, struct domain *domain)
{
    struct domain_group *group = domain->group;
    struct domain **at = &group->members;
    while (*at != domain)
        at = &(*at)->next_member;
    *at = domain->next_member;
    if (--group->count != 0)
        return;
    struct domain_group **link = &store->group_buckets[group->hash % DOMAIN_BUCKETS];
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    store->bytes -= GROUP_BYTES;
    free(group);
}

static void remove_domain(struct domain_store *store, struct domain *domain)
{
    struct domain **link = &store->buckets[domain->hash % DOMAIN_BUCKETS];
    while (*link != domain)
        link = &(*link)->next;
    *link = domain->next;
    recency_remove(&store->recency[domain->standing], domain);
    leave_group(store, domain);
    store->changes++;
    store->bytes -= DOMAIN_BYTES + domain->templates.bytes;
    template_table_fini(&domain->templates);
    if (domain->sampling != NULL)
        store->bytes -= sizeof *domain->sampling + ALLOCATION;
    free(domain->sampling);
    free(domain);
    store->count--;
}

static void evict(struct domain_store *store, struct domain *domain)
{
    ledger_count(store->ledger, REASON_TEMPLATE_EVICTED, template_table_count(&domain->templates));
    remove_domain(store, domain);
}

void domain_store_free(struct domain_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < DOMAIN_STANDING_COUNT; i++)
        while (store->recency[i].oldest != NULL)
            remove_domain(store, store->recency[i].oldest);
    free(store);
}

// Who goes first: an established domain that fell silent, else the least recently used of the
// lowest standing. Never `keep`; NULL when there is no other.
static struct domain *victim(const struct domain_store *store, const struct domain *keep)
{
    struct domain *silent = store->recency[DOMAIN_ESTABLISHED].oldest;
    if (silent != NULL && silent != keep && is_past(store, silent->used_ns, DOMAIN_SILENT_NS))
        return silent;
    for (int i = 0; i < DOMAIN_STANDING_COUNT; i++) {
        struct domain *oldest = store->recency[i].oldest;
        if (oldest != NULL && oldest == keep)
            oldest = oldest->newer;
        if (oldest != NULL)
            return oldest;
    }
    return NULL;
}

// Gives domains up, never `keep`, until the store is within its bounds.
static void make_room(struct domain_store *store, const struct domain *keep)
{
    while (store->count > DOMAIN_COUNT_MAX || store->bytes > DOMAIN_BYTES_MAX) {
        struct domain *domain = victim(store, keep);
        if (domain == NULL)
            return;
        evict(store, domain);
    }
}

struct domain *domain_find(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = session_key(store, key);
    uint64_t hash = hash_key(store, &own);
    struct domain *domain = store->buckets[hash % DOMAIN_BUCKETS];
    while (domain != NULL && (domain->hash != hash || !same_key(&domain->key, &own)))
        domain = domain->next;
    return domain;
}

static struct domain_group *find_group(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = group_key(key);
    uint64_t hash = hash_key(store, &own);
    struct domain_group *group = store->group_buckets[hash % DOMAIN_BUCKETS];
    while (group != NULL && (group->hash != hash || !same_key(&group->key, &own)))
        group = group->next;
    return group;
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
    group->hash = hash_key(store, &group->key);
    group->next = store->group_buckets[group->hash % DOMAIN_BUCKETS];
    store->group_buckets[group->hash % DOMAIN_BUCKETS] = group;
    store->bytes += GROUP_BYTES;
    return group;
}

// The member of the lowest standing, of these the one not used for longest: forged ports push each
// other out, not the exporter's own.
static struct domain *weakest_member(const struct domain_group *group, const struct domain *keep)
{
    struct domain *weakest = NULL;
    for (struct domain *d = group->members; d != NULL; d = d->next_member) {
        if (d == keep)
            continue;
        // New members are put at the front: of equals the last one seen came first.
        if (weakest == NULL || d->standing < weakest->standing ||
            (d->standing == weakest->standing && d->used_ns <= weakest->used_ns))
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

struct domain *domain_make(struct domain_store *store, const struct domain_key *key)
{
    struct domain *domain = domain_find(store, key);
    if (domain != NULL)
        return domain;
    struct domain_group *group = make_group(store, key);
    domain = group == NULL ? NULL : calloc(1, sizeof *domain);
    if (domain == NULL)
        return NULL;
    domain->key = session_key(store, key);
    domain->hash = hash_key(store, &domain->key);
    domain->next = store->buckets[domain->hash % DOMAIN_BUCKETS];
    store->buckets[domain->hash % DOMAIN_BUCKETS] = domain;
    domain->made_ns = domain->used_ns = store->now_ns;
    template_table_init(&domain->templates, store->seed);
    join_group(group, domain);
    recency_push(&store->recency[DOMAIN_NEWCOMER], domain);
    store->count++;
    store->bytes += DOMAIN_BYTES;
    if (group->count > DOMAIN_PORTS_MAX)
        evict(store, weakest_member(group, domain));
    make_room(store, domain);
    return domain;
}

const struct template *domain_own_template(const struct domain *domain, uint16_t id)
{
    return template_table_find(&domain->templates, id);
}

enum domain_answer domain_template(struct domain_store *store, const struct domain_key *key,
                                   struct domain *domain, uint16_t id, const struct template **out)
{
    *out = domain == NULL ? NULL : domain_own_template(domain, id);
    if (*out != NULL)
        return DOMAIN_FOUND;
    const struct domain_group *group = domain != NULL ? domain->group : find_group(store, key);
    for (const struct domain *d = group == NULL ? NULL : group->members; d != NULL;
         d = d->next_member) {
        const struct template *other = domain_own_template(d, id);
        if (other != NULL && *out != NULL && (*out)->layout != other->layout)
            return DOMAIN_AMBIGUOUS;
        if (other != NULL)
            *out = other;
    }
    return *out == NULL ? DOMAIN_MISSING : DOMAIN_FOUND;
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
    make_room(store, domain);
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
    for (int standing = 0; standing < DOMAIN_STANDING_COUNT; standing++)
        for (struct domain *d = store->recency[standing].newest; d != NULL; d = d->older)
            map_templates(store, d, mapping);
    make_room(store, NULL);
}

void domain_visit_templates(const struct domain_store *store, domain_visit *visit, void *user)
{
    for (int standing = DOMAIN_STANDING_COUNT - 1; standing >= 0; standing--)
        for (const struct domain *d = store->recency[standing].newest; d != NULL; d = d->older)
            for (unsigned i = 0; i < d->templates.slot_count; i++)
                if (d->templates.slots[i] != NULL && !visit(user, &d->key, d->templates.slots[i]))
                    return;
}

size_t domain_count_templates(struct domain_store *store, const struct domain_key *key)
{
    const struct domain_group *group = find_group(store, key);
    size_t count = 0;
    for (const struct domain *d = group == NULL ? NULL : group->members; d != NULL;
         d = d->next_member)
        count += template_table_count(&d->templates);
    return count;
}

const struct sampling_table *domain_sampling(struct domain_store *store,
                                             const struct domain_key *key, struct domain *domain)
{
    if (domain != NULL && domain->sampling != NULL)
        return domain->sampling;
    const struct sampling_table *found = NULL;
    const struct domain_group *group = domain != NULL ? domain->group : find_group(store, key);
    for (const struct domain *d = group == NULL ? NULL : group->members; d != NULL;
         d = d->next_member) {
        if (d->sampling == NULL)
            continue;
        if (found != NULL && !sampling_agrees(found, d->sampling))
            return NULL;
        found = d->sampling;
    }
    return found;
}

struct sampling_table *domain_own_sampling(struct domain_store *store, struct domain *domain)
{
    if (domain->sampling != NULL)
        return domain->sampling;
    domain->sampling = calloc(1, sizeof *domain->sampling);
    if (domain->sampling == NULL)
        return NULL;
    store->bytes += sizeof *domain->sampling + ALLOCATION; // room is made by the next domain_make
    return domain->sampling;
}

size_t domain_store_bytes(const struct domain_store *store)
{
    return sizeof *store + store->bytes;
}

uint64_t domain_init_ms(const struct domain *domain)
{
    return domain == NULL ? 0 : domain->init_ms;
}

void domain_set_init_ms(struct domain *domain, uint64_t init_ms)
{
    domain->init_ms = init_ms;
}
