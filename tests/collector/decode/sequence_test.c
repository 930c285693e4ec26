// Gaps, duplicates, late arrivals, wraps and restarts of sequence numbers.
#include "collector/decode/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
    struct sequence s = {.started = false};
    for (uint32_t i = 0; i < 1000; i++)
        sequence_take(&s, UINT32_MAX - 500 + i, 1); // across the wrap
    assert_counts(&s, 0, 0, 0, 0);
}

static void steps_of_many_records(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    sequence_take(&s, 100, 30);
    sequence_take(&s, 130, 30);
    sequence_take(&s, 220, 10); // 160 to 219 are missing
    assert_counts(&s, 60, 0, 0, 0);
    sequence_take(&s, 160, 30); // half of them came late
    assert_counts(&s, 30, 0, 1, 0);
    sequence_take(&s, 230, 1);
    assert_counts(&s, 30, 0, 1, 0);
}

static void duplicates_are_no_loss(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    sequence_take(&s, 1, 1);
    sequence_take(&s, 2, 1);
    sequence_take(&s, 2, 1);
    sequence_take(&s, 1, 1);
    sequence_take(&s, 3, 1);
    assert_counts(&s, 0, 2, 0, 0);
}

static void a_late_datagram_that_comes_twice(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    sequence_take(&s, 1, 1);
    sequence_take(&s, 3, 1);
    sequence_take(&s, 2, 1);
    sequence_take(&s, 2, 1);
    assert_counts(&s, 0, 1, 1, 0);
}

static void a_restart_is_no_loss(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    for (uint32_t i = 0; i < 100; i++)
        sequence_take(&s, 1000000 + i, 1);
    sequence_take(&s, 0, 1);
    sequence_take(&s, 1, 1);
    assert_counts(&s, 0, 0, 0, 1);
    sequence_take(&s, 0x7f000000, 1); // a jump that no loss explains
    sequence_take(&s, 0x7f000001, 1);
    assert_counts(&s, 0, 0, 0, 2);
}

static void messages_without_records_share_a_number(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    sequence_take(&s, 10, 0); // IPFIX: templates alone
    sequence_take(&s, 10, 5);
    sequence_take(&s, 15, 0);
    sequence_take(&s, 15, 5);
    assert_counts(&s, 0, 0, 0, 0);
}

static void after_an_unknown_step_the_number_is_believed(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    sequence_take(&s, 10, 5);
    sequence_take_unknown(&s, 15); // some records, how many is not known
    sequence_take(&s, 42, 1);
    assert_counts(&s, 0, 0, 0, 0);
    sequence_take(&s, 44, 1);
    assert_counts(&s, 1, 0, 0, 0);
}

static void late_ones_are_remembered_so_far_back(void **state)
{
    (void)state;
    struct sequence s = {.started = false};
    for (uint32_t i = 0; i < SEQUENCE_RECENT_MAX + 8; i++)
        sequence_take(&s, i, 1);
    sequence_take(&s, 8, 1); // the oldest remembered
    assert_counts(&s, 0, 1, 0, 0);
    sequence_take(&s, 7, 1); // older: it cannot be told from a restart
    assert_counts(&s, 0, 1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_nothing_is_lost),
        cmocka_unit_test(steps_of_many_records),
        cmocka_unit_test(duplicates_are_no_loss),
        cmocka_unit_test(a_late_datagram_that_comes_twice),
        cmocka_unit_test(a_restart_is_no_loss),
        cmocka_unit_test(messages_without_records_share_a_number),
        cmocka_unit_test(after_an_unknown_step_the_number_is_believed),
        cmocka_unit_test(late_ones_are_remembered_so_far_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
