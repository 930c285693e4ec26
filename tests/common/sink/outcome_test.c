// Messages that are sent again: whether the server may have forgotten them, whatever clocks say.
#include "common/sink/nats/outcome.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define WINDOW_MS 120000 // of duplicates

// How many flows of one message are uncertain, that was sent so long ago by each clock.
static uint64_t uncertain(int64_t unix_ago_ms, int64_t steady_ago_ms)
{
    struct nats_writer writer = {.number = 0};
    struct nats_writer *writers[] = {&writer};
    struct nats_sink sink = {.writers = writers, .writer_count = 1, .duplicates_ms = WINDOW_MS};
    struct nats_message *message = nats_message_new(0);
    message->flows = 7;
    message->sent_ms = clock_unix_ms() - unix_ago_ms;
    message->sent_steady_ms = steady_ago_ms == 0 ? 0 : clock_steady_ms() - steady_ago_ms;
    struct window_slot slot = {.message = message};
    nats_outcome_uncertain(&sink, &slot);
    uint64_t first = writer.account.lost[REASON_DELIVERY_UNCERTAIN];
    nats_outcome_uncertain(&sink, &slot); // it is recognised for as long again
    assert_int_equal(writer.account.lost[REASON_DELIVERY_UNCERTAIN], first);
    free(message);
    return first;
}

static void counts_what_was_sent_long_ago(void **state)
{
    (void)state;
    assert_int_equal(uncertain(WINDOW_MS / 2, 0), 0);
    assert_int_equal(uncertain(WINDOW_MS, 0), 7);
    assert_int_equal(uncertain(WINDOW_MS / 2, WINDOW_MS / 2), 0);
    assert_int_equal(uncertain(WINDOW_MS, WINDOW_MS), 7);
}

static void a_clock_that_is_set_hides_nothing(void **state)
{
    (void)state;
    assert_int_equal(uncertain(-3600000, WINDOW_MS), 7); // set back by an hour
    assert_int_equal(uncertain(-3600000, 0), 7);         // by another process: nobody knows
    assert_int_equal(uncertain(3600000, WINDOW_MS / 2), 0);
    assert_int_equal(uncertain(-3600000, WINDOW_MS / 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_was_sent_long_ago),
        cmocka_unit_test(a_clock_that_is_set_hides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
