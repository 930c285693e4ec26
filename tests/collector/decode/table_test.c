// The table of senders against a list that does the same slowly.
#include "collector/decode/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define ITEMS 1500
#define STEPS 200000

struct item {
    struct table_entry entry;
    uint64_t used; // the step of its last use; 0: not in the table
    enum table_rank rank;
};

static struct item items[ITEMS];

// Of three kinds: spread evenly, all near the end of the slots (probes go over it), all the same.
static uint64_t hash_of(int kind, unsigned number)
{
    if (kind == 0)
        return number * UINT64_C(0x9e3779b97f4a7c15);
    return kind == 1 ? UINT64_MAX - number % 40 : 77;
}

static bool is_item(const struct table_entry *entry, const void *key)
{
    return (const void *)entry == key;
}

static const struct item *find(const struct table *table, uint64_t hash, const struct item *sought)
{
    return (const struct item *)table_find(table, hash, is_item, sought);
}

// The entry least recently used of the lowest rank.
static const struct item *first_to_go(const struct item *keep)
{
    const struct item *first = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct item *item = &items[i];
        if (item->used == 0 || item == keep)
            continue;
        if (first == NULL || item->rank < first->rank ||
            (item->rank == first->rank && item->used < first->used))
            first = item;
    }
    return first;
}

static void step(struct table *table, struct item *item, uint64_t hash, uint64_t now)
{
    enum table_rank rank = (enum table_rank)(rand() % 50 % TABLE_RANKS);
    assert_ptr_equal(find(table, hash, item), item->used == 0 ? NULL : item);
    if (item->used == 0) {
        assert_int_equal(table_add(table, &item->entry, hash), 0);
        item->used = now;
        item->rank = TABLE_NEWCOMER;
    } else if (rand() % 3 == 0) {
        table_remove(table, &item->entry);
        item->used = 0;
    } else {
        table_use(table, &item->entry, rank);
        item->used = now;
        item->rank = rank > item->rank ? rank : item->rank;
    }
}

static void check_all(const struct table *table, int kind)
{
    size_t count = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        bool is_in = items[i].used != 0;
        assert_ptr_equal(find(table, hash_of(kind, i), &items[i]), is_in ? &items[i] : NULL);
        count += is_in;
    }
    assert_int_equal(table->count, count);
}

static void it_does_what_a_list_does(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct table table;
        unsigned live = kind == 2 ? 60 : ITEMS; // equal ones are found one after the other
        assert_int_equal(table_init(&table), 0);
        for (unsigned i = 0; i < ITEMS; i++)
            items[i].used = 0;
        for (uint64_t now = 1; now <= STEPS; now++) {
            unsigned number = (unsigned)rand() % live;
            step(&table, &items[number], hash_of(kind, number), now);
            if (now % 500 != 0)
                continue;
            const struct item *keep = &items[(unsigned)rand() % live];
            assert_ptr_equal(table_victim(&table, NULL), first_to_go(NULL));
            assert_ptr_equal(table_victim(&table, &keep->entry), first_to_go(keep));
        }
        check_all(&table, kind);
        for (const struct item *item; (item = first_to_go(NULL)) != NULL;) {
            assert_ptr_equal(table_victim(&table, NULL), item);
            table_remove(&table, &items[item - items].entry);
            items[item - items].used = 0;
        }
        assert_null(table_victim(&table, NULL));
        check_all(&table, kind);
        table_fini(&table);
    }
}

// What is fetched ahead may be there or not.
static void fetching_changes_nothing(void **state)
{
    struct table table;
    (void)state;
    assert_int_equal(table_init(&table), 0);
    items[0].used = 0;
    assert_int_equal(table_add(&table, &items[0].entry, 5), 0);
    for (uint64_t hash = 4; hash < 7; hash++) {
        table_fetch_slot(&table, hash);
        table_fetch_entry(&table, hash, sizeof items[0]);
    }
    assert_ptr_equal(find(&table, 5, &items[0]), &items[0]);
    assert_int_equal(table.count, 1);
    table_remove(&table, &items[0].entry);
    table_fini(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_a_list_does),
        cmocka_unit_test(fetching_changes_nothing),
    };
    srand(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
