// How fast counters grow, over the latest ten seconds.
#include "common/base/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void one_look_says_nothing(void **state)
{
    struct pace pace = {.count = 0};
    const uint64_t values[] = {7, 1000};
    (void)state;
    assert_true(pace_of(&pace, 0) == 0);
    pace_take(&pace, S, values, 2);
    assert_true(pace_of(&pace, 0) == 0);
    assert_true(pace_of(&pace, 1) == 0);
}

static void each_counter_has_its_pace(void **state)
{
    struct pace pace = {.count = 0};
    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        const uint64_t values[] = {7, 1000 + 50 * i};
        pace_take(&pace, (int64_t)i * S / 2, values, 2);
    }
    assert_true(pace_of(&pace, 0) == 0);
    assert_true(pace_of(&pace, 1) == 100);
}

static void what_was_before_is_forgotten(void **state)
{
    struct pace pace = {.count = 0};
    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        const uint64_t value = i < 20 ? 1000 * i : 20000 + 3 * i;
        pace_take(&pace, (int64_t)i * S, &value, 1);
    }
    assert_true(pace_of(&pace, 0) == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_look_says_nothing),
        cmocka_unit_test(each_counter_has_its_pace),
        cmocka_unit_test(what_was_before_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
