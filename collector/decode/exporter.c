#include "collector/decode/exporter.h"

#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 16384

int exporter_table_init(struct exporter_table *table, uint64_t seed, struct hold *hold)
{
    table->seed = seed;
    table->hold = hold;
    return table_init(&table->table, BUCKETS);
}

static void remove_exporter(struct exporter_table *table, struct table_entry *entry)
{
    struct exporter *exporter = (struct exporter *)entry;
    hold_drop_exporter(table->hold, exporter);
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

static bool same_key(const struct exporter_key *a, const struct exporter_key *b)
{
    return a->id == b->id && a->type == b->type && addr_equal(&a->source, &b->source);
}

static struct exporter *find(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash)
{
    for (struct table_entry *e = table_first(&table->table, hash); e != NULL; e = table_next(e))
        if (same_key(&((struct exporter *)e)->key, key))
            return (struct exporter *)e;
    return NULL;
}

static struct exporter *make(struct exporter_table *table, const struct exporter_key *key,
                             uint64_t hash, uint64_t now_ns)
{
    struct exporter *exporter = calloc(1, sizeof *exporter);
    if (exporter == NULL)
        return NULL;
    exporter->key = *key;
    exporter->first_seen_ns = now_ns;
    table_add(&table->table, &exporter->entry, hash);
    if (table->table.count > EXPORTER_COUNT_MAX)
        remove_exporter(table, table_victim(&table->table, &exporter->entry));
    return exporter;
}

struct exporter *exporter_seen(struct exporter_table *table, const struct exporter_key *key,
                               uint16_t port, size_t len, uint64_t now_ns)
{
    uint64_t hash = hash_key(table, key);
    struct exporter *exporter = find(table, key, hash);
    if (exporter == NULL)
        exporter = make(table, key, hash, now_ns);
    if (exporter == NULL)
        return NULL;
    table_use(&table->table, &exporter->entry, false);
    exporter->port = port;
    exporter->last_seen_ns = now_ns;
    exporter->datagrams++;
    exporter->bytes += len;
    return exporter;
}

void exporter_gave_flows(struct exporter_table *table, struct exporter *exporter, uint64_t flows)
{
    exporter->flows += flows;
    exporter->last_flow_ns = exporter->last_seen_ns;
    if (!exporter->entry.proven && exporter->datagrams >= EXPORTER_PROVEN)
        table_use(&table->table, &exporter->entry, true);
}
