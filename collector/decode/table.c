#include "collector/decode/table.h"

#include <assert.h>
#include <stdlib.h>

int table_init(struct table *table, size_t buckets)
{
    assert((buckets & (buckets - 1)) == 0);
    *table = (struct table){.bucket_mask = buckets - 1};
    table->buckets = calloc(buckets, sizeof(struct table_entry *));
    return table->buckets == NULL ? -1 : 0;
}

void table_fini(struct table *table)
{
    free(table->buckets);
    table->buckets = NULL;
}

static struct table_order *order_of(struct table *table, const struct table_entry *entry)
{
    return entry->proven ? &table->proven : &table->newcomers;
}

static void push(struct table_order *order, struct table_entry *entry)
{
    entry->older = order->newest;
    entry->newer = NULL;
    if (order->newest != NULL)
        order->newest->newer = entry;
    else
        order->oldest = entry;
    order->newest = entry;
}

static void pull(struct table_order *order, struct table_entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        order->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        order->oldest = entry->newer;
}

void table_add(struct table *table, struct table_entry *entry, uint64_t hash)
{
    struct table_entry **bucket = &table->buckets[hash & table->bucket_mask];
    entry->hash = hash;
    entry->proven = false;
    entry->next = *bucket;
    *bucket = entry;
    push(&table->newcomers, entry);
    table->count++;
}

void table_remove(struct table *table, struct table_entry *entry)
{
    struct table_entry **link = &table->buckets[entry->hash & table->bucket_mask];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    pull(order_of(table, entry), entry);
    table->count--;
}

void table_use(struct table *table, struct table_entry *entry, bool proven)
{
    struct table_order *order = order_of(table, entry);
    if (order->newest == entry && entry->proven == (entry->proven || proven))
        return;
    pull(order, entry);
    entry->proven |= proven;
    push(order_of(table, entry), entry);
}

struct table_entry *table_victim(const struct table *table, const struct table_entry *keep)
{
    struct table_entry *victim = table->newcomers.oldest;
    if (victim != NULL && victim == keep)
        victim = victim->newer;
    if (victim == NULL)
        victim = table->proven.oldest;
    if (victim != NULL && victim == keep)
        victim = victim->newer;
    return victim;
}
