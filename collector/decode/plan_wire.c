#include "collector/decode/plan_wire.h"

#include "collector/decode/plan_state.h"
#include "collector/decode/plan_wire_state.h"

#include <stdlib.h>
#include <string.h>

// All that is in a wire follows from its steps.
static bool is_same(const struct plan_wire *a, const struct plan_wire *b)
{
    return a->hash == b->hash && a->etype == b->etype && a->step_count == b->step_count &&
           memcmp(a->steps, b->steps, a->step_count * sizeof a->steps[0]) == 0;
}

// One that is there already in the place of this one, or it. Takes it over.
static struct plan_wire *intern(struct plan_wire_pool *pool, struct plan_wire *fresh)
{
    struct plan_wire **bucket = &pool->buckets[fresh->hash % PLAN_WIRE_BUCKETS];
    struct plan_wire *known = *bucket;
    while (known != NULL && !is_same(known, fresh))
        known = known->next;
    if (known != NULL) {
        free(fresh);
        known->references++;
        return known;
    }
    struct plan_wire *fitted = realloc(fresh, sizeof *fresh +
                                                  (fresh->step_count + 1) * sizeof fresh->steps[0]);
    struct plan_wire *wire = fitted == NULL ? fresh : fitted;
    wire->pool = pool;
    wire->next = *bucket;
    *bucket = wire;
    pool->count++;
    return wire;
}

const struct plan_wire *plan_wire_of(struct plan_wire_pool *pool, struct plan *plan)
{
    if (plan->wire != NULL || plan->wireless || pool->count == PLAN_WIRE_COUNT_MAX)
        return plan->wire;
    struct plan_wire *fresh = plan_wire_compile(plan);
    plan->wireless = fresh == NULL;
    if (fresh != NULL)
        plan->wire = intern(pool, fresh);
    return plan->wire;
}

void plan_wire_release(struct plan_wire *wire)
{
    if (wire == NULL || --wire->references != 0)
        return;
    struct plan_wire **link = &wire->pool->buckets[wire->hash % PLAN_WIRE_BUCKETS];
    while (*link != wire)
        link = &(*link)->next;
    *link = wire->next;
    wire->pool->count--;
    free(wire);
}
