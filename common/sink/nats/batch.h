// Messages that are being filled, one for each subject.
//
// Embedded by a writer, whose thread uses it; the sender does while the writer has parked it.
#pragma once

#include "common/sink/nats/message.h"

#define NATS_BATCHES_MAX 256

struct nats_batch {
    uint64_t hash;
    struct nats_message *message; // NULL: none begun
    int64_t due_ns;               // when it is to leave, monotonic
    bool split;                   // a part of it left already: it was too large
    char subject[SUBJECT_TEXT_MAX];
};

struct nats_batch_set {
    unsigned count;
    struct nats_batch *batches;           // NATS_BATCHES_MAX, of which `count` have a subject
    uint16_t index[2 * NATS_BATCHES_MAX]; // by hash: 1 + place in `batches`, 0 is free
};

// 0, or -ENOMEM.
int nats_batch_init(struct nats_batch_set *set);
void nats_batch_fini(struct nats_batch_set *set); // frees the messages too

// The batch of that subject, made when it is new; NULL when there are too many subjects.
struct nats_batch *nats_batch_of(struct nats_batch_set *set, const char *subject, size_t len);

// Forgets the subjects; no message may be there.
void nats_batch_clear(struct nats_batch_set *set);
