// Messages that were handed over and not acknowledged yet, oldest first: at most as many as the
// window has slots.
//
// A message keeps its number for its life in the window; acknowledgements name it. Slots are freed
// in any order: one that stays unacknowledged holds its own place alone. No lock: the sink's mutex
// guards it. Messages are freed by window_reap alone, so that the one thread that sends and reaps
// may use a message without the lock.
#pragma once

#include "common/sink/nats/message.h"

struct window_slot {
    struct nats_message *message; // NULL: the slot is free
    uint64_t number;
    uint32_t before; // its neighbours in the order of coming: places in `slots`
    uint32_t after;
    bool done;            // acknowledged or given up: window_settle
    bool answered;        // with a refusal, since it was sent last
    uint32_t sends;       // how often it was sent
    uint32_t refusals;    // how often it was refused, or not answered in time
    int64_t refused_ns;   // for the first time
    int64_t due_ns;       // when it is to be sent (again), monotonic
    size_t from;          // what was sent in parts (part.h) ends here in its data,
    uint32_t passed;      // with so many flows,
    uint32_t too_large;   // of which no message could take so many
    uint32_t part_flows;  // in the part that is being sent,
    size_t part_len;      // and its bytes; 0: none is chosen
    size_t part_max;      // larger ones were refused; 0: none was
    uint64_t spool_at;    // where its record begins and ends in the spool;
    uint64_t spool_end;   // 0: it is not there
    uint64_t spool_flows; // in that record
};

struct window {
    struct window_slot *slots;
    size_t cap;
    size_t used;        // slots with a message,
    size_t settled;     // of which so many are done and not reaped
    uint32_t oldest;    // of those not done; places in `slots`, as are all below
    uint32_t newest;    // of the same
    uint32_t next;      // of the same, the first that was never due
    uint32_t free;      // those without a message, the others of them `after` it
    uint32_t done;      // those to be reaped, likewise
    int64_t soonest_ns; // none before `next` is due earlier
};

// 0, or -ENOMEM. `cap` is at least 1.
int window_init(struct window *window, size_t cap);
void window_fini(struct window *window); // frees the messages too

static inline bool window_full(const struct window *window)
{
    return window->used == window->cap;
}

static inline bool window_empty(const struct window *window)
{
    return window->used == 0;
}

// The slot of that number, or NULL when it is not in the window.
struct window_slot *window_find(struct window *window, uint64_t number);

// Of those that are not done: the oldest, and the one that came after another; or the newest, and
// the one before. NULL when there is none.
struct window_slot *window_oldest(const struct window *window);
struct window_slot *window_after(const struct window *window, const struct window_slot *slot);
struct window_slot *window_newest(const struct window *window);
struct window_slot *window_before(const struct window *window, const struct window_slot *slot);

// Takes the message over, to be sent at once. The window must not be full.
struct window_slot *window_push(struct window *window, struct nats_message *take);

// The first message that is due at now_ns; NULL when none is, and *next_ns is then when the first
// will be (INT64_MAX: never).
struct window_slot *window_due(struct window *window, int64_t now_ns, int64_t *next_ns);

// It is acknowledged or given up: done, which it was not.
void window_settle(struct window *window, struct window_slot *slot);

// Whether reaping is worth it: all is done, or an eighth of the window.
static inline bool window_ripe(const struct window *window)
{
    return window->settled == window->used || window->settled >= window->cap / 8;
}

// Says when that message, which is not done, is due next.
void window_delay(struct window *window, struct window_slot *slot, int64_t due_ns);

// All that was sent is due now, with due_ns 0: the connection is new.
void window_expire(struct window *window);

// Frees one message that is done, and tells what its slot was (the message itself is gone). False
// when there is none.
bool window_reap(struct window *window, struct window_slot *was);
