// The memory of a longest-prefix match: for lpm.c, which reads it, and lpm_build.c, which lays it
// out.
#pragma once

#include "common/enrich/lpm.h"

#define LPM_ROOT_BITS  18
#define LPM_ROOT_SLOTS ((size_t)1 << LPM_ROOT_BITS)
#define LPM_STRIDE     6
#define LPM_NODE_SLOTS (1 << LPM_STRIDE)

// Of the index that a slot leads to: that of a node, else that of a leaf. Leaf 0 has no value.
#define LPM_IS_NODE 0x80000000u

// One bit per slot. Slots with a child count into `first_child`; the others are leaves, and runs of
// equal leaves are kept once: `leaf_starts` marks where a run begins, counting into `first_leaf`.
struct lpm_node {
    uint64_t children;
    uint64_t leaf_starts;
    uint32_t first_child;
    uint32_t first_leaf;
};

typedef uint32_t lpm_walk_function(const struct lpm *lpm, uint32_t slot, uint64_t high,
                                   uint64_t low);
typedef void lpm_group_function(const struct lpm *lpm, const struct lpm_key *keys, size_t count,
                                uint64_t *values);

struct lpm {
    lpm_walk_function *walk;
    lpm_group_function *walk_group;
    struct lpm_node *nodes;
    uint64_t *leaves;
    uint32_t *roots; // those of IPv4, then those of IPv6
    size_t node_count;
    size_t leaf_count;
};

// Chooses the functions that suit the processor.
void lpm_choose_walk(struct lpm *lpm);
