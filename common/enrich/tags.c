#include "common/enrich/tags.h"

#include "common/base/intern.h"
#include "common/flow/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_SLACK 12 // what wire_put_entry adds to key and value
#define FIELD_SLACK 12 // tag and length of one field

struct tags {
    struct intern *entries; // encoded map entries
    struct intern *sets;    // arrays of entry numbers, ordered by key
    struct intern *merges;  // pairs of set numbers that were merged...
    uint32_t *merged;       // ...and what came out
    size_t merged_cap;

    struct tag_set *frozen; // by set number, the empty one first
    struct span *spans;
    uint8_t *fields;
    size_t frozen_bytes;
};

struct tags *tags_new(void)
{
    struct tags *tags = calloc(1, sizeof *tags);
    if (tags == NULL)
        return NULL;
    tags->entries = intern_new();
    tags->sets = intern_new();
    tags->merges = intern_new();
    if (tags->entries == NULL || tags->sets == NULL || tags->merges == NULL) {
        tags_free(tags);
        return NULL;
    }
    return tags;
}

void tags_free(struct tags *tags)
{
    if (tags == NULL)
        return;
    intern_free(tags->entries);
    intern_free(tags->sets);
    intern_free(tags->merges);
    free(tags->merged);
    free(tags->frozen);
    free(tags->spans);
    free(tags->fields);
    free(tags);
}

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_tags(const void *a, const void *b)
{
    const struct tag *left = a;
    const struct tag *right = b;
    return compare_spans(left->key, right->key);
}

static uint32_t put_entry(struct tags *tags, const struct tag *tag)
{
    uint8_t small[512];
    size_t room = tag->key.len + tag->value.len + ENTRY_SLACK;
    uint8_t *bytes = room <= sizeof small ? small : malloc(room);
    if (bytes == NULL)
        return 0;
    const uint8_t *end = wire_put_entry(bytes, tag->key, tag->value);
    uint32_t number = intern_put(tags->entries, bytes, (size_t)(end - bytes));
    if (bytes != small)
        free(bytes);
    return number;
}

static uint32_t put_set(struct tags *tags, const uint32_t *numbers, size_t count)
{
    if (count == 0)
        return 0;
    uint32_t set = intern_put(tags->sets, numbers, count * sizeof *numbers);
    return set == 0 ? TAGS_FAILED : set;
}

uint32_t tags_put(struct tags *tags, struct tag *items, size_t count)
{
    uint32_t small[FLOW_LIST_MAX];
    uint32_t *numbers = count <= FLOW_LIST_MAX ? small : malloc(count * sizeof *numbers);
    uint32_t set = TAGS_FAILED;
    if (numbers == NULL)
        return TAGS_FAILED;
    if (count != 0)
        qsort(items, count, sizeof *items, compare_tags);
    for (size_t i = 0; i < count; i++)
        if ((numbers[i] = put_entry(tags, &items[i])) == 0)
            goto out;
    set = put_set(tags, numbers, count);
out:
    if (numbers != small)
        free(numbers);
    return set;
}

// The entry numbers of a set, in memory that moves with the next tags_put.
static const uint32_t *set_numbers(const struct tags *tags, uint32_t set, size_t *count)
{
    *count = 0;
    if (set == 0)
        return NULL;
    size_t len;
    const uint32_t *numbers = intern_get(tags->sets, set, &len);
    *count = len / sizeof *numbers;
    return numbers;
}

size_t tags_count(const struct tags *tags, uint32_t set)
{
    size_t count;
    (void)set_numbers(tags, set, &count);
    return count;
}

static struct span entry_bytes(const struct tags *tags, uint32_t number)
{
    struct span entry;
    entry.data = intern_get(tags->entries, number, &entry.len);
    return entry;
}

static struct span entry_key(const struct tags *tags, uint32_t number)
{
    struct span key;
    struct span value;
    (void)wire_entry(entry_bytes(tags, number), &key, &value); // our own encoding
    return key;
}

static uint32_t merge(struct tags *tags, uint32_t outer, uint32_t inner)
{
    size_t outer_count;
    size_t inner_count;
    const uint32_t *a = set_numbers(tags, outer, &outer_count);
    const uint32_t *b = set_numbers(tags, inner, &inner_count);
    uint32_t *out = malloc((outer_count + inner_count) * sizeof *out);
    if (out == NULL)
        return TAGS_FAILED;
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;
    while (i < outer_count && j < inner_count) {
        int order = compare_spans(entry_key(tags, a[i]), entry_key(tags, b[j]));
        out[count++] = order < 0 ? a[i] : b[j];
        i += order <= 0;
        j += order >= 0;
    }
    while (i < outer_count)
        out[count++] = a[i++];
    while (j < inner_count)
        out[count++] = b[j++];
    uint32_t set = put_set(tags, out, count);
    free(out);
    return set;
}

uint32_t tags_merge(struct tags *tags, uint32_t outer, uint32_t inner)
{
    if (outer == 0 || outer == inner)
        return inner;
    if (inner == 0)
        return outer;
    const uint32_t pair[] = {outer, inner};
    uint32_t known = intern_count(tags->merges);
    uint32_t at = intern_put(tags->merges, pair, sizeof pair);
    if (at == 0)
        return TAGS_FAILED;
    if (at <= known)
        return tags->merged[at - 1];
    if (at > tags->merged_cap) {
        size_t cap = 2 * (size_t)at;
        uint32_t *merged = realloc(tags->merged, cap * sizeof *merged);
        if (merged == NULL)
            return TAGS_FAILED;
        tags->merged = merged;
        tags->merged_cap = cap;
    }
    tags->merged[at - 1] = merge(tags, outer, inner);
    return tags->merged[at - 1];
}

static void freeze_set(struct tags *tags, uint32_t set, struct span **spans, uint8_t **fields)
{
    size_t count;
    const uint32_t *numbers = set_numbers(tags, set, &count);
    uint8_t *begin = *fields;
    struct tag_set *out = &tags->frozen[set];
    *out = (struct tag_set){.entries = *spans, .count = (uint32_t)count, .fields = begin};
    for (size_t i = 0; i < count; i++) {
        struct span entry = entry_bytes(tags, numbers[i]);
        *fields = wire_put_bytes(*fields, FLOW_SRC_CONTEXT, entry.data, entry.len);
        *(*spans)++ = (struct span){.data = *fields - entry.len, .len = entry.len};
    }
    out->fields_len = (uint32_t)(*fields - begin);
    for (size_t i = 0; i < count; i++) {
        struct span entry = entry_bytes(tags, numbers[i]);
        *fields = wire_put_bytes(*fields, FLOW_DST_CONTEXT, entry.data, entry.len);
    }
    assert(*fields == begin + 2 * (size_t)out->fields_len);
}

// Entries are found in the encoded sets from here on; everything else was for building.
static void drop_builders(struct tags *tags)
{
    intern_free(tags->entries);
    intern_free(tags->sets);
    intern_free(tags->merges);
    free(tags->merged);
    tags->entries = tags->sets = tags->merges = NULL;
    tags->merged = NULL;
}

int tags_freeze(struct tags *tags)
{
    size_t set_count = (size_t)intern_count(tags->sets) + 1;
    size_t span_count = 0;
    size_t fields_len = 0;
    for (uint32_t set = 1; set < set_count; set++) {
        size_t count;
        const uint32_t *numbers = set_numbers(tags, set, &count);
        span_count += count;
        for (size_t i = 0; i < count; i++)
            fields_len += 2 * (entry_bytes(tags, numbers[i]).len + FIELD_SLACK);
    }
    tags->frozen = calloc(set_count, sizeof *tags->frozen);
    tags->spans = malloc((span_count + 1) * sizeof *tags->spans);
    tags->fields = malloc(fields_len + 1);
    if (tags->frozen == NULL || tags->spans == NULL || tags->fields == NULL)
        return -1;
    struct span *spans = tags->spans;
    uint8_t *fields = tags->fields;
    for (uint32_t set = 0; set < set_count; set++)
        freeze_set(tags, set, &spans, &fields);
    tags->frozen_bytes = set_count * sizeof *tags->frozen + span_count * sizeof *tags->spans +
                         (size_t)(fields - tags->fields);
    drop_builders(tags);
    return 0;
}

const struct tag_set *tags_get(const struct tags *tags, uint32_t set)
{
    return &tags->frozen[set];
}

size_t tags_bytes(const struct tags *tags)
{
    return sizeof *tags + tags->frozen_bytes;
}
