#include "collector/decode/table.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_INIT 256

int table_init(struct table *table)
{
    *table = (struct table){.slot_mask = SLOTS_INIT - 1};
    table->slots = calloc(SLOTS_INIT, sizeof *table->slots);
    return table->slots == NULL ? -1 : 0;
}

void table_fini(struct table *table)
{
    free(table->slots);
    table->slots = NULL;
}

size_t table_bytes(const struct table *table)
{
    return (table->slot_mask + 1) * sizeof *table->slots;
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

// There is always a free one.
static void fill_slot(struct table *table, uint64_t hash, struct table_entry *entry)
{
    uint64_t at = hash;
    while (table->slots[at & table->slot_mask].entry != NULL)
        at++;
    table->slots[at & table->slot_mask] = (struct table_slot){.hash = hash, .entry = entry};
}

static int grow(struct table *table)
{
    struct table grown = *table;
    grown.slot_mask = 2 * table->slot_mask + 1;
    grown.slots = calloc(grown.slot_mask + 1, sizeof *grown.slots);
    if (grown.slots == NULL)
        return -1;
    for (size_t i = 0; i <= table->slot_mask; i++)
        if (table->slots[i].entry != NULL)
            fill_slot(&grown, table->slots[i].hash, table->slots[i].entry);
    free(table->slots);
    *table = grown;
    return 0;
}

int table_add(struct table *table, struct table_entry *entry, uint64_t hash)
{
    if (2 * (table->count + 1) > table->slot_mask + 1 && grow(table) != 0)
        return -1;
    entry->hash = hash;
    entry->rank = TABLE_NEWCOMER;
    fill_slot(table, hash, entry);
    push(&table->ranks[TABLE_NEWCOMER], entry);
    table->count++;
    return 0;
}

// Frees the slot, and moves those behind it that stand away from their place up to it.
static void empty_slot(struct table *table, size_t free_at)
{
    struct table_slot *slots = table->slots;
    for (size_t at = free_at + 1; slots[at & table->slot_mask].entry != NULL; at++) {
        const struct table_slot *moved = &slots[at & table->slot_mask];
        size_t away = (at - moved->hash) & table->slot_mask; // from where it would stand best
        if (away < at - free_at)
            continue;
        slots[free_at & table->slot_mask] = *moved;
        free_at = at;
    }
    slots[free_at & table->slot_mask].entry = NULL;
}

void table_remove(struct table *table, struct table_entry *entry)
{
    size_t at = entry->hash & table->slot_mask;
    while (table->slots[at & table->slot_mask].entry != entry)
        at++;
    empty_slot(table, at);
    pull(&table->ranks[entry->rank], entry);
    table->count--;
}

void table_use(struct table *table, struct table_entry *entry, enum table_rank rank)
{
    assert(rank < TABLE_RANKS);
    if (rank < entry->rank)
        rank = entry->rank;
    if (table->ranks[rank].newest == entry)
        return;
    pull(&table->ranks[entry->rank], entry);
    entry->rank = rank;
    push(&table->ranks[rank], entry);
}

struct table_entry *table_victim(const struct table *table, const struct table_entry *keep)
{
    for (int rank = 0; rank < TABLE_RANKS; rank++) {
        struct table_entry *oldest = table->ranks[rank].oldest;
        if (oldest != NULL && oldest == keep)
            oldest = oldest->newer;
        if (oldest != NULL)
            return oldest;
    }
    return NULL;
}
