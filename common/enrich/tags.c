#include "common/enrich/tags.h"

#include "common/base/intern.h"
#include "common/enrich/pages.h"
#include "common/flow/wire.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_SLACK 12 // what wire_put_entry adds to key and value
#define FIELD_SLACK 12 // tag and length of one field
#define TAG_LEN     2  // of the field's number and type

struct tags {
    struct intern *fields;
};

struct tags *tags_new(void)
{
    struct tags *tags = calloc(1, sizeof *tags);
    if (tags == NULL)
        return NULL;
    tags->fields = intern_new();
    if (tags->fields == NULL) {
        tags_free(tags);
        return NULL;
    }
    return tags;
}

void tags_free(struct tags *tags)
{
    if (tags == NULL)
        return;
    intern_free(tags->fields);
    free(tags);
}

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

// By key. Lists are short, and often in order.
static void sort(struct tag *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct tag item = items[i];
        size_t at = i;
        for (; at > 0 && compare_spans(item.key, items[at - 1].key) < 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static const uint8_t *first_field(const struct tags *tags)
{
    size_t len;
    return intern_count(tags->fields) == 0 ? NULL : intern_get(tags->fields, 1, &len);
}

// The offset of the tag's field among all of them. 0, or -1 without memory.
static int put_field(struct tags *tags, const struct tag *tag, uint32_t *offset)
{
    uint8_t small[512];
    size_t entry_room = tag->key.len + tag->value.len + ENTRY_SLACK;
    size_t room = 2 * entry_room + FIELD_SLACK;
    uint8_t *field = room <= sizeof small ? small : malloc(room);
    if (field == NULL)
        return -1;
    uint8_t *entry = field + entry_room + FIELD_SLACK;
    const uint8_t *entry_end = wire_put_entry(entry, tag->key, tag->value);
    const uint8_t *end = wire_put_bytes(field, FLOW_SRC_CONTEXT, entry,
                                        (size_t)(entry_end - entry));
    uint32_t number = intern_put(tags->fields, field, (size_t)(end - field));
    if (field != small)
        free(field);
    if (number == 0)
        return -1;
    size_t len;
    const uint8_t *at = intern_get(tags->fields, number, &len);
    *offset = (uint32_t)(at - first_field(tags));
    return 0;
}

int tags_put(struct tags *tags, struct tag *items, size_t count, uint32_t *list)
{
    sort(items, count);
    for (size_t i = 0; i < count; i++)
        if (put_field(tags, &items[i], &list[i]) != 0)
            return -1;
    return 0;
}

// The bytes behind a length, at which `at` points.
static struct span sized(const uint8_t *at)
{
    size_t len = 0;
    unsigned shift = 0;
    do {
        len |= (size_t)(*at & 0x7f) << shift;
        shift += 7;
    } while (*at++ >= 0x80);
    return (struct span){.data = at, .len = len};
}

// The key of an encoded tag: the first field of the entry that the field holds.
static struct span key_of(const uint8_t *field)
{
    struct span entry = sized(field + TAG_LEN);
    return sized(entry.data + 1);
}

size_t tags_fields_len(const struct tags *tags, const uint32_t *list, size_t count)
{
    size_t len = 0;
    const uint8_t *fields = first_field(tags);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *field = fields + list[i];
        struct span entry = sized(field + TAG_LEN);
        len += (size_t)(entry.data - field) + entry.len;
    }
    return len;
}

size_t tags_merge(const struct tags *tags, const uint32_t *outer, size_t outer_count,
                  const uint32_t *inner, size_t inner_count, uint32_t *out)
{
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;
    const uint8_t *fields = first_field(tags);
    while (i < outer_count && j < inner_count) {
        int order = compare_spans(key_of(fields + outer[i]), key_of(fields + inner[j]));
        out[count++] = order < 0 ? outer[i] : inner[j];
        i += order <= 0;
        j += order >= 0;
    }
    while (i < outer_count)
        out[count++] = outer[i++];
    while (j < inner_count)
        out[count++] = inner[j++];
    return count;
}

uint8_t *tags_copy_fields(const struct tags *tags, size_t *len)
{
    uint32_t count = intern_count(tags->fields);
    const uint8_t *first = first_field(tags);
    *len = 0;
    if (count != 0) {
        size_t last_len;
        const uint8_t *last = intern_get(tags->fields, count, &last_len);
        *len = (size_t)(last - first) + last_len;
    }
    return pages_copy(first, *len);
}
