#include "common/enrich/lpm_table.h"

#include "common/base/cursor.h"
#include "common/enrich/pages.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROOTS_BYTES (2 * LPM_ROOT_SLOTS * sizeof(uint32_t))

// The tables while they grow.
struct builder {
    uint32_t *roots;
    struct lpm_node *nodes;
    uint64_t *leaves;
    size_t node_count;
    size_t node_cap;
    size_t leaf_count;
    size_t leaf_cap;
};

// What becomes of one slot while a level is laid out: a leaf, or a child made of the entries
// [first, first + count) whose prefixes are longer than the level reaches.
struct slot {
    uint64_t value;
    size_t first;
    size_t count;
};

// Bits [from, from + len) of the address, zeros past its end.
static size_t address_bits(const struct addr *addr, unsigned from, unsigned len)
{
    uint64_t high = bytes_u64(addr->bytes);
    uint64_t low = bytes_u64(addr->bytes + 8);
    if (from >= 64)
        return (size_t)(low << (from - 64) >> (64 - len));
    uint64_t word = from == 0 ? high : high << from | low >> (64 - from);
    return (size_t)(word >> (64 - len));
}

// Lays `count` sorted entries out over the slots of one level, which covers `stride` bits after the
// first `depth`. An entry that ends in this level fills its slots; the longer ones, which come
// after it in the order, then stand in front of it.
static void lay_out(struct slot *slots, unsigned depth, unsigned stride, uint64_t inherited,
                    const struct lpm_entry *entries, size_t first, size_t count)
{
    for (size_t i = 0; i < (size_t)1 << stride; i++)
        slots[i] = (struct slot){.value = inherited};
    for (size_t i = first; i < first + count; i++) {
        const struct prefix *prefix = &entries[i].prefix;
        struct slot *slot = &slots[address_bits(&prefix->addr, depth, stride)];
        if (prefix->bits > depth + stride) {
            if (slot->count++ == 0)
                slot->first = i;
            continue;
        }
        for (size_t n = (size_t)1 << (depth + stride - prefix->bits); n > 0; n--, slot++)
            slot->value = entries[i].value;
    }
}

// Room for `more` items; NULL without memory.
static void *reserve(void *items, size_t count, size_t *cap, size_t more, size_t size)
{
    if (*cap - count >= more)
        return items;
    size_t larger = *cap + *cap / 2 + more;
    if (larger > LPM_IS_NODE)
        return NULL;
    items = realloc(items, larger * size);
    if (items != NULL)
        *cap = larger;
    return items;
}

// The index of `count` new nodes, or -1.
static int64_t take_nodes(struct builder *builder, size_t count)
{
    struct lpm_node *nodes = reserve(builder->nodes, builder->node_count, &builder->node_cap, count,
                                     sizeof *nodes);
    if (nodes == NULL)
        return -1;
    builder->nodes = nodes;
    builder->node_count += count;
    return (int64_t)(builder->node_count - count);
}

static int put_leaf(struct builder *builder, uint64_t value)
{
    uint64_t *leaves = reserve(builder->leaves, builder->leaf_count, &builder->leaf_cap, 1,
                               sizeof *leaves);
    if (leaves == NULL)
        return -1;
    builder->leaves = leaves;
    builder->leaves[builder->leaf_count++] = value;
    return 0;
}

// Fills the node's bits and its leaves; its children get their place, side by side.
static int put_node(struct builder *builder, size_t index, const struct slot *slots)
{
    struct lpm_node node = {.first_leaf = (uint32_t)builder->leaf_count};
    bool in_run = false;
    for (unsigned i = 0; i < LPM_NODE_SLOTS; i++) {
        if (slots[i].count != 0) {
            node.children |= UINT64_C(1) << i;
            continue;
        }
        if (in_run && builder->leaves[builder->leaf_count - 1] == slots[i].value)
            continue;
        if (put_leaf(builder, slots[i].value) != 0)
            return -1;
        node.leaf_starts |= UINT64_C(1) << i;
        in_run = true;
    }
    int64_t child = take_nodes(builder, (size_t)__builtin_popcountll(node.children));
    if (child < 0)
        return -1;
    node.first_child = (uint32_t)child;
    builder->nodes[index] = node;
    return 0;
}

// Recursion ends: each step goes 6 bits down, 19 steps from bit 18 to bit 132, past every address.
static int build_node(struct builder *builder, size_t index, unsigned depth, uint64_t inherited,
                      const struct lpm_entry *entries, size_t first, size_t count)
{
    struct slot slots[LPM_NODE_SLOTS];
    lay_out(slots, depth, LPM_STRIDE, inherited, entries, first, count);
    if (put_node(builder, index, slots) != 0)
        return -1;
    size_t child = builder->nodes[index].first_child;
    for (unsigned i = 0; i < LPM_NODE_SLOTS; i++)
        if (slots[i].count != 0 && build_node(builder, child++, depth + LPM_STRIDE, slots[i].value,
                                              entries, slots[i].first, slots[i].count) != 0)
            return -1;
    return 0;
}

// What one slot of the root leads to; -1 without memory. Leaves that are equal to the last one of
// the root, which is `last`, are not kept twice.
static int64_t build_slot(struct builder *builder, const struct slot *slot, uint32_t *last,
                          const struct lpm_entry *entries)
{
    if (slot->count != 0) {
        int64_t node = take_nodes(builder, 1);
        if (node < 0 || build_node(builder, (size_t)node, LPM_ROOT_BITS, slot->value, entries,
                                   slot->first, slot->count) != 0)
            return -1;
        return LPM_IS_NODE | node;
    }
    if (builder->leaves[*last] != slot->value) {
        if (put_leaf(builder, slot->value) != 0)
            return -1;
        *last = (uint32_t)builder->leaf_count - 1;
    }
    return *last;
}

static int build_root(struct builder *builder, uint32_t *root, const struct lpm_entry *entries,
                      size_t first, size_t count)
{
    int result = -1;
    uint32_t last = 0;
    if (count == 0)
        return 0;
    struct slot *slots = malloc(sizeof *slots << LPM_ROOT_BITS);
    if (slots == NULL)
        return -1;
    lay_out(slots, 0, LPM_ROOT_BITS, LPM_NONE, entries, first, count);
    for (size_t i = 0; i < LPM_ROOT_SLOTS; i++) {
        int64_t slot = build_slot(builder, &slots[i], &last, entries);
        if (slot < 0)
            goto out;
        root[i] = (uint32_t)slot;
    }
    result = 0;
out:
    free(slots);
    return result;
}

static int build(struct builder *builder, const struct lpm_entry *entries, size_t count)
{
    size_t ipv4 = 0;
    while (ipv4 < count && entries[ipv4].prefix.addr.len == 4)
        ipv4++;
    builder->roots = pages_new(ROOTS_BYTES);
    if (builder->roots == NULL || put_leaf(builder, LPM_NONE) != 0 ||
        build_root(builder, builder->roots, entries, 0, ipv4) != 0 ||
        build_root(builder, builder->roots + LPM_ROOT_SLOTS, entries, ipv4, count - ipv4) != 0)
        return -1;
    return 0;
}

// Moves the tables into memory of their size.
static int settle(struct lpm *lpm, struct builder *builder)
{
    lpm->node_count = builder->node_count;
    lpm->leaf_count = builder->leaf_count;
    lpm->nodes = pages_copy(builder->nodes, builder->node_count * sizeof *lpm->nodes);
    lpm->leaves = pages_copy(builder->leaves, builder->leaf_count * sizeof *lpm->leaves);
    lpm->roots = builder->roots;
    builder->roots = NULL;
    return lpm->nodes == NULL || lpm->leaves == NULL ? -1 : 0;
}

struct lpm *lpm_new(const struct lpm_entry *entries, size_t count)
{
    struct builder builder = {.roots = NULL};
    struct lpm *lpm = calloc(1, sizeof *lpm);
    for (size_t i = 0; i < count; i++) {
        assert(entries[i].value != LPM_NONE);
        assert(i == 0 || lpm_compare(&entries[i - 1].prefix, &entries[i].prefix) < 0);
    }
    if (lpm != NULL && (build(&builder, entries, count) != 0 || settle(lpm, &builder) != 0)) {
        lpm_free(lpm);
        lpm = NULL;
    }
    if (lpm != NULL)
        lpm_choose_walk(lpm);
    pages_free(builder.roots, ROOTS_BYTES);
    free(builder.nodes);
    free(builder.leaves);
    return lpm;
}

void lpm_free(struct lpm *lpm)
{
    if (lpm == NULL)
        return;
    pages_free(lpm->roots, ROOTS_BYTES);
    pages_free(lpm->nodes, lpm->node_count * sizeof *lpm->nodes);
    pages_free(lpm->leaves, lpm->leaf_count * sizeof *lpm->leaves);
    free(lpm);
}

size_t lpm_bytes(const struct lpm *lpm)
{
    return sizeof *lpm + ROOTS_BYTES + lpm->node_count * sizeof *lpm->nodes +
           lpm->leaf_count * sizeof *lpm->leaves;
}
