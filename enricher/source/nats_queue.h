// Messages that were received: those for the worker, those that it has, and those that it has
// answered.
//
// No lock: the source's mutex guards it. It owns the messages, but for those taken out of it.
#pragma once

#include "enricher/source/source.h"

#include <nats/nats.h>

#define NATS_REPLY_MAX 512

enum nats_queue_state {
    NATS_QUEUE_WAITING,
    NATS_QUEUE_GIVEN,
    NATS_QUEUE_ANSWERED,
    NATS_QUEUE_GONE, // taken out, after one before it
};

struct nats_queue_entry {
    natsMsg *message;
    uint64_t sequence; // in its stream, 0 without one,
    int64_t time_ns;   // and when it was stored there, Unix time
    bool again;        // it was delivered before
    int64_t touched_ns;
    enum nats_queue_state state;
    enum source_answer answer;
};

struct nats_queue {
    struct nats_queue_entry *entries; // entry n stands at n modulo cap
    size_t cap;
    uint64_t head;
    uint64_t next; // for the worker
    uint64_t tail;
    uint64_t answered; // how many wait to be taken out
    uint64_t highest;  // sequence so far
    uint64_t stream;   // hash of the stream's name
};

int nats_queue_init(struct nats_queue *queue, size_t cap); // 0, or -ENOMEM
void nats_queue_fini(struct nats_queue *queue);

// Takes the message over: false, and it stays the caller's, when the queue is full or holds the
// same message of the stream already.
bool nats_queue_put(struct nats_queue *queue, natsMsg *message, int64_t now_ns);

// The next message for the worker; false when there is none.
bool nats_queue_next(struct nats_queue *queue, struct source_block *block);
void nats_queue_answer(struct nats_queue *queue, uint64_t token, enum source_answer answer);

bool nats_queue_has_answered(const struct nats_queue *queue);

// Takes an answered message out, which is the caller's then; false when there is none.
bool nats_queue_take_answered(struct nats_queue *queue, struct nats_queue_entry *out);

// Copies the reply subject of entry n when nothing was said of it for that long; false when it is
// not to be touched.
bool nats_queue_touch(struct nats_queue *queue, uint64_t n, int64_t now_ns, int64_t patience_ns,
                      char reply[static NATS_REPLY_MAX]);

// Answers all that the worker has not with SOURCE_AGAIN.
void nats_queue_give_up(struct nats_queue *queue);
