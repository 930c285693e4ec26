#include "enricher/source/nats_known.h"

#include "common/base/siphash.h"

#include <errno.h>
#include <stdlib.h>

int nats_known_init(struct nats_known *known)
{
    known->marks = calloc(NATS_KNOWN_MAX, sizeof known->marks[0]);
    return known->marks == NULL ? -ENOMEM : 0;
}

void nats_known_fini(struct nats_known *known)
{
    free(known->marks);
    known->marks = NULL;
}

// Two messages of one place in the table are told apart by all but one of 2^63 chances.
static uint64_t mark_of(uint64_t sequence, int64_t time_ns)
{
    const uint64_t words[] = {sequence, (uint64_t)time_ns};
    return siphash_words(0, words, 2) | 1;
}

void nats_known_add(struct nats_known *known, uint64_t sequence, int64_t time_ns)
{
    known->marks[sequence % NATS_KNOWN_MAX] = mark_of(sequence, time_ns);
}

bool nats_known_has(const struct nats_known *known, uint64_t sequence, int64_t time_ns)
{
    return known->marks[sequence % NATS_KNOWN_MAX] == mark_of(sequence, time_ns);
}
