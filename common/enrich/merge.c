#include "common/enrich/merge.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#define NESTING_MAX 129 // prefixes of one family that lie in each other: /0 to /128

struct merger {
    struct merge_source left[MERGE_PARTS]; // what was not taken yet
    struct lpm_entry *entries;
    size_t count;
};

// The least prefix that no source is past, or NULL at the end.
static const struct prefix *next_prefix(const struct merger *merger)
{
    const struct prefix *least = NULL;
    for (int i = 0; i < MERGE_PARTS; i++) {
        if (merger->left[i].count == 0)
            continue;
        const struct prefix *head = &merger->left[i].entries->prefix;
        if (least == NULL || lpm_compare(head, least) < 0)
            least = head;
    }
    return least;
}

// What the sources say of the prefix, which they are then past, stands over what its enclosing
// prefix has.
static struct place take_place(struct merger *merger, const struct prefix *prefix,
                               struct place enclosing)
{
    uint32_t parts[MERGE_PARTS] = {place_context(enclosing), place_system(enclosing),
                                   place_country(enclosing)};
    for (int i = 0; i < MERGE_PARTS; i++) {
        struct merge_source *left = &merger->left[i];
        if (left->count == 0 || lpm_compare(&left->entries->prefix, prefix) != 0)
            continue;
        parts[i] = (uint32_t)left->entries->value;
        left->entries++;
        left->count--;
    }
    return place_pack(parts[MERGE_CONTEXT], parts[MERGE_SYSTEM], parts[MERGE_COUNTRY]);
}

// One sweep over all prefixes in order, with a stack of those that enclose the current one.
static void merge(struct merger *merger)
{
    struct {
        struct prefix prefix;
        struct place place;
    } open[NESTING_MAX + 1] = {{.place = {LPM_NONE}}};
    size_t depth = 0;
    const struct prefix *head;
    while ((head = next_prefix(merger)) != NULL) {
        const struct prefix prefix = *head;
        while (depth > 0 && !prefix_contains(&open[depth].prefix, &prefix.addr))
            depth--;
        struct place place = take_place(merger, &prefix, open[depth].place);
        if (place.bits == open[depth].place.bits)
            continue;
        merger->entries[merger->count++] = (struct lpm_entry){.prefix = prefix,
                                                              .value = place.bits};
        assert(depth < NESTING_MAX);
        depth++;
        open[depth].prefix = prefix;
        open[depth].place = place;
    }
}

struct lpm *merge_sources(const struct merge_source sources[static MERGE_PARTS])
{
    struct merger merger = {.count = 0};
    size_t most = 0;
    for (int i = 0; i < MERGE_PARTS; i++) {
        merger.left[i] = sources[i];
        most += sources[i].count;
    }
    merger.entries = malloc((most + 1) * sizeof *merger.entries);
    if (merger.entries == NULL)
        return NULL;
    merge(&merger);
    struct lpm *lpm = lpm_new(merger.entries, merger.count);
    free(merger.entries);
    return lpm;
}
