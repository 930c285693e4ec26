#include "collector/decode/exporter.h"

#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

int exporter_table_init(struct exporter_table *table, uint64_t seed, struct hold *hold)
{
    table->seed = seed;
    table->hold = hold;
    return table_init(&table->table);
}

static void remove_exporter(struct exporter_table *table, struct table_entry *entry)
{
    struct exporter *exporter = (struct exporter *)entry;
    hold_drop_exporter(table->hold, exporter);
    exporter_sums_add(&table->gone[exporter->key.type], exporter);
    table_remove(&table->table, entry);
    free(exporter);
}

void exporter_table_fini(struct exporter_table *table)
{
    struct table_entry *entry;
    while ((entry = table_victim(&table->table, NULL)) != NULL)
        remove_exporter(table, entry);
    table_fini(&table->table);
}

static uint64_t hash_key(const struct exporter_table *table, const struct exporter_key *key)
{
    uint64_t words[3];
    memcpy(words, key->source.bytes, sizeof key->source.bytes);
    words[2] = (uint64_t)key->id << 32 | (uint64_t)key->type << 8 | key->source.len;
    return siphash_words(table->seed, words, 3);
}

static bool has_key(const struct table_entry *entry, const void *key)
{
    const struct exporter_key *a = &((const struct exporter *)entry)->key;
    const struct exporter_key *b = key;
    return a->id == b->id && a->type == b->type && addr_equal(&a->source, &b->source);
}

static struct exporter *find(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash)
{
    return (struct exporter *)table_find(&table->table, hash, has_key, key);
}

static struct exporter *make(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash, uint64_t now_ns)
{
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (exporter == NULL)
        return NULL;
    if (table->table.count == EXPORTER_COUNT_MAX)
        remove_exporter(table, table_victim(&table->table, NULL));
    if (table_add(&table->table, &exporter->entry, hash) != 0) {
        free(exporter);
        return NULL;
    }
    exporter->key = *key;
    exporter->first_seen_ns = now_ns;
    exporter->mark.at_ns = now_ns;
    exporter->mark_old.at_ns = now_ns;
    exporter->sampling_default = sampling_default_of(table->defaults, table->default_count,
                                                     &key->source);
    return exporter;
}

struct exporter *exporter_find(struct exporter_table *table, const struct exporter_key *key)
{
    return find(table, key, hash_key(table, key));
}

static void set_mark(struct exporter *exporter, uint64_t now_ns)
{
    exporter->mark_old = exporter->mark;
    exporter->mark = (struct exporter_mark){.at_ns = now_ns,
                                            .flows = exporter->counts.flows,
                                            .taken = exporter->sequence.taken,
                                            .lost = exporter->sequence.lost};
}

struct exporter *exporter_seen(struct exporter_table *table, const struct exporter_key *key,
                               const struct addr *router, uint16_t port, size_t len,
                               uint64_t now_ns)
{
    uint64_t hash = hash_key(table, key);
    struct exporter *exporter = find(table, key, hash);
    if (exporter == NULL)
        exporter = make(table, key, hash, now_ns);
    if (exporter == NULL)
        return NULL;
    table_use(&table->table, &exporter->entry, TABLE_NEWCOMER);
    if (now_ns - exporter->mark.at_ns >= EXPORTER_MARK_NS) // or the clock was set back
        set_mark(exporter, now_ns);
    exporter->router = *router;
    exporter->port = port;
    exporter->last_seen_ns = now_ns;
    exporter->counts.datagrams++;
    exporter->counts.bytes += len;
    return exporter;
}

void exporter_gave_flows(struct exporter_table *table, struct exporter *exporter, uint64_t flows)
{
    exporter->counts.flows += flows;
    exporter->last_flow_ns = exporter->last_seen_ns;
    exporter->missing_since_ns = 0;
    if (exporter->counts.datagrams >= EXPORTER_PROVEN)
        table_use(&table->table, &exporter->entry, TABLE_PROVEN);
}

void exporter_missed(struct exporter *exporter, uint64_t now_ns)
{
    exporter->counts.template_missing++;
    exporter->last_missing_ns = now_ns;
    if (exporter->missing_since_ns == 0)
        exporter->missing_since_ns = now_ns;
}

static void add_counts(struct exporter_counts *sum, const struct exporter_counts *part)
{
    sum->datagrams += part->datagrams;
    sum->bytes += part->bytes;
    sum->flows += part->flows;
    sum->flows_limited += part->flows_limited;
    sum->units_dropped += part->units_dropped;
    sum->template_missing += part->template_missing;
    sum->template_changes += part->template_changes;
    sum->sampling_missing += part->sampling_missing;
    sum->delays += part->delays;
    sum->delay_s += part->delay_s;
    for (int i = 0; i < EXPORTER_PARTS; i++) {
        sum->parts[i] += part->parts[i];
        sum->records[i] += part->records[i];
    }
}

void exporter_sums_add(struct exporter_sums *sums, const struct exporter *exporter)
{
    add_counts(&sums->counts, &exporter->counts);
    sums->lost += exporter->sequence.lost;
    sums->duplicates += exporter->sequence.duplicates;
    sums->reordered += exporter->sequence.reordered;
    sums->resets += exporter->sequence.resets;
}

void exporter_sums_merge(struct exporter_sums *sums, const struct exporter_sums *part)
{
    add_counts(&sums->counts, &part->counts);
    sums->lost += part->lost;
    sums->duplicates += part->duplicates;
    sums->reordered += part->reordered;
    sums->resets += part->resets;
}
