#include "common/sink/nats/window.h"

#include <assert.h>
#include <errno.h>

#define NONE UINT32_MAX // no place

int window_init(struct window *window, size_t cap)
{
    assert(cap != 0 && cap < NONE);
    *window = (struct window){.cap = cap,
                              .oldest = NONE,
                              .newest = NONE,
                              .next = NONE,
                              .done = NONE,
                              .soonest_ns = INT64_MAX};
    window->slots = calloc(cap, sizeof window->slots[0]);
    if (window->slots == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < cap; i++) {
        window->slots[i].number = i;
        window->slots[i].after = i + 1 < cap ? i + 1 : NONE;
    }
    return 0;
}

void window_fini(struct window *window)
{
    for (size_t i = 0; window->slots != NULL && i < window->cap; i++)
        free(window->slots[i].message);
    free(window->slots);
    *window = (struct window){.cap = 0};
}

static struct window_slot *slot_at(const struct window *window, uint32_t place)
{
    return place == NONE ? NULL : &window->slots[place];
}

static uint32_t place_of(const struct window *window, const struct window_slot *slot)
{
    return (uint32_t)(slot - window->slots);
}

struct window_slot *window_find(struct window *window, uint64_t number)
{
    struct window_slot *slot = &window->slots[number % window->cap];
    return slot->message == NULL || slot->number != number ? NULL : slot;
}

struct window_slot *window_oldest(const struct window *window)
{
    return slot_at(window, window->oldest);
}

struct window_slot *window_after(const struct window *window, const struct window_slot *slot)
{
    return slot_at(window, slot->after);
}

struct window_slot *window_newest(const struct window *window)
{
    return slot_at(window, window->newest);
}

struct window_slot *window_before(const struct window *window, const struct window_slot *slot)
{
    return slot_at(window, slot->before);
}

struct window_slot *window_push(struct window *window, struct nats_message *take)
{
    assert(!window_full(window));
    uint32_t place = window->free;
    struct window_slot *slot = slot_at(window, place);
    struct window_slot *before = slot_at(window, window->newest);
    window->free = slot->after;
    window->used++;
    *slot = (struct window_slot){
        .message = take, .number = slot->number, .before = window->newest, .after = NONE};
    if (before != NULL)
        before->after = place;
    else
        window->oldest = place;
    window->newest = place;
    window->next = window->next == NONE ? place : window->next;
    return slot;
}

// Looks through what was due before: only when one of it is again.
static struct window_slot *find_due(struct window *window, int64_t now_ns)
{
    int64_t soonest_ns = INT64_MAX;
    for (uint32_t i = window->oldest; i != window->next; i = window->slots[i].after) {
        struct window_slot *slot = &window->slots[i];
        if (slot->due_ns <= now_ns)
            return slot;
        soonest_ns = slot->due_ns < soonest_ns ? slot->due_ns : soonest_ns;
    }
    window->soonest_ns = soonest_ns;
    return NULL;
}

struct window_slot *window_due(struct window *window, int64_t now_ns, int64_t *next_ns)
{
    struct window_slot *slot = NULL;
    if (window->soonest_ns <= now_ns)
        slot = find_due(window, now_ns);
    if (slot == NULL)
        slot = slot_at(window, window->next);
    *next_ns = window->soonest_ns;
    return slot;
}

void window_settle(struct window *window, struct window_slot *slot)
{
    struct window_slot *before = slot_at(window, slot->before);
    struct window_slot *after = slot_at(window, slot->after);
    uint32_t place = place_of(window, slot);
    assert(!slot->done && slot->message != NULL);
    window->next = window->next == place ? slot->after : window->next;
    *(before != NULL ? &before->after : &window->oldest) = slot->after;
    *(after != NULL ? &after->before : &window->newest) = slot->before;
    slot->done = true;
    slot->after = window->done;
    window->done = place;
    window->settled++;
}

void window_delay(struct window *window, struct window_slot *slot, int64_t due_ns)
{
    assert(!slot->done);
    slot->due_ns = due_ns;
    if (window->next == place_of(window, slot))
        window->next = slot->after;
    window->soonest_ns = due_ns < window->soonest_ns ? due_ns : window->soonest_ns;
}

void window_expire(struct window *window)
{
    for (uint32_t i = window->oldest; i != window->next; i = window->slots[i].after)
        window->slots[i].due_ns = 0;
    window->soonest_ns = 0;
}

bool window_reap(struct window *window, struct window_slot *was)
{
    struct window_slot *slot = slot_at(window, window->done);
    if (slot == NULL)
        return false;
    uint32_t place = window->done;
    window->done = slot->after;
    *was = *slot;
    free(slot->message);
    was->message = NULL;
    *slot = (struct window_slot){.number = slot->number + window->cap, .after = window->free};
    window->free = place;
    window->used--;
    window->settled--;
    return true;
}
