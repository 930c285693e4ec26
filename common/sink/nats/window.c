#include "common/sink/nats/window.h"

#include <assert.h>
#include <errno.h>

int window_init(struct window *window, size_t cap)
{
    assert(cap != 0);
    *window = (struct window){.cap = cap, .soonest_ns = INT64_MAX};
    window->slots = calloc(cap, sizeof window->slots[0]);
    return window->slots == NULL ? -ENOMEM : 0;
}

static struct window_slot *slot_of(struct window *window, uint64_t number)
{
    return &window->slots[number % window->cap];
}

void window_fini(struct window *window)
{
    for (uint64_t i = window->head; i < window->tail; i++)
        free(slot_of(window, i)->message);
    free(window->slots);
    *window = (struct window){.cap = 0};
}

struct window_slot *window_find(struct window *window, uint64_t number)
{
    if (number < window->head || number >= window->tail)
        return NULL;
    return slot_of(window, number);
}

struct window_slot *window_push(struct window *window, struct nats_message *take)
{
    assert(!window_full(window));
    struct window_slot *slot = slot_of(window, window->tail++);
    *slot = (struct window_slot){.message = take};
    return slot;
}

// Looks through what was due before: only when one of it is again.
static struct window_slot *find_due(struct window *window, int64_t now_ns, uint64_t *number)
{
    int64_t soonest_ns = INT64_MAX;
    for (uint64_t i = window->head; i < window->next; i++) {
        struct window_slot *slot = slot_of(window, i);
        if (slot->done)
            continue;
        if (slot->due_ns <= now_ns) {
            *number = i;
            return slot;
        }
        soonest_ns = slot->due_ns < soonest_ns ? slot->due_ns : soonest_ns;
    }
    window->soonest_ns = soonest_ns;
    return NULL;
}

struct window_slot *window_due(struct window *window, int64_t now_ns, uint64_t *number,
                               int64_t *next_ns)
{
    struct window_slot *slot = NULL;
    if (window->next < window->head)
        window->next = window->head;
    if (window->soonest_ns <= now_ns)
        slot = find_due(window, now_ns, number);
    if (slot == NULL && window->next < window->tail) {
        *number = window->next;
        slot = slot_of(window, window->next);
    }
    *next_ns = window->soonest_ns;
    return slot;
}

void window_settle(struct window *window, struct window_slot *slot)
{
    assert(!slot->done);
    slot->done = true;
    window->settled++;
}

void window_delay(struct window *window, uint64_t number, int64_t due_ns)
{
    struct window_slot *slot = window_find(window, number);
    assert(slot != NULL && !slot->done);
    slot->due_ns = due_ns;
    if (number >= window->next)
        window->next = number + 1;
    window->soonest_ns = due_ns < window->soonest_ns ? due_ns : window->soonest_ns;
}

void window_expire(struct window *window)
{
    for (uint64_t i = window->head; i < window->next; i++)
        slot_of(window, i)->due_ns = 0;
    window->soonest_ns = 0;
}

uint64_t window_reap(struct window *window)
{
    uint64_t spool_end = 0;
    while (window->head < window->tail) {
        struct window_slot *slot = slot_of(window, window->head);
        if (!slot->done)
            break;
        spool_end = slot->spool_end != 0 ? slot->spool_end : spool_end;
        free(slot->message);
        slot->message = NULL;
        window->head++;
        window->settled--;
    }
    return spool_end;
}
