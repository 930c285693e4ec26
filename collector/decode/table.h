// A bounded hash table of what is remembered per sender, with ranks of recency.
//
// Anyone can make an entry by forging a source address. So entries begin as newcomers and rise when
// they earned it; when the table is full, of the lowest rank that has any the entry least recently
// used goes first: a flood of forged senders pushes out forged senders.
//
// Entries are embedded by their owner as first member, one allocation each. They are found through
// slots that hold the whole hash, so that looking one up waits for memory twice, for the slot and
// for the entry, however full the table is; who knows early what it will look up can have both
// fetched while it does something else. One thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum table_rank {
    TABLE_NEWCOMER,
    TABLE_PROVEN,
    TABLE_ESTABLISHED,
    TABLE_RANKS,
};

struct table_entry {
    uint64_t hash;
    struct table_entry *newer; // of its rank
    struct table_entry *older;
    enum table_rank rank;
};

struct table_order {
    struct table_entry *newest;
    struct table_entry *oldest;
};

struct table_slot {
    uint64_t hash;
    struct table_entry *entry; // NULL: free
};

struct table {
    struct table_slot *slots; // open addressing; a power of two, at least half of them free
    size_t slot_mask;
    size_t count;
    struct table_order ranks[TABLE_RANKS];
};

// 0, or -1 without memory.
int table_init(struct table *table);
void table_fini(struct table *table); // the entries are the owner's to free before

// Of the slots, for who counts memory.
size_t table_bytes(const struct table *table);

// A newcomer, the most recently used. 0, or -1 without memory: it is not in the table then.
int table_add(struct table *table, struct table_entry *entry, uint64_t hash);
void table_remove(struct table *table, struct table_entry *entry);

// Makes the entry the most recently used of its rank, or of the given one when that is higher.
void table_use(struct table *table, struct table_entry *entry, enum table_rank rank);

// The entry to give up first, never `keep`; NULL when there is no other.
struct table_entry *table_victim(const struct table *table, const struct table_entry *keep);

// Where the search for a hash begins.
static inline const struct table_slot *table_slot(const struct table *table, uint64_t hash)
{
    return &table->slots[hash & table->slot_mask];
}

// The entry of that hash which `is_it` says to be the one of the key, or NULL.
typedef bool table_is_it(const struct table_entry *entry, const void *key);
static inline struct table_entry *table_find(const struct table *table, uint64_t hash,
                                             table_is_it *is_it, const void *key)
{
    for (uint64_t at = hash;; at++) {
        const struct table_slot *slot = table_slot(table, at);
        if (slot->entry == NULL || (slot->hash == hash && is_it(slot->entry, key)))
            return slot->entry;
    }
}

// The two steps of having an entry fetched: the second is worth taking when the first is done. The
// first entry of the hash is as good as certain to be the one.
static inline void table_fetch_slot(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(table_slot(table, hash));
}

static inline void table_fetch_entry(const struct table *table, uint64_t hash, size_t len)
{
    uint64_t at = hash;
    while (table_slot(table, at)->entry != NULL && table_slot(table, at)->hash != hash)
        at++;
    const char *entry = (const char *)table_slot(table, at)->entry;
    for (size_t i = 0; i < len && entry != NULL; i += 64)
        __builtin_prefetch(entry + i, 1);
}
