#include "collector/traffic.h"

#include "common/base/siphash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WIDE 32 // senders; what is remembered of fewer stays in the cache

int traffic_init(struct traffic *traffic, uint64_t seed)
{
    *traffic = (struct traffic){.seed = seed};
    return table_init(&traffic->table);
}

static void give_up(struct traffic *traffic, struct table_entry *entry)
{
    struct traffic_entry *one = (struct traffic_entry *)entry;
    traffic_add(&traffic->gone[one->listener], &one->counts);
    table_remove(&traffic->table, entry);
    free(one);
}

void traffic_fini(struct traffic *traffic)
{
    struct table_entry *entry;
    if (traffic->table.slots == NULL)
        return;
    while ((entry = table_victim(&traffic->table, NULL)) != NULL)
        give_up(traffic, entry);
    table_fini(&traffic->table);
}

static uint64_t hash_of(const struct traffic *traffic, const struct addr *source, unsigned listener)
{
    uint64_t words[3];
    memcpy(words, source->bytes, sizeof source->bytes);
    words[2] = (uint64_t)listener << 8 | source->len;
    return siphash_words(traffic->seed, words, 3);
}

struct sender {
    const struct addr *source;
    unsigned listener;
};

static bool is_sender(const struct table_entry *entry, const void *key)
{
    const struct traffic_entry *one = (const struct traffic_entry *)entry;
    const struct sender *sender = key;
    return one->listener == sender->listener && addr_equal(&one->source, sender->source);
}

static struct traffic_entry *find(const struct traffic *traffic, const struct addr *source,
                                  unsigned listener, uint64_t hash)
{
    const struct sender sender = {.source = source, .listener = listener};
    return (struct traffic_entry *)table_find(&traffic->table, hash, is_sender, &sender);
}

static struct traffic_entry *make(struct traffic *traffic, const struct addr *source,
                                  unsigned listener, uint64_t hash)
{
    struct traffic_entry *one = calloc(1, sizeof *one);
    if (one == NULL)
        return NULL;
    if (traffic->table.count == TRAFFIC_COUNT_MAX)
        give_up(traffic, table_victim(&traffic->table, NULL));
    if (table_add(&traffic->table, &one->entry, hash) != 0) {
        free(one);
        return NULL;
    }
    one->source = *source;
    one->listener = listener;
    return one;
}

struct traffic_entry *traffic_take(struct traffic *traffic, const struct addr *source,
                                   unsigned listener, size_t len)
{
    assert(listener < LISTEN_URIS_MAX);
    uint64_t hash = hash_of(traffic, source, listener);
    struct traffic_entry *one = find(traffic, source, listener, hash);
    if (one == NULL)
        one = make(traffic, source, listener, hash);
    if (one == NULL)
        return NULL;
    one->counts.datagrams++;
    one->counts.bytes += len;
    table_use(&traffic->table, &one->entry,
              one->counts.datagrams >= TRAFFIC_PROVEN ? TABLE_PROVEN : TABLE_NEWCOMER);
    return one;
}

bool traffic_is_wide(const struct traffic *traffic)
{
    return traffic->table.count >= WIDE;
}

// Each step for all of them before the next, so that they wait together.
void traffic_look_ahead(const struct traffic *traffic, const struct addr *const sources[],
                        unsigned count, unsigned listener)
{
    uint64_t hashes[TRAFFIC_AHEAD_MAX];
    assert(count <= TRAFFIC_AHEAD_MAX);
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = hash_of(traffic, sources[i], listener);
        table_fetch_slot(&traffic->table, hashes[i]);
    }
    for (unsigned i = 0; i < count; i++)
        table_fetch_entry(&traffic->table, hashes[i], sizeof(struct traffic_entry));
    for (unsigned i = 0; i < count; i++) {
        const struct traffic_entry *one = find(traffic, sources[i], listener, hashes[i]);
        if (one != NULL)
            trail_fetch(&one->trail);
    }
}

void traffic_add(struct traffic_counts *sum, const struct traffic_counts *part)
{
    sum->datagrams += part->datagrams;
    sum->bytes += part->bytes;
    sum->errors += part->errors;
}
