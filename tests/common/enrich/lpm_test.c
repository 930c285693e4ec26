// Longest-prefix match against a linear search that is too simple to be wrong.
#include "common/enrich/lpm.h"

#include "common/base/cursor.h"

#include "tests/common/flow/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PREFIX_COUNT 600
#define LOOKUPS      3000
#define ROUNDS       30

static int compare(const void *a, const void *b)
{
    const struct lpm_entry *left = a;
    const struct lpm_entry *right = b;
    return lpm_compare(&left->prefix, &right->prefix);
}

static uint64_t linear_find(const struct lpm_entry *entries, size_t count, const struct addr *addr)
{
    uint64_t value = LPM_NONE;
    int bits = -1;
    for (size_t i = 0; i < count; i++) {
        if (!prefix_contains(&entries[i].prefix, addr) || entries[i].prefix.bits <= bits)
            continue;
        bits = entries[i].prefix.bits;
        value = entries[i].value;
    }
    return value;
}

static uint64_t find(const struct lpm *lpm, const struct addr *addr)
{
    return addr->len == 4 ? lpm_find_ipv4(lpm, addr->bytes) : lpm_find_ipv6(lpm, addr->bytes);
}

// Addresses that share long beginnings, so that prefixes nest and neighbours are close.
static struct addr random_addr(uint64_t *seed)
{
    static const uint8_t common[] = {0x20, 0x01, 0x0d, 0xb8};
    struct addr addr = {.len = random_next(seed) % 2 == 0 ? 4 : 16};
    size_t shared = random_next(seed) % (addr.len + 1u);
    for (size_t i = 0; i < addr.len; i++)
        addr.bytes[i] = i < shared ? common[i % 4] : (uint8_t)random_next(seed);
    return addr;
}

static size_t random_entries(struct lpm_entry *entries, size_t count, uint64_t *seed)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct prefix prefix = {.addr = random_addr(seed)};
        prefix.bits = (uint8_t)(random_next(seed) % (prefix.addr.len * 8u + 1));
        entries[i].prefix = prefix_mask(&prefix);
        entries[i].value = random_next(seed) % 20 + 1 + (random_next(seed) % 2 << 40);
    }
    qsort(entries, count, sizeof *entries, compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare(&entries[kept - 1], &entries[i]) != 0)
            entries[kept++] = entries[i];
    return kept;
}

static struct lpm_key key_of(const struct addr *addr)
{
    return (struct lpm_key){
        .high = bytes_u64(addr->bytes),
        .low = bytes_u64(addr->bytes + 8),
        .is_ipv6 = addr->len == 16,
    };
}

// An address anywhere, or at an edge of a prefix: its first one, and the one before.
static struct addr question(const struct lpm_entry *entries, size_t count, uint64_t *seed)
{
    struct addr addr = random_addr(seed);
    uint64_t kind = random_next(seed) % 4;
    if (kind >= 2)
        addr = entries[random_next(seed) % count].prefix.addr;
    if (kind == 3)
        addr.bytes[addr.len - 1]--;
    return addr;
}

static void finds_what_a_linear_search_finds(void **state)
{
    (void)state;
    static struct lpm_entry entries[PREFIX_COUNT];
    uint64_t seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = random_entries(entries, 1 + random_next(&seed) % PREFIX_COUNT, &seed);
        struct lpm *lpm = lpm_new(entries, count);
        assert_non_null(lpm);
        for (int i = 0; i < LOOKUPS; i++) {
            struct addr addr = question(entries, count, &seed);
            assert_int_equal(find(lpm, &addr), linear_find(entries, count, &addr));
        }
        lpm_free(lpm);
    }
}

// Groups of every size find what their addresses find alone.
static void finds_in_groups(void **state)
{
    (void)state;
    static struct lpm_entry entries[PREFIX_COUNT];
    uint64_t seed = 17;
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = random_entries(entries, 1 + random_next(&seed) % PREFIX_COUNT, &seed);
        struct lpm *lpm = lpm_new(entries, count);
        assert_non_null(lpm);
        for (size_t group = 0; group <= LPM_GROUP_MAX; group++) {
            struct addr addrs[LPM_GROUP_MAX];
            struct lpm_key keys[LPM_GROUP_MAX];
            uint64_t values[LPM_GROUP_MAX];
            for (size_t i = 0; i < LPM_GROUP_MAX; i++) {
                addrs[i] = question(entries, count, &seed);
                keys[i] = key_of(&addrs[i]);
                values[i] = UINT64_MAX;
            }
            lpm_find_group(lpm, keys, group, values);
            for (size_t i = 0; i < LPM_GROUP_MAX; i++)
                assert_int_equal(values[i], i < group ? find(lpm, &addrs[i]) : UINT64_MAX);
        }
        lpm_free(lpm);
    }
}

static struct lpm_entry entry(const char *text, uint64_t value)
{
    struct lpm_entry out = {.value = value};
    assert_int_equal(prefix_parse(&out.prefix, text), PREFIX_OK);
    return out;
}

static uint64_t find_text(const struct lpm *lpm, const char *text)
{
    struct addr addr;
    assert_int_equal(addr_parse(&addr, text), 0);
    return find(lpm, &addr);
}

static void finds_at_every_length(void **state)
{
    (void)state;
    struct lpm_entry entries[33 + 129];
    size_t count = 0;
    for (unsigned bits = 0; bits <= 32; bits++, count++) {
        entries[count] = (struct lpm_entry){{{{255, 255, 255, 255}, 4}, (uint8_t)bits}, bits + 1};
        entries[count].prefix = prefix_mask(&entries[count].prefix);
    }
    for (unsigned bits = 0; bits <= 128; bits++, count++) {
        struct prefix prefix = {.addr.len = 16, .bits = (uint8_t)bits};
        memset(prefix.addr.bytes, 0xff, 16);
        entries[count] = (struct lpm_entry){prefix_mask(&prefix), 100 + bits};
    }
    qsort(entries, count, sizeof entries[0], compare);
    struct lpm *lpm = lpm_new(entries, count);
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct addr addr = {.len = 16};
        memset(addr.bytes, 0xff, 16);
        if (bits < 128)
            addr.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
        assert_int_equal(lpm_find_ipv6(lpm, addr.bytes), 100 + bits);
        if (bits > 32)
            continue;
        memset(addr.bytes, 0xff, 4);
        if (bits < 32)
            addr.bytes[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
        assert_int_equal(lpm_find_ipv4(lpm, addr.bytes), 1 + bits);
    }
    lpm_free(lpm);
}

static void finds_nothing_in_an_empty_table(void **state)
{
    (void)state;
    struct lpm *lpm = lpm_new(NULL, 0);
    assert_non_null(lpm);
    assert_int_equal(find_text(lpm, "192.0.2.1"), LPM_NONE);
    assert_int_equal(find_text(lpm, "2001:db8::1"), LPM_NONE);
    lpm_free(lpm);
}

static void keeps_the_families_apart(void **state)
{
    (void)state;
    const struct lpm_entry entries[] = {entry("0.0.0.0/0", 1), entry("2001:db8::/32", 2)};
    struct lpm *lpm = lpm_new(entries, 2);
    assert_int_equal(find_text(lpm, "32.1.13.184"), 1);
    assert_int_equal(find_text(lpm, "::1"), LPM_NONE);
    assert_int_equal(find_text(lpm, "2001:db8:ffff::"), 2);
    assert_int_equal(find_text(lpm, "2001:db9::"), LPM_NONE);
    lpm_free(lpm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_linear_search_finds),
        cmocka_unit_test(finds_in_groups),
        cmocka_unit_test(finds_at_every_length),
        cmocka_unit_test(finds_nothing_in_an_empty_table),
        cmocka_unit_test(keeps_the_families_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
