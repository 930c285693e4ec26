#include "common/enrich/lpm.h"

#include "common/base/cursor.h"
#include "common/enrich/lpm_table.h"
#include "common/enrich/pages.h"

#include <assert.h>

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

// One step down by the first bits of `high`: where that slot leads to.
static inline __attribute__((always_inline)) uint32_t step(const struct lpm_node *node,
                                                           uint64_t high)
{
    uint64_t bit = UINT64_C(1) << (high >> (64 - LPM_STRIDE));
    if ((node->children & bit) != 0)
        return LPM_IS_NODE |
               (node->first_child + (uint32_t)__builtin_popcountll(node->children & (bit - 1)));
    uint64_t starts = node->leaf_starts & (bit | (bit - 1));
    return node->first_leaf + (uint32_t)__builtin_popcountll(starts) - 1;
}

// The leaf of an address, of which `high` and `low` are the bits after those of the root, from the
// left.
static inline __attribute__((always_inline)) uint32_t walk(const struct lpm *lpm, uint32_t slot,
                                                           uint64_t high, uint64_t low)
{
    while ((slot & LPM_IS_NODE) != 0) {
        slot = step(&lpm->nodes[slot & ~LPM_IS_NODE], high);
        high = high << LPM_STRIDE | low >> (64 - LPM_STRIDE);
        low <<= LPM_STRIDE;
    }
    return slot;
}

// One address of a group on its way down.
struct walker {
    uint64_t high;
    uint64_t low;
    uint32_t slot;
    uint32_t index;
};

static inline const uint32_t *root_slot(const struct lpm *lpm, bool is_ipv6, uint64_t high)
{
    return &lpm->roots[(is_ipv6 ? LPM_ROOT_SLOTS : 0) + (high >> (64 - LPM_ROOT_BITS))];
}

// One level down for all; those that have come to a leaf note it. How many go on.
static inline __attribute__((always_inline)) size_t
step_group(const struct lpm *lpm, struct walker *walkers, size_t count, uint32_t *leaves)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        pages_touch(&lpm->nodes[walkers[i].slot & ~LPM_IS_NODE].first_leaf);
    for (size_t i = 0; i < count; i++) {
        struct walker walker = walkers[i];
        uint32_t slot = step(&lpm->nodes[walker.slot & ~LPM_IS_NODE], walker.high);
        leaves[walker.index] = slot;
        walkers[left] = (struct walker){
            .high = walker.high << LPM_STRIDE | walker.low >> (64 - LPM_STRIDE),
            .low = walker.low << LPM_STRIDE,
            .slot = slot,
            .index = walker.index,
        };
        left += (slot & LPM_IS_NODE) != 0;
    }
    return left;
}

static inline __attribute__((always_inline)) void
walk_group(const struct lpm *lpm, const struct lpm_key *keys, size_t count, uint64_t *values)
{
    struct walker walkers[LPM_GROUP_MAX];
    uint32_t leaves[LPM_GROUP_MAX];
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        leaves[i] = *root_slot(lpm, keys[i].is_ipv6, keys[i].high);
    for (size_t i = 0; i < count; i++) {
        walkers[left] = (struct walker){
            .high = keys[i].high << LPM_ROOT_BITS | keys[i].low >> (64 - LPM_ROOT_BITS),
            .low = keys[i].low << LPM_ROOT_BITS,
            .slot = leaves[i],
            .index = (uint32_t)i,
        };
        left += (leaves[i] & LPM_IS_NODE) != 0;
    }
    while (left != 0)
        left = step_group(lpm, walkers, left, leaves);
    for (size_t i = 0; i < count; i++)
        values[i] = lpm->leaves[leaves[i]];
}

static uint32_t walk_plain(const struct lpm *lpm, uint32_t slot, uint64_t high, uint64_t low)
{
    return walk(lpm, slot, high, low);
}

static void walk_group_plain(const struct lpm *lpm, const struct lpm_key *keys, size_t count,
                             uint64_t *values)
{
    walk_group(lpm, keys, count, values);
}

// Counting bits is one instruction on every x86 of the last fifteen years, but not in the baseline
// that distributions build for.
#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint32_t walk_popcnt(const struct lpm *lpm, uint32_t slot,
                                                              uint64_t high, uint64_t low)
{
    return walk(lpm, slot, high, low);
}

__attribute__((target("popcnt"))) static void
walk_group_popcnt(const struct lpm *lpm, const struct lpm_key *keys, size_t count, uint64_t *values)
{
    walk_group(lpm, keys, count, values);
}

void lpm_choose_walk(struct lpm *lpm)
{
    bool counts = __builtin_cpu_supports("popcnt");
    lpm->walk = counts ? walk_popcnt : walk_plain;
    lpm->walk_group = counts ? walk_group_popcnt : walk_group_plain;
}
#else
void lpm_choose_walk(struct lpm *lpm)
{
    lpm->walk = walk_plain;
    lpm->walk_group = walk_group_plain;
}
#endif

uint64_t lpm_find_ipv4(const struct lpm *lpm, const uint8_t *addr)
{
    uint64_t high = (uint64_t)bytes_u32(addr) << 32;
    return lpm->leaves[lpm->walk(lpm, *root_slot(lpm, false, high), high << LPM_ROOT_BITS, 0)];
}

uint64_t lpm_find_ipv6(const struct lpm *lpm, const uint8_t *addr)
{
    uint64_t high = bytes_u64(addr);
    uint64_t low = bytes_u64(addr + 8);
    uint32_t slot = *root_slot(lpm, true, high);
    high = high << LPM_ROOT_BITS | low >> (64 - LPM_ROOT_BITS);
    return lpm->leaves[lpm->walk(lpm, slot, high, low << LPM_ROOT_BITS)];
}

void lpm_find_group(const struct lpm *lpm, const struct lpm_key *keys, size_t count,
                    uint64_t *values)
{
    assert(count <= LPM_GROUP_MAX);
    lpm->walk_group(lpm, keys, count, values);
}
