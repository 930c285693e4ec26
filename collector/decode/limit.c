#include "collector/decode/limit.h"

#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

// Time that was set back fills nothing.
static void fill(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns)
{
    uint64_t full = flows_per_second * SECOND_NS;
    uint64_t elapsed_ns = now_ns > limit->filled_ns ? now_ns - limit->filled_ns : 0;
    if (elapsed_ns >= SECOND_NS || limit->level_ns + elapsed_ns * flows_per_second > full)
        limit->level_ns = full;
    else
        limit->level_ns += elapsed_ns * flows_per_second;
    limit->filled_ns = now_ns;
}

// At the end of a second: of how many flows one is to be kept in the next one, rounded up or down.
static void measure(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns, bool up)
{
    uint64_t elapsed_ns = now_ns - limit->second_ns;
    if (now_ns >= limit->second_ns && elapsed_ns < SECOND_NS)
        return;
    bool next = now_ns >= limit->second_ns && elapsed_ns < 2 * SECOND_NS;
    uint64_t spare = up ? flows_per_second - 1 : 0;
    uint64_t step = next ? (limit->seen + spare) / flows_per_second : 1;
    limit->step = step == 0 ? 1 : (uint32_t)step;
    limit->seen = 0;
    limit->second_ns = now_ns;
}

static uint32_t take(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns, bool up)
{
    fill(limit, flows_per_second, now_ns);
    measure(limit, flows_per_second, now_ns, up);
    limit->seen += limit->seen != UINT32_MAX;
    // A weight that cannot grow is given out, whatever the bucket says.
    bool due = limit->skipped + 1 >= limit->step && limit->level_ns >= SECOND_NS;
    if (!due && limit->skipped < UINT32_MAX - 1) {
        limit->skipped++;
        return 0;
    }
    uint32_t weight = limit->skipped + 1;
    limit->level_ns -= limit->level_ns >= SECOND_NS ? SECOND_NS : limit->level_ns;
    limit->skipped = 0;
    return weight;
}

uint32_t limit_take(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns)
{
    return take(limit, flows_per_second, now_ns, true);
}

struct limit_source {
    struct table_entry entry;
    struct addr address;
    const struct limit *first; // exporter's; never looked into
    bool several;              // it had another one
    struct limit limit;        // of what its exporters would keep
};

int limit_table_init(struct limit_table *limits, uint64_t seed)
{
    limits->seed = seed;
    return table_init(&limits->table);
}

static void remove_source(struct limit_table *limits, struct table_entry *entry)
{
    table_remove(&limits->table, entry);
    free(entry);
}

void limit_table_fini(struct limit_table *limits)
{
    struct table_entry *entry;
    while ((entry = table_victim(&limits->table, NULL)) != NULL)
        remove_source(limits, entry);
    table_fini(&limits->table);
}

static bool is_source(const struct table_entry *entry, const void *key)
{
    return addr_equal(&((const struct limit_source *)entry)->address, key);
}

static struct limit_source *make_source(struct limit_table *limits, const struct addr *address,
                                        uint64_t hash)
{
    struct limit_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return NULL;
    if (limits->table.count == LIMIT_SOURCES_MAX)
        remove_source(limits, table_victim(&limits->table, NULL));
    source->address = *address;
    if (table_add(&limits->table, &source->entry, hash) == 0)
        return source;
    free(source);
    return NULL;
}

struct limit_source *limit_source_of(struct limit_table *limits, const struct addr *address)
{
    uint64_t words[3];
    memcpy(words, address->bytes, sizeof address->bytes);
    words[2] = address->len;
    uint64_t hash = siphash_words(limits->seed, words, 3);
    struct limit_source *source = (struct limit_source *)table_find(&limits->table, hash, is_source,
                                                                    address);
    if (source == NULL)
        return make_source(limits, address, hash);
    table_use(&limits->table, &source->entry, TABLE_NEWCOMER);
    return source;
}

// What it would have stood for falls to the next one that is kept. False when that cannot grow.
static bool give_back(struct limit *limit, uint32_t weight)
{
    if (limit->skipped >= UINT32_MAX - 1 - weight)
        return false;
    limit->skipped += weight;
    return true;
}

uint32_t limit_take_of(struct limit_source *source, struct limit *limit, uint64_t flows_per_second,
                       uint64_t now_ns)
{
    uint32_t weight = limit_take(limit, flows_per_second, now_ns);
    if (weight == 0 || source == NULL)
        return weight;
    if (source->first == NULL)
        source->first = limit;
    source->several |= source->first != limit;
    if (!source->several) { // the bucket is as full as its
        source->limit.level_ns = limit->level_ns;
        source->limit.filled_ns = limit->filled_ns;
        return weight;
    }
    // What exporters would keep is about as much as their limits: rounded up, it would be too few.
    bool kept = take(&source->limit, flows_per_second, now_ns, false) != 0;
    limit->shared = source->limit.step;
    return kept || !give_back(limit, weight) ? weight : 0;
}
