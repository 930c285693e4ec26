#include "common/enrich/reload_metrics.h"

#include <stdio.h>

static void put_tally(struct metrics *m, const struct reload_tally *tally, const char *what,
                      bool failed)
{
    if (tally != NULL)
        metrics_add(m, (double)atomic_load(failed ? &tally->failed : &tally->done), "what", what);
}

static void put_reloads(struct metrics *m, const struct reload_books *books,
                        const struct reload_state *state, bool failed)
{
    if (books->reload != NULL)
        metrics_add(m, (double)(failed ? state->failed : state->built), "what", "enrichment");
    put_tally(m, books->mapping, "mapping", failed);
    put_tally(m, books->allow, "allow", failed);
}

static void put_database(struct metrics *m, const char *name, double value, bool there)
{
    if (there)
        metrics_add(m, value, "database", name);
}

static void put_facts(struct metrics *m, const struct snapshot_facts *facts)
{
    char revision[17];
    metrics_family(m, "goflow2plus_context_networks", METRICS_GAUGE,
                   "Networks of the context file.");
    metrics_add(m, (double)facts->networks);
    metrics_family(m, "goflow2plus_context_info", METRICS_GAUGE,
                   "Always 1; the revision is the same where the context file is.");
    snprintf(revision, sizeof revision, "%016llx", (unsigned long long)facts->context_revision);
    if (facts->context_revision != 0)
        metrics_add(m, 1, "revision", revision);
    metrics_family(m, "goflow2plus_database_prefixes", METRICS_GAUGE, "Prefixes of a database.");
    put_database(m, "asn", (double)facts->asn_prefixes, facts->asn_built != 0);
    put_database(m, "country", (double)facts->country_prefixes, facts->country_built != 0);
    metrics_family(m, "goflow2plus_database_build_timestamp_seconds", METRICS_GAUGE,
                   "Unix time when a database was made.");
    put_database(m, "asn", (double)facts->asn_built, facts->asn_built != 0);
    put_database(m, "country", (double)facts->country_built, facts->country_built != 0);
    metrics_family(m, "goflow2plus_snapshot_bytes", METRICS_GAUGE,
                   "Memory of context and databases.");
    metrics_add(m, (double)facts->bytes);
}

void reload_put_metrics(struct metrics *m, const struct reload_books *books)
{
    struct reload_state state = {.facts = books->facts};
    if (books->reload != NULL)
        reload_state(books->reload, &state);
    metrics_family(m, "goflow2plus_reloads_total", METRICS_COUNTER,
                   "Times that it was read again.");
    put_reloads(m, books, &state, false);
    metrics_family(m, "goflow2plus_reloads_failed_total", METRICS_COUNTER,
                   "Times that it was broken and what was read before stayed.");
    put_reloads(m, books, &state, true);
    if (books->reload != NULL)
        put_facts(m, &state.facts);
}
