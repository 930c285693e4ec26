#include "collector/decode/domain_keep.h"

#include "collector/decode/domain_sampling.h"
#include "collector/decode/domain_state.h"

uint64_t domain_changes(const struct domain_store *store)
{
    return store->changes;
}

void domain_note_change(struct domain_store *store)
{
    store->changes++;
}

static bool visit_one(const struct domain *domain, domain_terms_visit *visit, void *user)
{
    const struct sampling_table *sampling = domain->sampling;
    bool lends = domain->proven && template_table_count(&domain->templates) != 0;
    struct domain_terms terms = {.init_ms = domain->init_ms, .proven = lends};
    if (sampling != NULL) {
        terms.rate = sampling->last;
        terms.count = sampling->count;
        terms.rows = sampling->row;
    }
    if (terms.init_ms == 0 && terms.rate == 0 && !terms.proven)
        return true;
    return visit(user, &domain->key, &terms);
}

void domain_visit_terms(const struct domain_store *store, domain_terms_visit *visit, void *user)
{
    for (const struct domain *d = domain_next(store, NULL); d != NULL; d = domain_next(store, d))
        if (!visit_one(d, visit, user))
            return;
}

void domain_doubt(struct domain_store *store)
{
    for (struct domain *d = domain_next(store, NULL); d != NULL; d = domain_next(store, d))
        d->proven = false;
}

void domain_restore(struct domain_store *store, const struct domain_key *key,
                    const struct domain_terms *terms)
{
    struct domain *domain = domain_make(store, key);
    if (domain == NULL)
        return;
    domain_set_init_ms(store, domain, terms->init_ms);
    domain->proven |= terms->proven;
    struct sampling_table *table = terms->count == 0
                                       ? NULL
                                       : domain_own_sampling(store, domain, terms->count);
    if (table == NULL)
        return;
    sampling_clear(table);
    for (unsigned i = 0; i < terms->count; i++)
        (void)domain_put_sampling(store, table, &terms->rows[i]);
    if (terms->rate != 0)
        table->last = terms->rate;
}

void domain_expire(struct domain_store *store, const struct domain_expiry *expiry)
{
    store->expiry = *expiry;
}

static void sweep(struct domain_store *store, struct domain *domain, uint64_t before_ns)
{
    store->bytes -= domain->templates.bytes;
    unsigned removed = template_table_expire(&domain->templates, before_ns,
                                             store->expiry.use_counts);
    store->bytes += domain->templates.bytes;
    store->changes += removed;
    ledger_count(store->ledger, REASON_TEMPLATE_EXPIRED, removed);
}

void domain_sweep(struct domain_store *store)
{
    const struct domain_expiry *expiry = &store->expiry;
    if (expiry->ttl_ns == 0 || expiry->sweep_ns == 0 || store->now_ns < expiry->ttl_ns)
        return;
    // A clock that was set back must not put the next look off.
    if (store->now_ns >= store->swept_ns && store->now_ns - store->swept_ns < expiry->sweep_ns)
        return;
    store->swept_ns = store->now_ns;
    for (struct domain *d = domain_next(store, NULL); d != NULL; d = domain_next(store, d))
        sweep(store, d, store->now_ns - expiry->ttl_ns);
}
