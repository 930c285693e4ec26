// A bounded hash table of what is remembered per sender, with two ranks of recency.
//
// Anyone can make an entry by forging a source address. So entries begin as newcomers and become
// proven when they earned it; when the table is full the newcomer least recently used goes first,
// and only without newcomers the proven one least recently used: a flood of forged senders pushes
// out forged senders.
//
// Entries are embedded by their owner as first member, one allocation each. One thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_entry {
    struct table_entry *next; // in its bucket
    struct table_entry *newer;
    struct table_entry *older;
    uint64_t hash;
    bool proven;
};

struct table_order {
    struct table_entry *newest;
    struct table_entry *oldest;
};

struct table {
    struct table_entry **buckets;
    size_t bucket_mask;
    size_t count;
    struct table_order newcomers;
    struct table_order proven;
};

// `buckets` is a power of two. 0, or -1 without memory.
int table_init(struct table *table, size_t buckets);
void table_fini(struct table *table); // the entries are the owner's to free before

void table_add(struct table *table, struct table_entry *entry, uint64_t hash);
void table_remove(struct table *table, struct table_entry *entry);

// Makes the entry the most recently used of its rank; with `proven`, of the proven.
void table_use(struct table *table, struct table_entry *entry, bool proven);

// The entry to give up first, never `keep`; NULL when there is no other.
struct table_entry *table_victim(const struct table *table, const struct table_entry *keep);

// Entries that may be the one sought: the first of the hash's bucket, and the next of the same
// hash.
static inline struct table_entry *table_match(struct table_entry *entry, uint64_t hash)
{
    while (entry != NULL && entry->hash != hash)
        entry = entry->next;
    return entry;
}

static inline struct table_entry *table_first(const struct table *table, uint64_t hash)
{
    return table_match(table->buckets[hash & table->bucket_mask], hash);
}

static inline struct table_entry *table_next(const struct table_entry *entry)
{
    return table_match(entry->next, entry->hash);
}
