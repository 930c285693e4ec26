#include "common/base/intern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64 // a power of two

// The hash beside the number spares a look at the bytes, which are elsewhere in memory.
struct slot {
    uint32_t number; // 0: free
    uint32_t hash;
};

struct intern {
    uint8_t *bytes;
    size_t bytes_len;
    size_t bytes_cap;
    uint32_t *ends; // of each number's bytes; they begin where those of the number before end
    uint32_t count;
    uint32_t cap;
    struct slot *slots; // open addressing, at most half of them in use
    uint32_t slot_count;
};

struct intern *intern_new(void)
{
    struct intern *intern = calloc(1, sizeof *intern);
    if (intern == NULL)
        return NULL;
    intern->cap = FIRST_CAP;
    intern->slot_count = 2 * FIRST_CAP;
    intern->bytes_cap = 16 * FIRST_CAP;
    intern->bytes = malloc(intern->bytes_cap);
    intern->ends = malloc(intern->cap * sizeof *intern->ends);
    intern->slots = calloc(intern->slot_count, sizeof *intern->slots);
    if (intern->bytes == NULL || intern->ends == NULL || intern->slots == NULL) {
        intern_free(intern);
        return NULL;
    }
    return intern;
}

void intern_free(struct intern *intern)
{
    if (intern == NULL)
        return;
    free(intern->bytes);
    free(intern->ends);
    free(intern->slots);
    free(intern);
}

uint32_t intern_count(const struct intern *intern)
{
    return intern->count;
}

const void *intern_get(const struct intern *intern, uint32_t number, size_t *len)
{
    assert(number >= 1 && number <= intern->count);
    uint32_t start = number == 1 ? 0 : intern->ends[number - 2];
    *len = intern->ends[number - 1] - start;
    return intern->bytes + start;
}

static inline uint64_t mix(uint64_t sum, uint64_t word)
{
    const uint64_t factor = 0x9E3779B97F4A7C15; // odd: the golden ratio
    sum = (sum ^ word) * factor;
    return sum ^ sum >> 32;
}

// Eight bytes a step; the last step may take some of them again.
static uint32_t hash_of(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    uint64_t sum = mix(0, len);
    if (len >= sizeof word) {
        for (size_t at = 0; at < len - sizeof word; at += sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            sum = mix(sum, word);
        }
        memcpy(&word, bytes + len - sizeof word, sizeof word);
    } else {
        for (size_t i = 0; i < len; i++)
            word = word << 8 | bytes[i];
    }
    return (uint32_t)(mix(sum, word) >> 32);
}

// The slot that holds these bytes, or the free one where they belong.
static struct slot *find_slot(const struct intern *intern, const void *bytes, size_t len,
                              uint32_t hash)
{
    uint32_t mask = intern->slot_count - 1;
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        struct slot *slot = &intern->slots[at];
        if (slot->number == 0)
            return slot;
        if (slot->hash != hash)
            continue;
        size_t have_len;
        const void *have = intern_get(intern, slot->number, &have_len);
        if (have_len == len && memcmp(have, bytes, len) == 0)
            return slot;
    }
}

// Numbers are all different, so the next free slot is the right one.
static void move_slots(const struct intern *intern, struct slot *slots, uint32_t slot_count)
{
    for (uint32_t i = 0; i < intern->slot_count; i++) {
        uint32_t at = intern->slots[i].hash & (slot_count - 1);
        if (intern->slots[i].number == 0)
            continue;
        while (slots[at].number != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = intern->slots[i];
    }
}

static int grow_numbers(struct intern *intern)
{
    if (intern->cap > UINT32_MAX / 4)
        return -1;
    uint32_t *ends = realloc(intern->ends, 2 * (size_t)intern->cap * sizeof *ends);
    if (ends == NULL)
        return -1;
    intern->ends = ends;
    uint32_t slot_count = 4 * intern->cap;
    struct slot *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return -1;
    move_slots(intern, slots, slot_count);
    free(intern->slots);
    intern->slots = slots;
    intern->slot_count = slot_count;
    intern->cap *= 2;
    return 0;
}

static int grow_bytes(struct intern *intern, size_t need)
{
    size_t cap = intern->bytes_cap;
    while (cap < need)
        cap *= 2;
    uint8_t *bytes = realloc(intern->bytes, cap);
    if (bytes == NULL)
        return -1;
    intern->bytes = bytes;
    intern->bytes_cap = cap;
    return 0;
}

uint32_t intern_put(struct intern *intern, const void *bytes, size_t len)
{
    assert(intern->slots != NULL);
    uint32_t hash = hash_of(bytes, len);
    struct slot *slot = find_slot(intern, bytes, len, hash);
    if (slot->number != 0)
        return slot->number;
    if (len > UINT32_MAX - intern->bytes_len)
        return 0;
    if (intern->bytes_len + len > intern->bytes_cap &&
        grow_bytes(intern, intern->bytes_len + len) != 0)
        return 0;
    if (intern->count == intern->cap) {
        if (grow_numbers(intern) != 0)
            return 0;
        slot = find_slot(intern, bytes, len, hash);
    }
    if (len != 0)
        memcpy(intern->bytes + intern->bytes_len, bytes, len);
    intern->bytes_len += len;
    intern->ends[intern->count++] = (uint32_t)intern->bytes_len;
    *slot = (struct slot){.number = intern->count, .hash = hash};
    return intern->count;
}

void intern_freeze(struct intern *intern)
{
    free(intern->slots);
    intern->slots = NULL;
    intern->slot_count = 0;
    // Shrinking cannot fail in a way that matters: the larger block is as good.
    uint8_t *bytes = realloc(intern->bytes, intern->bytes_len + 1);
    if (bytes != NULL) {
        intern->bytes = bytes;
        intern->bytes_cap = intern->bytes_len + 1;
    }
    uint32_t *ends = realloc(intern->ends, ((size_t)intern->count + 1) * sizeof *ends);
    if (ends != NULL) {
        intern->ends = ends;
        intern->cap = intern->count + 1;
    }
}

size_t intern_bytes(const struct intern *intern)
{
    return sizeof *intern + intern->bytes_cap + intern->cap * sizeof *intern->ends +
           intern->slot_count * sizeof *intern->slots;
}
