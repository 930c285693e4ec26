// Gaps, duplicates, late arrivals, wraps and restarts of sequence numbers.
#include "collector/decode/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void take(struct sequence *s, uint32_t number, uint16_t flows)
{
    const struct sequence_step step = {.flows = flows};
    if (!sequence_follow(s, number, &step))
        sequence_take(s, NULL, number, &step);
}

// So many in order; the number behind them.
static uint32_t go_on(struct sequence *s, uint32_t number, uint16_t flows, int count)
{
    for (int i = 0; i < count; i++) {
        take(s, number, flows);
        number += s->rule == SEQUENCE_RECORDS ? flows : 1;
    }
    return number;
}

// One that has been followed for long enough to be believed.
static uint32_t begin(struct sequence *s, unsigned rule, uint32_t number)
{
    sequence_begin(s, rule);
    return go_on(s, number, 5, 10);
}

static void assert_counts(const struct sequence *s, uint64_t lost, uint64_t duplicates,
                          uint64_t reordered, uint64_t resets)
{
    assert_int_equal(s->lost, lost);
    assert_int_equal(s->duplicates, duplicates);
    assert_int_equal(s->reordered, reordered);
    assert_int_equal(s->resets, resets);
}

static void in_order_nothing_is_lost(void **state)
{
    (void)state;
    struct sequence s;
    begin(&s, SEQUENCE_DATAGRAMS, UINT32_MAX - 500);
    go_on(&s, UINT32_MAX - 490, 1, 990); // across the wrap
    assert_counts(&s, 0, 0, 0, 0);
    assert_int_equal(s.taken, 1000);
}

static void a_gap_is_a_loss_when_the_rule_holds_behind_it(void **state)
{
    (void)state;
    struct sequence s;
    uint32_t next = begin(&s, SEQUENCE_RECORDS, 100);
    next = go_on(&s, next + 60, 30, 1);
    assert_counts(&s, 0, 0, 0, 0);
    next = go_on(&s, next, 7, 2);
    assert_counts(&s, 60, 0, 0, 0);
    take(&s, 150, 30); // half of them came late
    assert_counts(&s, 30, 0, 1, 0);
    go_on(&s, next, 1, 5);
    assert_counts(&s, 30, 0, 1, 0);
}

static void duplicates_are_no_loss(void **state)
{
    (void)state;
    struct sequence s;
    uint32_t next = begin(&s, SEQUENCE_DATAGRAMS, 1);
    take(&s, next - 1, 5);
    take(&s, next - 2, 5);
    go_on(&s, next, 1, 5);
    assert_counts(&s, 0, 2, 0, 0);
}

static void a_late_datagram_that_comes_twice(void **state)
{
    (void)state;
    struct sequence s;
    uint32_t next = begin(&s, SEQUENCE_DATAGRAMS, 1);
    take(&s, next + 1, 1);
    take(&s, next, 1);
    take(&s, next, 1);
    go_on(&s, next + 2, 1, 5);
    assert_counts(&s, 0, 1, 1, 0);
}

static void a_restart_is_no_loss(void **state)
{
    (void)state;
    struct sequence s;
    begin(&s, SEQUENCE_DATAGRAMS, 1000000);
    go_on(&s, 0, 1, 5);
    assert_counts(&s, 0, 0, 0, 1);
    go_on(&s, 0x7f000000, 1, 5); // a jump that no loss explains
    assert_counts(&s, 0, 0, 0, 2);
}

// Numbers that it had a moment ago look late, but not for ever.
static void a_restart_soon_after_a_start_is_one(void **state)
{
    (void)state;
    struct sequence s;
    sequence_begin(&s, SEQUENCE_RECORDS);
    for (uint32_t i = 0; i < 20; i++)
        take(&s, 10 * i, 10);
    for (uint32_t i = 0; i < 40; i++)
        take(&s, 3 + 10 * i, 10);
    assert_int_equal(s.resets, 1);
    assert_int_equal(s.lost, 0);
}

static void messages_without_records_share_a_number(void **state)
{
    (void)state;
    struct sequence s;
    uint32_t next = begin(&s, SEQUENCE_RECORDS, 10);
    for (int i = 0; i < 10; i++) {
        take(&s, next, 0); // IPFIX: templates alone
        take(&s, next, 5);
        next += 5;
    }
    assert_counts(&s, 0, 0, 0, 0);
}

static void after_an_unknown_step_the_number_is_believed(void **state)
{
    (void)state;
    const struct sequence_step unknown = {.unknown = true};
    struct sequence s;
    uint32_t next = begin(&s, SEQUENCE_RECORDS, 10);
    sequence_take(&s, NULL, next, &unknown); // some records, how many is not known
    next = go_on(&s, next + 27, 1, 3);
    assert_counts(&s, 0, 0, 0, 0);
    go_on(&s, next + 1, 1, 3);
    assert_counts(&s, 1, 0, 0, 0);
    assert_int_equal(s.rule, SEQUENCE_RECORDS);
}

static void late_ones_are_remembered_so_far_back(void **state)
{
    (void)state;
    struct sequence s;
    sequence_begin(&s, SEQUENCE_DATAGRAMS);
    go_on(&s, 0, 1, SEQUENCE_RECENT_MAX + 8);
    take(&s, 8, 1); // the oldest remembered
    assert_counts(&s, 0, 1, 0, 0);
    take(&s, 7, 1); // older: it cannot be told from a restart
    assert_counts(&s, 0, 1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_nothing_is_lost),
        cmocka_unit_test(a_gap_is_a_loss_when_the_rule_holds_behind_it),
        cmocka_unit_test(duplicates_are_no_loss),
        cmocka_unit_test(a_late_datagram_that_comes_twice),
        cmocka_unit_test(a_restart_is_no_loss),
        cmocka_unit_test(a_restart_soon_after_a_start_is_one),
        cmocka_unit_test(messages_without_records_share_a_number),
        cmocka_unit_test(after_an_unknown_step_the_number_is_believed),
        cmocka_unit_test(late_ones_are_remembered_so_far_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
