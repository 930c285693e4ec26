#include "collector/decode/domain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS        16384 // of sessions, and of groups
#define TEMPLATES_INIT 8     // slots of a domain's first template table

// The domains of one address, version and id, whatever their ports.
struct group {
    struct group *next; // in its bucket
    uint64_t hash;
    struct domain_key key; // port 0
    struct domain *members;
    unsigned count;
};

struct domain {
    struct domain *next; // in its bucket
    uint64_t hash;
    struct domain_key key;
    struct group *group;
    struct domain *next_member;
    struct domain *newer; // in its list of recency
    struct domain *older;
    bool proven; // had data decoded
    struct sampling_table *sampling;
    uint64_t init_ms;
    struct template **slots; // open addressing by template id; a power of two
    unsigned slot_count;
    unsigned template_count;
};

struct recency {
    struct domain *newest;
    struct domain *oldest;
};

struct domain_store {
    bool shared;
    uint64_t seed;
    struct ledger *ledger;
    unsigned count;
    size_t bytes; // of templates
    struct recency proven;
    struct recency newcomers;
    struct domain *buckets[BUCKETS];
    struct group *group_buckets[BUCKETS];
};

static uint64_t mix(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15;
    return value ^ value >> 32;
}

static uint64_t hash_key(const struct domain_store *store, const struct domain_key *key)
{
    uint64_t words[2];
    memcpy(words, key->source.bytes, sizeof words);
    uint64_t rest = (uint64_t)key->id << 32 | (uint64_t)key->port << 16 |
                    (uint64_t)key->version << 8 | key->source.len;
    return mix(mix(mix(words[0] ^ store->seed) ^ words[1]) ^ rest);
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

static void recency_remove(struct recency *list, struct domain *domain)
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

static void recency_push(struct recency *list, struct domain *domain)
{
    domain->older = list->newest;
    domain->newer = NULL;
    if (list->newest != NULL)
        list->newest->newer = domain;
    else
        list->oldest = domain;
    list->newest = domain;
}

static struct recency *recency_of(struct domain_store *store, const struct domain *domain)
{
    return domain->proven ? &store->proven : &store->newcomers;
}

void domain_touch(struct domain_store *store, struct domain *domain)
{
    if (domain->proven && store->proven.newest == domain)
        return;
    recency_remove(recency_of(store, domain), domain);
    domain->proven = true;
    recency_push(&store->proven, domain);
}

static void drop_template(struct domain_store *store, struct template *template)
{
    if (template == NULL)
        return;
    store->bytes -= template_bytes(template);
    template_free(template);
}

static void leave_group(struct domain_store *store, struct domain *domain)
{
    struct group *group = domain->group;
    struct domain **at = &group->members;
    while (*at != domain)
        at = &(*at)->next_member;
    *at = domain->next_member;
    if (--group->count != 0)
        return;
    struct group **link = &store->group_buckets[group->hash % BUCKETS];
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    free(group);
}

static void remove_domain(struct domain_store *store, struct domain *domain)
{
    struct domain **link = &store->buckets[domain->hash % BUCKETS];
    while (*link != domain)
        link = &(*link)->next;
    *link = domain->next;
    recency_remove(recency_of(store, domain), domain);
    leave_group(store, domain);
    for (unsigned i = 0; i < domain->slot_count; i++)
        drop_template(store, domain->slots[i]);
    free(domain->slots);
    free(domain->sampling);
    free(domain);
    store->count--;
}

void domain_store_free(struct domain_store *store)
{
    if (store == NULL)
        return;
    while (store->newcomers.oldest != NULL)
        remove_domain(store, store->newcomers.oldest);
    while (store->proven.oldest != NULL)
        remove_domain(store, store->proven.oldest);
    free(store);
}

// Gives domains up, never `keep`, until the store is within its bounds.
static void make_room(struct domain_store *store, const struct domain *keep)
{
    while (store->count > DOMAIN_COUNT_MAX || store->bytes > DOMAIN_BYTES_MAX) {
        struct domain *victim = store->newcomers.oldest;
        if (victim == keep && victim != NULL)
            victim = victim->newer;
        if (victim == NULL)
            victim = store->proven.oldest;
        if (victim == NULL || victim == keep)
            return;
        ledger_count(store->ledger, REASON_TEMPLATE_EVICTED, victim->template_count);
        remove_domain(store, victim);
    }
}

struct domain *domain_find(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = session_key(store, key);
    uint64_t hash = hash_key(store, &own);
    struct domain *domain = store->buckets[hash % BUCKETS];
    while (domain != NULL && (domain->hash != hash || !same_key(&domain->key, &own)))
        domain = domain->next;
    return domain;
}

static struct group *find_group(struct domain_store *store, const struct domain_key *key)
{
    struct domain_key own = group_key(key);
    uint64_t hash = hash_key(store, &own);
    struct group *group = store->group_buckets[hash % BUCKETS];
    while (group != NULL && (group->hash != hash || !same_key(&group->key, &own)))
        group = group->next;
    return group;
}

static struct group *make_group(struct domain_store *store, const struct domain_key *key)
{
    struct group *group = find_group(store, key);
    if (group != NULL)
        return group;
    group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->key = group_key(key);
    group->hash = hash_key(store, &group->key);
    group->next = store->group_buckets[group->hash % BUCKETS];
    store->group_buckets[group->hash % BUCKETS] = group;
    return group;
}

// The member that came first: new ones are put at the front.
static struct domain *first_member(const struct group *group)
{
    struct domain *member = group->members;
    while (member->next_member != NULL)
        member = member->next_member;
    return member;
}

struct domain *domain_make(struct domain_store *store, const struct domain_key *key)
{
    struct domain *domain = domain_find(store, key);
    if (domain != NULL)
        return domain;
    struct group *group = make_group(store, key);
    domain = calloc(1, sizeof *domain);
    if (domain == NULL || group == NULL) {
        free(domain);
        return NULL;
    }
    domain->key = session_key(store, key);
    domain->hash = hash_key(store, &domain->key);
    domain->next = store->buckets[domain->hash % BUCKETS];
    store->buckets[domain->hash % BUCKETS] = domain;
    domain->group = group;
    domain->next_member = group->members;
    group->members = domain;
    group->count++;
    recency_push(&store->newcomers, domain);
    store->count++;
    if (group->count > DOMAIN_PORTS_MAX)
        remove_domain(store, first_member(group));
    make_room(store, domain);
    return domain;
}

static unsigned slot_of(const struct domain *domain, uint16_t id)
{
    unsigned slot = id & (domain->slot_count - 1);
    while (domain->slots[slot] != NULL && domain->slots[slot]->id != id)
        slot = (slot + 1) & (domain->slot_count - 1);
    return slot;
}

const struct template *domain_own_template(const struct domain *domain, uint16_t id)
{
    return domain->slot_count == 0 ? NULL : domain->slots[slot_of(domain, id)];
}

enum domain_answer domain_template(struct domain_store *store, const struct domain_key *key,
                                   struct domain *domain, uint16_t id, const struct template **out)
{
    *out = domain == NULL ? NULL : domain_own_template(domain, id);
    if (*out != NULL)
        return DOMAIN_FOUND;
    struct group *group = find_group(store, key);
    for (const struct domain *d = group == NULL ? NULL : group->members; d != NULL;
         d = d->next_member) {
        const struct template *other = domain_own_template(d, id);
        if (other != NULL && *out != NULL && !template_same_layout(*out, other))
            return DOMAIN_AMBIGUOUS;
        if (other != NULL)
            *out = other;
    }
    return *out == NULL ? DOMAIN_MISSING : DOMAIN_FOUND;
}

static bool grow(struct domain *domain)
{
    unsigned old_count = domain->slot_count;
    struct template **old = domain->slots;
    unsigned count = old_count == 0 ? TEMPLATES_INIT : 2 * old_count;
    struct template **slots = calloc(count, sizeof(struct template *));
    if (slots == NULL)
        return false;
    domain->slots = slots;
    domain->slot_count = count;
    for (unsigned i = 0; i < old_count; i++)
        if (old[i] != NULL)
            slots[slot_of(domain, old[i]->id)] = old[i];
    free(old);
    return true;
}

int domain_put(struct domain_store *store, struct domain *domain, struct template *template)
{
    // Half the slots stay free, so that probes are short.
    bool full = 2 * domain->template_count >= domain->slot_count;
    bool known = domain_own_template(domain, template->id) != NULL;
    if (!known && (domain->template_count == DOMAIN_TEMPLATES_MAX || (full && !grow(domain)))) {
        template_free(template);
        return -1;
    }
    unsigned slot = slot_of(domain, template->id);
    drop_template(store, domain->slots[slot]);
    domain->slots[slot] = template;
    domain->template_count += known ? 0 : 1;
    store->bytes += template_bytes(template);
    make_room(store, domain);
    return 0;
}

// Empties the slot and puts the templates behind it back where their probes now begin.
static void empty_slot(struct domain_store *store, struct domain *domain, unsigned slot)
{
    drop_template(store, domain->slots[slot]);
    domain->slots[slot] = NULL;
    domain->template_count--;
    for (unsigned i = (slot + 1) & (domain->slot_count - 1); domain->slots[i] != NULL;
         i = (i + 1) & (domain->slot_count - 1)) {
        struct template *moved = domain->slots[i];
        domain->slots[i] = NULL;
        domain->slots[slot_of(domain, moved->id)] = moved;
    }
}

void domain_withdraw(struct domain_store *store, struct domain *domain, uint16_t id)
{
    if (domain_own_template(domain, id) != NULL)
        empty_slot(store, domain, slot_of(domain, id));
}

void domain_withdraw_all(struct domain_store *store, struct domain *domain, bool options)
{
    for (unsigned i = 0; i < domain->slot_count;) {
        if (domain->slots[i] != NULL && domain->slots[i]->options == options)
            empty_slot(store, domain, i); // another one may have moved here
        else
            i++;
    }
}

const struct sampling_table *domain_sampling(struct domain_store *store,
                                             const struct domain_key *key, struct domain *domain)
{
    if (domain != NULL && domain->sampling != NULL)
        return domain->sampling;
    const struct sampling_table *found = NULL;
    struct group *group = find_group(store, key);
    for (const struct domain *d = group == NULL ? NULL : group->members; d != NULL;
         d = d->next_member) {
        if (d->sampling == NULL)
            continue;
        if (found != NULL && memcmp(found, d->sampling, sizeof *found) != 0)
            return NULL;
        found = d->sampling;
    }
    return found;
}

struct sampling_table *domain_own_sampling(struct domain *domain)
{
    if (domain->sampling == NULL)
        domain->sampling = calloc(1, sizeof *domain->sampling);
    return domain->sampling;
}

uint64_t domain_init_ms(const struct domain *domain)
{
    return domain == NULL ? 0 : domain->init_ms;
}

void domain_set_init_ms(struct domain *domain, uint64_t init_ms)
{
    domain->init_ms = init_ms;
}
