// Lines that are muted when there are too many.
#include "common/base/mute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_first_lines_are_written_then_silence(void **state)
{
    struct mute mute = {.lines = 3, .interval_ns = 100};
    uint64_t skipped;
    for (int i = 0; i < 3; i++)
        assert_int_equal(mute_ask(&mute, 50 + i, &skipped), MUTE_WRITE);
    assert_int_equal(mute_ask(&mute, 53, &skipped), MUTE_BEGIN);
    assert_int_equal(mute_ask(&mute, 54, &skipped), MUTE_SILENT);
    assert_int_equal(mute_ask(&mute, 149, &skipped), MUTE_SILENT);
    assert_int_equal(skipped, 0);
    assert_int_equal(mute_ask(&mute, 150, &skipped), MUTE_WRITE);
    assert_int_equal(skipped, 3);
    assert_int_equal(mute_ask(&mute, 400, &skipped), MUTE_WRITE);
    assert_int_equal(skipped, 0);
    (void)state;
}

static void zero_mutes_nothing(void **state)
{
    struct mute all = {.lines = 0, .interval_ns = 100};
    struct mute always = {.lines = 1, .interval_ns = 0};
    uint64_t skipped;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(mute_ask(&all, 50, &skipped), MUTE_WRITE);
        assert_int_equal(mute_ask(&always, 50, &skipped), MUTE_WRITE);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_lines_are_written_then_silence),
        cmocka_unit_test(zero_mutes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
