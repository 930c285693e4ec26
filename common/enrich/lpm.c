#include "common/enrich/lpm.h"

#include "common/base/cursor.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ROOT_BITS    16
#define STRIDE       6
#define NODE_SLOTS   (1 << STRIDE)
#define ROOT_IS_NODE 0x80000000u // of a root slot: the rest is a node's index, else a value

// One bit per slot. Slots with a child count into `first_child`; the others are leaves, and runs of
// equal leaves are kept once: `leaf_starts` marks where a run begins, counting into `first_leaf`.
struct node {
    uint64_t children;
    uint64_t leaf_starts;
    uint32_t first_child;
    uint32_t first_leaf;
};

typedef uint32_t walk_function(const struct lpm *lpm, uint32_t slot, uint64_t high, uint64_t low);

struct lpm {
    walk_function *walk;
    struct node *nodes;
    uint32_t *leaves;
    size_t node_count;
    size_t node_cap;
    size_t leaf_count;
    size_t leaf_cap;
    uint32_t roots[2][1 << ROOT_BITS]; // IPv4, IPv6
};

// What becomes of one slot while a level is laid out: a leaf, or a child made of the entries
// [first, first + count) whose prefixes are longer than the level reaches.
struct slot {
    uint32_t value;
    size_t first;
    size_t count;
};

int lpm_compare(const struct prefix *a, const struct prefix *b)
{
    if (a->addr.len != b->addr.len)
        return a->addr.len < b->addr.len ? -1 : 1;
    uint64_t high_a = bytes_u64(a->addr.bytes);
    uint64_t high_b = bytes_u64(b->addr.bytes);
    if (high_a != high_b)
        return high_a < high_b ? -1 : 1;
    uint64_t low_a = bytes_u64(a->addr.bytes + 8);
    uint64_t low_b = bytes_u64(b->addr.bytes + 8);
    if (low_a != low_b)
        return low_a < low_b ? -1 : 1;
    return (int)a->bits - (int)b->bits;
}

// Bits [from, from + len) of the address, zeros past its end.
static size_t address_bits(const struct addr *addr, unsigned from, unsigned len)
{
    size_t value = 0;
    for (unsigned bit = from; bit < from + len; bit++) {
        unsigned byte = bit / 8 < sizeof addr->bytes ? addr->bytes[bit / 8] : 0;
        value = value << 1 | (byte >> (7 - bit % 8) & 1);
    }
    return value;
}

// Lays `count` sorted entries out over the slots of one level, which covers `stride` bits after the
// first `depth`. An entry that ends in this level fills its slots; the longer ones, which come
// after it in the order, then stand in front of it.
static void lay_out(struct slot *slots, unsigned depth, unsigned stride, uint32_t inherited,
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
    if (larger > ROOT_IS_NODE)
        return NULL;
    items = realloc(items, larger * size);
    if (items != NULL)
        *cap = larger;
    return items;
}

// The index of `count` new nodes, or -1.
static int64_t take_nodes(struct lpm *lpm, size_t count)
{
    struct node *nodes = reserve(lpm->nodes, lpm->node_count, &lpm->node_cap, count, sizeof *nodes);
    if (nodes == NULL)
        return -1;
    lpm->nodes = nodes;
    lpm->node_count += count;
    return (int64_t)(lpm->node_count - count);
}

static int put_leaf(struct lpm *lpm, uint32_t value)
{
    uint32_t *leaves = reserve(lpm->leaves, lpm->leaf_count, &lpm->leaf_cap, 1, sizeof *leaves);
    if (leaves == NULL)
        return -1;
    lpm->leaves = leaves;
    lpm->leaves[lpm->leaf_count++] = value;
    return 0;
}

// Fills the node's bits and its leaves; its children get their place, side by side.
static int put_node(struct lpm *lpm, size_t index, const struct slot *slots)
{
    struct node node = {.first_leaf = (uint32_t)lpm->leaf_count};
    bool in_run = false;
    for (unsigned i = 0; i < NODE_SLOTS; i++) {
        if (slots[i].count != 0) {
            node.children |= UINT64_C(1) << i;
            continue;
        }
        if (in_run && lpm->leaves[lpm->leaf_count - 1] == slots[i].value)
            continue;
        if (put_leaf(lpm, slots[i].value) != 0)
            return -1;
        node.leaf_starts |= UINT64_C(1) << i;
        in_run = true;
    }
    int64_t child = take_nodes(lpm, (size_t)__builtin_popcountll(node.children));
    if (child < 0)
        return -1;
    node.first_child = (uint32_t)child;
    lpm->nodes[index] = node;
    return 0;
}

// Recursion ends: each step goes 6 bits down, 19 steps from bit 16 to bit 128.
static int build_node(struct lpm *lpm, size_t index, unsigned depth, uint32_t inherited,
                      const struct lpm_entry *entries, size_t first, size_t count)
{
    struct slot slots[NODE_SLOTS];
    lay_out(slots, depth, STRIDE, inherited, entries, first, count);
    if (put_node(lpm, index, slots) != 0)
        return -1;
    size_t child = lpm->nodes[index].first_child;
    for (unsigned i = 0; i < NODE_SLOTS; i++)
        if (slots[i].count != 0 && build_node(lpm, child++, depth + STRIDE, slots[i].value, entries,
                                              slots[i].first, slots[i].count) != 0)
            return -1;
    return 0;
}

static int build_root(struct lpm *lpm, uint32_t *root, const struct lpm_entry *entries,
                      size_t first, size_t count)
{
    int result = -1;
    struct slot *slots = malloc(sizeof *slots << ROOT_BITS);
    if (slots == NULL)
        return -1;
    lay_out(slots, 0, ROOT_BITS, LPM_NONE, entries, first, count);
    for (size_t i = 0; i < 1 << ROOT_BITS; i++) {
        root[i] = slots[i].value;
        if (slots[i].count == 0)
            continue;
        int64_t node = take_nodes(lpm, 1);
        if (node < 0 || build_node(lpm, (size_t)node, ROOT_BITS, slots[i].value, entries,
                                   slots[i].first, slots[i].count) != 0)
            goto out;
        root[i] = ROOT_IS_NODE | (uint32_t)node;
    }
    result = 0;
out:
    free(slots);
    return result;
}

// `high` and `low` are the address's bits after those of the root, from the left.
static inline __attribute__((always_inline)) uint32_t walk(const struct lpm *lpm, uint32_t slot,
                                                           uint64_t high, uint64_t low)
{
    const struct node *node = &lpm->nodes[slot & ~ROOT_IS_NODE];
    for (;;) {
        uint64_t bit = UINT64_C(1) << (high >> (64 - STRIDE));
        if ((node->children & bit) == 0) {
            uint64_t starts = node->leaf_starts & (bit | (bit - 1));
            return lpm->leaves[node->first_leaf + (uint32_t)__builtin_popcountll(starts) - 1];
        }
        uint64_t before = node->children & (bit - 1);
        node = &lpm->nodes[node->first_child + (uint32_t)__builtin_popcountll(before)];
        high = high << STRIDE | low >> (64 - STRIDE);
        low <<= STRIDE;
    }
}

static uint32_t walk_plain(const struct lpm *lpm, uint32_t slot, uint64_t high, uint64_t low)
{
    return walk(lpm, slot, high, low);
}

// Counting bits is one instruction on every x86 of the last fifteen years, but not in the baseline
// that distributions build for.
#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint32_t walk_popcnt(const struct lpm *lpm, uint32_t slot,
                                                              uint64_t high, uint64_t low)
{
    return walk(lpm, slot, high, low);
}

static walk_function *choose_walk(void)
{
    return __builtin_cpu_supports("popcnt") ? walk_popcnt : walk_plain;
}
#else
static walk_function *choose_walk(void)
{
    return walk_plain;
}
#endif

static void shrink(struct lpm *lpm)
{
    struct node *nodes = realloc(lpm->nodes, (lpm->node_count + 1) * sizeof *nodes);
    uint32_t *leaves = realloc(lpm->leaves, (lpm->leaf_count + 1) * sizeof *leaves);
    if (nodes != NULL) {
        lpm->nodes = nodes;
        lpm->node_cap = lpm->node_count + 1;
    }
    if (leaves != NULL) {
        lpm->leaves = leaves;
        lpm->leaf_cap = lpm->leaf_count + 1;
    }
}

struct lpm *lpm_new(const struct lpm_entry *entries, size_t count)
{
    struct lpm *lpm = calloc(1, sizeof *lpm);
    if (lpm == NULL)
        return NULL;
    lpm->walk = choose_walk();
    size_t ipv4 = 0;
    while (ipv4 < count && entries[ipv4].prefix.addr.len == 4)
        ipv4++;
    for (size_t i = 0; i < count; i++) {
        assert(entries[i].value != LPM_NONE && entries[i].value <= LPM_VALUE_MAX);
        assert(i == 0 || lpm_compare(&entries[i - 1].prefix, &entries[i].prefix) < 0);
    }
    if (build_root(lpm, lpm->roots[0], entries, 0, ipv4) != 0 ||
        build_root(lpm, lpm->roots[1], entries, ipv4, count - ipv4) != 0) {
        lpm_free(lpm);
        return NULL;
    }
    shrink(lpm);
    return lpm;
}

void lpm_free(struct lpm *lpm)
{
    if (lpm == NULL)
        return;
    free(lpm->nodes);
    free(lpm->leaves);
    free(lpm);
}

uint32_t lpm_find_ipv4(const struct lpm *lpm, const uint8_t *addr)
{
    uint32_t bits = bytes_u32(addr);
    uint32_t slot = lpm->roots[0][bits >> ROOT_BITS];
    if ((slot & ROOT_IS_NODE) == 0)
        return slot;
    return lpm->walk(lpm, slot, (uint64_t)bits << (32 + ROOT_BITS), 0);
}

uint32_t lpm_find_ipv6(const struct lpm *lpm, const uint8_t *addr)
{
    uint64_t high = bytes_u64(addr);
    uint64_t low = bytes_u64(addr + 8);
    uint32_t slot = lpm->roots[1][high >> (64 - ROOT_BITS)];
    if ((slot & ROOT_IS_NODE) == 0)
        return slot;
    return lpm->walk(lpm, slot, high << ROOT_BITS | low >> (64 - ROOT_BITS), low << ROOT_BITS);
}

size_t lpm_bytes(const struct lpm *lpm)
{
    return sizeof *lpm + lpm->node_cap * sizeof *lpm->nodes + lpm->leaf_cap * sizeof *lpm->leaves;
}
