#include "collector/decode/domain_sampling.h"

#include "collector/decode/domain_state.h"
#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_INIT     2
#define SESSION_BYTES (sizeof(struct domain_group) + DOMAIN_ALLOCATION)

// Domains of one address and port that are looked through for a selector.
#define SESSION_DOMAINS_MAX 64
#define SESSION_ROWS_MAX    1024 // and rows of them

static struct domain_key session_of(const struct domain_key *key)
{
    struct domain_key session = *key;
    session.id = 0;
    return session;
}

static bool is_session(const struct table_entry *entry, const void *key)
{
    const struct domain_key *a = &((const struct domain_group *)entry)->key;
    const struct domain_key *b = key;
    return a->port == b->port && a->version == b->version && addr_equal(&a->source, &b->source);
}

static uint64_t hash_session(const struct domain_store *store, const struct domain_key *session)
{
    uint64_t words[3];
    memcpy(words, session->source.bytes, sizeof session->source.bytes);
    words[2] = (uint64_t)session->port << 16 | (uint64_t)session->version << 8 |
               session->source.len;
    return siphash_words(store->seed, words, 3);
}

static struct domain_group *find_session(const struct domain_store *store,
                                         const struct domain_key *key)
{
    struct domain_key session = session_of(key);
    if (store->shared)
        session.port = 0;
    return (struct domain_group *)table_find(&store->sessions, hash_session(store, &session),
                                             is_session, &session);
}

// The domain has a table from now on. 0, or -1 without memory.
static int join_session(struct domain_store *store, struct domain *domain)
{
    struct domain_group *session = find_session(store, &domain->key);
    if (session == NULL) {
        session = calloc(1, sizeof *session);
        if (session == NULL)
            return -1;
        session->key = session_of(&domain->key);
        if (table_add(&store->sessions, &session->entry, hash_session(store, &session->key)) != 0) {
            free(session);
            return -1;
        }
        store->bytes += SESSION_BYTES;
    }
    domain->session = session;
    domain->next_sampled = session->members;
    if (session->members != NULL)
        session->members->previous_sampled = domain;
    session->members = domain;
    session->count++;
    return 0;
}

static void leave_session(struct domain_store *store, struct domain *domain)
{
    struct domain_group *session = domain->session;
    if (domain->previous_sampled != NULL)
        domain->previous_sampled->next_sampled = domain->next_sampled;
    else
        session->members = domain->next_sampled;
    if (domain->next_sampled != NULL)
        domain->next_sampled->previous_sampled = domain->previous_sampled;
    if (--session->count != 0)
        return;
    table_remove(&store->sessions, &session->entry);
    store->bytes -= SESSION_BYTES;
    free(session);
}

void domain_sampling_fini(struct domain_store *store, struct domain *domain)
{
    if (domain->sampling == NULL)
        return;
    leave_session(store, domain);
    store->bytes -= sampling_bytes(domain->sampling->room) + DOMAIN_ALLOCATION;
    free(domain->sampling);
}

static struct sampling_table *make_table(struct domain_store *store, struct domain *domain,
                                         unsigned room)
{
    struct sampling_table *table = calloc(1, sampling_bytes(room));
    if (table == NULL || join_session(store, domain) != 0) {
        free(table);
        return NULL;
    }
    store->bytes += sampling_bytes(room) + DOMAIN_ALLOCATION;
    return table;
}

struct sampling_table *domain_own_sampling(struct domain_store *store, struct domain *domain,
                                           unsigned more)
{
    struct sampling_table *table = domain->sampling;
    unsigned count = more + (table == NULL ? 0 : table->count);
    unsigned room = table == NULL ? ROOM_INIT : table->room;
    while (room < count && room < SAMPLING_ROWS_MAX)
        room *= 2;
    if (table == NULL) {
        table = make_table(store, domain, room);
    } else if (room != table->room) {
        size_t before = sampling_bytes(table->room);
        table = realloc(table, sampling_bytes(room));
        store->bytes += table == NULL ? 0 : sampling_bytes(room) - before;
    }
    if (table == NULL) // what there was stays
        return NULL;
    table->room = (uint16_t)room;
    domain->sampling = table; // more than the bounds allow is taken back by the next domain_make
    return table;
}

bool domain_put_sampling(struct domain_store *store, struct sampling_table *table,
                         const struct sampling_row *row)
{
    store->foreign |= (row->names & SAMPLING_DOMAIN) != 0;
    store->interfaces |= (row->names & SAMPLING_INTERFACES) != 0;
    return sampling_put(table, row);
}

void domain_note_samples(struct domain *domain)
{
    domain->samples = true;
}

// The table of the ports of the address that sent data, while all of these that have one agree.
static struct sampling_table *find_borrowed(const struct domain_store *store,
                                            const struct domain_key *key,
                                            const struct domain *domain)
{
    struct sampling_table *found = NULL;
    for (const struct domain *d = domain_members(store, key, domain); d != NULL;
         d = d->next_member) {
        if (d->sampling == NULL || d == domain || !d->proven)
            continue;
        if (found != NULL && !sampling_agrees(found, d->sampling))
            return NULL;
        found = d->sampling;
    }
    return found;
}

// The domains of the address and port that may be looked through; NULL: none, or too much.
static const struct domain *session_members(const struct domain_store *store,
                                            const struct domain_key *key)
{
    const struct domain_group *session = find_session(store, key);
    unsigned rows = 0;
    if (session == NULL || session->count > SESSION_DOMAINS_MAX)
        return NULL;
    for (const struct domain *d = session->members; d != NULL; d = d->next_sampled)
        rows += d->sampling->count;
    return rows > SESSION_ROWS_MAX ? NULL : session->members;
}

// Whether a neighbour's table has rates of interfaces.
static bool session_by_interface(const struct domain_store *store, const struct domain_key *key)
{
    if (!store->interfaces)
        return false;
    for (const struct domain *d = session_members(store, key); d != NULL; d = d->next_sampled)
        if (sampling_has(d->sampling, SAMPLING_INTERFACES))
            return true;
    return false;
}

void domain_sampling_look(struct domain_sampling *out, const struct domain_store *store,
                          const struct domain_key *key, const struct domain *domain,
                          uint16_t template_id)
{
    // Not initialised whole: this is done for each set.
    out->store = store;
    out->key = key;
    out->own = out->borrowed = NULL;
    out->template_id = template_id;
    out->samples = false;
    out->plain.kept = false;
    out->plain.selector = 0;
    for (int i = 0; i < DOMAIN_SELECTORS_KEPT; i++)
        out->kept[i].kept = false;
    if (domain != NULL) {
        out->own = domain->sampling;
        out->samples = domain->samples || domain->sampling != NULL;
    }
    if (out->own == NULL || out->own->last == 0)
        out->borrowed = find_borrowed(store, key, domain);
    out->by_interface = (out->own != NULL && sampling_has(out->own, SAMPLING_INTERFACES)) ||
                        (out->borrowed != NULL &&
                         sampling_has(out->borrowed, SAMPLING_INTERFACES)) ||
                        session_by_interface(store, key);
}

// What other domains of the same address and port say; 0 when these differ.
static uint64_t find_elsewhere(const struct domain_sampling *sampling,
                               const struct sampling_terms *terms,
                               const struct sampling_place *place)
{
    struct sampling_place foreign = *place;
    bool selected = terms->has_selector && terms->selector != 0;
    uint64_t found = 0;
    if (sampling->store->sessions.count == 0 || (!selected && !sampling->store->foreign))
        return 0;
    foreign.foreign = SAMPLING_DOMAIN;
    foreign.domain = sampling->key->id;
    const struct domain *d = session_members(sampling->store, sampling->key);
    for (; d != NULL; d = d->next_sampled) {
        if (d->key.id == sampling->key->id)
            continue;
        uint64_t rate = sampling_find(d->sampling, terms, &foreign);
        if (rate == 0 && selected && sampling_has_selectors(d->sampling, 0))
            rate = sampling_find(d->sampling, terms, place);
        if (rate != 0 && found != 0 && rate != found)
            return 0;
        found = rate == 0 ? found : rate;
    }
    return found;
}

static enum exporter_sampling why_none(const struct domain_sampling *sampling,
                                       const struct sampling_terms *terms)
{
    bool selected = terms->has_selector && terms->selector != 0;
    if (selected || sampling->samples || sampling->borrowed != NULL)
        return EXPORTER_SAMPLING_UNKNOWN;
    return terms->has_rate ? EXPORTER_SAMPLING_UNSAMPLED : EXPORTER_SAMPLING_SILENT;
}

struct sampling_found domain_sampling_find(const struct domain_sampling *sampling,
                                           const struct sampling_terms *terms, uint32_t in_if,
                                           uint32_t out_if)
{
    const struct sampling_place place = {
        .in_if = in_if, .out_if = out_if, .template_id = sampling->template_id};
    const struct sampling_place here = {.in_if = sampling->by_interface ? in_if : 0,
                                        .out_if = sampling->by_interface ? out_if : 0,
                                        .template_id = sampling->template_id};
    struct sampling_table *own = sampling->own;
    struct sampling_found found = {.rate = sampling_rate(terms),
                                   .source = EXPORTER_SAMPLING_RECORD};
    if (found.rate != 0)
        return found;
    found.source = EXPORTER_SAMPLING_OPTIONS;
    found.rate = own == NULL ? 0 : sampling_find(own, terms, &here);
    if (found.rate != 0)
        return found;
    found.source = EXPORTER_SAMPLING_DOMAIN;
    if (own == NULL || !sampling_has_selectors(own, 0))
        found.rate = find_elsewhere(sampling, terms, &place);
    if (found.rate != 0)
        return found;
    found.source = why_none(sampling, terms);
    if (sampling->borrowed != NULL)
        found.borrowed = sampling_find(sampling->borrowed, terms, &here);
    return found;
}
