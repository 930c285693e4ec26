// Messages that were received: those for the worker, those that it has, and those that it has
// answered.
//
// What was answered for good and comes again is answered here, and never reaches the worker. No
// lock: the source's mutex guards it. It owns the messages, but for those taken out of it.
#pragma once

#include "enricher/source/nats_known.h"
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
    uint32_t making;   // of the stream, by how often that was made anew
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
    int64_t newest_ns; // time of a message so far
    uint32_t making;   // how often the stream was made anew
    uint64_t stream;   // hash of the stream's name
    struct nats_known known;
};

int nats_queue_init(struct nats_queue *queue, size_t cap); // 0, or -ENOMEM
void nats_queue_fini(struct nats_queue *queue);

// Takes the message over: false, and it stays the caller's, when the queue is full or holds the
// same message of the stream already. One that is known waits with its answer.
bool nats_queue_put(struct nats_queue *queue, natsMsg *message, int64_t now_ns);

// The next message for the worker; false when there is none.
bool nats_queue_next(struct nats_queue *queue, struct source_block *block);
void nats_queue_answer(struct nats_queue *queue, uint64_t token, enum source_answer answer);

bool nats_queue_has_answered(const struct nats_queue *queue);

// Takes an answered message out, which is the caller's then; false when there is none. *spoken says
// whether the server is to be told: of a stream that is no more, the answer would be taken for
// another message's.
bool nats_queue_take_answered(struct nats_queue *queue, struct nats_queue_entry *out, bool *spoken);

// Copies the reply subject of entry n when nothing was said of it for that long; false when it is
// not to be touched.
bool nats_queue_touch(struct nats_queue *queue, uint64_t n, int64_t now_ns, int64_t patience_ns,
                      char reply[static NATS_REPLY_MAX]);

// Answers all that the worker has not with SOURCE_AGAIN.
void nats_queue_give_up(struct nats_queue *queue);
