// Fragments of datagrams, put together in any order; what contradicts itself, what stays
// incomplete, and the bounds on both.
#include "collector/fragment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define NOW_NS UINT64_C(1700000000000000000)
#define LEN    5003 // of the datagram that is cut up; no multiple of eight
#define STEP   1000

static uint8_t data[FRAGMENT_BYTES_MAX + 1];
static struct fragment_table *table;

static struct fragment part_of(uint32_t id, size_t offset, size_t len, bool more)
{
    static const uint8_t source[] = {192, 0, 2, 1};
    static const uint8_t destination[] = {192, 0, 2, 2};
    return (struct fragment){
        .source = addr_of(source, 4),
        .destination = addr_of(destination, 4),
        .id = id,
        .version = 4,
        .protocol = 17,
        .more = more,
        .offset = offset,
        .bytes = data + offset,
        .len = len,
    };
}

// Part `n` of six.
static struct fragment part(uint32_t id, size_t n)
{
    size_t offset = n * STEP;
    bool more = offset + STEP < LEN;
    return part_of(id, offset, more ? STEP : LEN - offset, more);
}

static bool put(const struct fragment *fragment)
{
    struct fragment_whole whole;
    return fragment_put(table, fragment, true, NOW_NS, &whole);
}

static bool put_part(uint32_t id, size_t n)
{
    struct fragment fragment = part(id, n);
    return put(&fragment);
}

static void assert_lost(uint64_t incomplete, uint64_t contradictory)
{
    struct fragment_loss loss = fragment_take_loss(table);
    assert_int_equal(loss.incomplete, incomplete);
    assert_int_equal(loss.contradictory, contradictory);
}

static void assert_nothing_left(void)
{
    fragment_give_up(table);
    assert_lost(0, 0);
}

// All orders of the six parts, each part twice but for the one that completes the datagram.
static void put_orders(unsigned left, uint32_t *id, size_t *order, size_t count)
{
    if (left == 0 || count == 6) {
        struct fragment_whole whole;
        for (size_t i = 0; i < count; i++) {
            struct fragment fragment = part(*id, order[i]);
            bool last = i + 1 == count;
            assert_int_equal(fragment_put(table, &fragment, true, NOW_NS, &whole), last);
            assert_true(last || !fragment_put(table, &fragment, true, NOW_NS, &whole));
        }
        assert_int_equal(whole.len, LEN);
        assert_int_equal(whole.protocol, 17);
        assert_memory_equal(whole.bytes, data, LEN);
        ++*id;
        return;
    }
    for (size_t n = 0; n < 6; n++) {
        if ((left >> n & 1) == 0)
            continue;
        order[count] = n;
        put_orders(left & ~(1U << n), id, order, count + 1);
    }
}

static void any_order_makes_the_datagram(void **state)
{
    (void)state;
    uint32_t id = 1;
    size_t order[6];
    put_orders(0x3f, &id, order, 0);
    assert_int_equal(id, 721);
    assert_nothing_left();
}

static void the_longest_datagram(void **state)
{
    (void)state;
    struct fragment_whole whole;
    struct fragment tail = part_of(1, 65528, 7, false);
    assert_false(put(&tail));
    for (size_t offset = 65520; offset > 0; offset -= 8) {
        struct fragment fragment = part_of(1, offset, 8, true);
        assert_false(put(&fragment));
    }
    struct fragment head = part_of(1, 0, 8, true);
    assert_true(fragment_put(table, &head, true, NOW_NS, &whole));
    assert_int_equal(whole.len, FRAGMENT_BYTES_MAX);
    assert_memory_equal(whole.bytes, data, FRAGMENT_BYTES_MAX);
    assert_nothing_left();
}

// The protocol is the first fragment's, whatever the others say (RFC 8200, section 4.5).
static void the_first_fragment_names_the_protocol(void **state)
{
    (void)state;
    struct fragment_whole whole;
    struct fragment tail = part_of(1, 8, 3, false);
    struct fragment head = part_of(1, 0, 8, true);
    head.version = tail.version = 6;
    head.protocol = 60;
    tail.protocol = 6;
    assert_false(put(&tail));
    assert_true(fragment_put(table, &head, true, NOW_NS, &whole));
    assert_int_equal(whole.protocol, 60);
}

static void datagrams_are_told_apart(void **state)
{
    (void)state;
    static const uint8_t other[] = {192, 0, 2, 9};
    struct fragment heads[5];
    struct fragment tails[5];
    for (size_t i = 0; i < 5; i++) {
        heads[i] = part_of(1, 0, 8, true);
        tails[i] = part_of(1, 8, 3, false);
    }
    heads[1].id = tails[1].id = 2;
    heads[2].version = tails[2].version = 6;
    heads[3].source = tails[3].source = addr_of(other, 4);
    heads[4].destination = tails[4].destination = addr_of(other, 4);
    for (size_t i = 0; i < 5; i++)
        assert_false(put(&heads[i]));
    for (size_t i = 0; i < 5; i++)
        assert_true(put(&tails[i]));
    assert_nothing_left();
}

// The datagram is given up, and what still comes of it; the same bytes again are no contradiction.
static void contradictions_give_up_the_datagram(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        size_t len;
        bool more;
        size_t shift; // of the bytes, so that they are others
    } contradictions[] = {
        {STEP, STEP, true, 8},                               // other bytes
        {2 * STEP - 8, 16, true, 0},                         // the same ones, and more
        {STEP - 8, 16, true, 1},     {4000, STEP, false, 0}, // a second end
        {3000, STEP, false, 0},                              // an end within what is there
        {LEN + 5, 8, true, 0},                               // behind the end
        {65528, 16, true, 0},                                // past 65,535 bytes
        {65528, 8, false, 0},        {2000, 12, true, 0},    // no multiple of eight
        {2000, 0, true, 0},                                  // nothing
    };
    for (uint32_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++) {
        struct fragment bad = part_of(i, contradictions[i].offset, contradictions[i].len,
                                      contradictions[i].more);
        bad.bytes = data + contradictions[i].shift;
        if (contradictions[i].shift == 0)
            bad.bytes = data + (bad.offset < LEN ? bad.offset : 0);
        assert_false(put_part(i, 0));
        assert_false(put_part(i, 1));
        assert_false(put_part(i, 5));
        assert_false(put_part(i, 5)); // again
        assert_lost(0, 0);
        assert_false(put(&bad));
        assert_lost(0, 4);
        assert_false(put_part(i, 2));
        assert_false(put_part(i, 3));
        assert_false(put_part(i, 4));
        assert_lost(0, 3);
    }
    assert_nothing_left();
}

// A sender that uses an id again at once, after a loss: the first fragment begins anew.
static void an_id_may_be_used_again(void **state)
{
    (void)state;
    assert_false(put_part(7, 0));
    assert_false(put_part(7, 2));
    struct fragment_whole whole;
    for (size_t n = 0; n < 6; n++) {
        struct fragment fragment = part(7, n);
        fragment.bytes = data + 1 + fragment.offset;
        assert_int_equal(fragment_put(table, &fragment, true, NOW_NS, &whole), n == 5);
    }
    assert_int_equal(whole.len, LEN);
    assert_memory_equal(whole.bytes, data + 1, LEN);
    assert_lost(0, 2);
    assert_nothing_left();
}

static void what_stays_incomplete_is_counted(void **state)
{
    (void)state;
    struct fragment_whole whole;
    struct fragment head = part(1, 0);
    struct fragment tail = part(2, 5);
    assert_false(put(&head));
    assert_false(put_part(1, 2));
    // As late as it may be, and too late.
    assert_false(fragment_put(table, &tail, true, NOW_NS + FRAGMENT_WAIT_NS, &whole));
    assert_lost(0, 0);
    assert_false(fragment_put(table, &tail, true, NOW_NS + FRAGMENT_WAIT_NS + 1, &whole));
    assert_lost(2, 0);
    // The next file may be of a time before.
    assert_false(fragment_put(table, &head, true, NOW_NS - 1, &whole));
    assert_lost(1, 0);
    fragment_give_up(table);
    assert_lost(1, 0);
    assert_nothing_left();
}

// Of more datagrams than are kept the oldest goes, and its fragments are counted.
static void the_oldest_makes_room(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < FRAGMENT_DATAGRAMS_MAX; id++)
        assert_false(put_part(id, 0));
    assert_lost(0, 0);
    assert_false(put_part(0, 1));
    assert_false(put_part(1000, 0));
    assert_lost(2, 0);
    for (uint32_t id = 2000; id < 2000 + 3 * FRAGMENT_DATAGRAMS_MAX; id++)
        assert_false(put_part(id, 0));
    assert_lost(3 * FRAGMENT_DATAGRAMS_MAX, 0);
    fragment_give_up(table);
    assert_lost(FRAGMENT_DATAGRAMS_MAX, 0);
}

// What the filter says of the first fragment stands, whenever that comes.
static void the_first_fragment_says_who_minds(void **state)
{
    (void)state;
    struct fragment_whole whole;
    for (uint32_t i = 0; i < 16; i++) {
        bool head_wanted = (i & 1) != 0;
        bool tail_wanted = (i & 2) != 0;
        bool head_first = (i & 4) != 0;
        bool complete = (i & 8) != 0;
        struct fragment head = part_of(i, 0, 8, true);
        struct fragment tail = part_of(i, 8, complete ? 3 : 8, !complete);
        bool first = head_first ? fragment_put(table, &head, head_wanted, NOW_NS, &whole)
                                : fragment_put(table, &tail, tail_wanted, NOW_NS, &whole);
        bool second = head_first ? fragment_put(table, &tail, tail_wanted, NOW_NS, &whole)
                                 : fragment_put(table, &head, head_wanted, NOW_NS, &whole);
        assert_false(first);
        assert_int_equal(second, complete && head_wanted);
        fragment_give_up(table);
        assert_lost(!complete && head_wanted ? 2 : 0, 0);
    }
    struct fragment tail = part_of(1, 8, 8, true);
    assert_false(fragment_put(table, &tail, false, NOW_NS, &whole));
    assert_nothing_left();
}

static int begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    table = fragment_table_new();
    return table == NULL;
}

static int end(void **state)
{
    (void)state;
    fragment_table_free(table);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_order_makes_the_datagram),          TEST(the_longest_datagram),
        TEST(the_first_fragment_names_the_protocol), TEST(datagrams_are_told_apart),
        TEST(contradictions_give_up_the_datagram),   TEST(an_id_may_be_used_again),
        TEST(what_stays_incomplete_is_counted),      TEST(the_oldest_makes_room),
        TEST(the_first_fragment_says_who_minds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
