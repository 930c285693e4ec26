// What takes more than one element of a record, for plan_run.c, which keeps what they say.
#pragma once

#include "collector/decode/plan_state.h"

#define PLAN_STACK_MAX 10        // label stack entries that have an element
#define PLAN_RANK_NONE UINT8_MAX // no element has filled the field

// What a record's elements say, to be settled when all of them are there.
struct plan_scratch {
    uint8_t rank[FLOW_FIELD_COUNT]; // of the element that fills the field
    uint32_t stack[PLAN_STACK_MAX]; // label stack entries without TTL; 0: there is none
    struct span section;
    uint8_t section_rank;
    uint8_t section_kind;
};

struct plan_run {
    const struct plan *plan;
    struct flow *flow;
    struct plan_result *result;
    struct ledger *ledger;
    struct plan_scratch *scratch; // NULL: the plan needs none
};

static inline bool plan_only_zeros(const uint8_t *at, size_t len)
{
    size_t i = 0;
    while (i < len && at[i] == 0)
        i++;
    return i == len;
}

// OP_PACKET, OP_FAMILY, OP_LABELS, when all elements of the record have been looked at.
void plan_settle(const struct plan_run *run, const struct op *op);
