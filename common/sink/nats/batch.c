#include "common/sink/nats/batch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define INDEX_COUNT (2 * NATS_BATCHES_MAX)

int nats_batch_init(struct nats_batch_set *set)
{
    *set = (struct nats_batch_set){.count = 0};
    set->batches = calloc(NATS_BATCHES_MAX, sizeof set->batches[0]);
    return set->batches == NULL ? -ENOMEM : 0;
}

void nats_batch_fini(struct nats_batch_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        free(set->batches[i].message);
    free(set->batches);
    set->batches = NULL;
    set->count = 0;
}

// FNV-1a. Who chooses addresses to meet in one place gains little: there are few places.
static uint64_t hash_of(const char *text, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return hash;
}

struct nats_batch *nats_batch_of(struct nats_batch_set *set, const char *subject, size_t len)
{
    uint64_t hash = hash_of(subject, len);
    size_t at = (hash ^ hash >> 32) % INDEX_COUNT;
    for (; set->index[at] != 0; at = (at + 1) % INDEX_COUNT) {
        struct nats_batch *batch = &set->batches[set->index[at] - 1];
        if (batch->hash == hash && strcmp(batch->subject, subject) == 0)
            return batch;
    }
    if (set->count == NATS_BATCHES_MAX)
        return NULL;
    struct nats_batch *batch = &set->batches[set->count++];
    *batch = (struct nats_batch){.hash = hash};
    memcpy(batch->subject, subject, len + 1);
    set->index[at] = (uint16_t)set->count;
    return batch;
}

void nats_batch_clear(struct nats_batch_set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        assert(set->batches[i].message == NULL);
    set->count = 0;
    memset(set->index, 0, sizeof set->index);
}
