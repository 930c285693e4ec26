// When one worker has nearly all the work, and when that says nothing.
#include "collector/spread.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void only_a_clear_majority_counts(void **state)
{
    (void)state;
    assert_int_equal(spread_heaviest((uint64_t[]){100, 8500, 900, 500}, 4), 1);
    assert_int_equal(spread_heaviest((uint64_t[]){8000, 2000}, 2), -1);
    assert_int_equal(spread_heaviest((uint64_t[]){8001, 1999}, 2), 0);
    assert_int_equal(spread_heaviest((uint64_t[]){2500, 2500, 2500, 2500}, 4), -1);
}

static void little_traffic_and_one_worker_say_nothing(void **state)
{
    (void)state;
    assert_int_equal(spread_heaviest((uint64_t[]){999, 0}, 2), -1);
    assert_int_equal(spread_heaviest((uint64_t[]){100000}, 1), -1);
    assert_int_equal(spread_heaviest((uint64_t[]){0, 0}, 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_clear_majority_counts),
        cmocka_unit_test(little_traffic_and_one_worker_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
