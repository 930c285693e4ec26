// Losses: when they begin and end, what is logged of them and how often, what is made of them.
#include "common/base/loss.h"

#include "common/base/clock.h"
#include "common/base/loss_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define S       CLOCK_NS_PER_S
#define BEGIN_S 1000000 // of both clocks, for less arithmetic

struct test {
    struct loss_watch *watch;
    FILE *log;
    int stderr_fd;
};

static int set_up(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->watch = loss_watch_new();
    assert_non_null(test->watch);
    test->log = tmpfile();
    assert_non_null(test->log);
    test->stderr_fd = dup(STDERR_FILENO);
    dup2(fileno(test->log), STDERR_FILENO);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    dup2(test->stderr_fd, STDERR_FILENO);
    close(test->stderr_fd);
    fclose(test->log);
    loss_watch_free(test->watch);
    free(test);
    return 0;
}

static void tick(struct test *test, int64_t second)
{
    loss_watch_tick(test->watch, (BEGIN_S + second) * S, (BEGIN_S + second) * S);
}

static struct loss loss_of(struct test *test, enum loss_kind kind)
{
    struct loss losses[LOSS_COUNT];
    loss_watch_copy(test->watch, losses);
    return losses[kind];
}

// How many lines of the log hold both.
static int lines(const struct test *test, const char *one, const char *other)
{
    char line[4096];
    int count = 0;
    lseek(fileno(test->log), 0, SEEK_SET);
    FILE *in = fdopen(dup(fileno(test->log)), "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL)
        count += strstr(line, one) != NULL && strstr(line, other) != NULL;
    fclose(in);
    lseek(fileno(test->log), 0, SEEK_END);
    return count;
}

static void every_reason_that_loses_something_has_a_row(void **state)
{
    (void)state;
    bool has_row[REASON_COUNT] = {false};
    for (int i = 0; i < LOSS_COUNT; i++) {
        struct loss_row row = loss_row((enum loss_kind)i);
        assert_true(*row.label != '\0' && *row.title != '\0' && *row.text != '\0');
        assert_true(*row.advice != '\0');
        if (row.reason >= 0)
            has_row[row.reason] = true;
    }
    for (int i = 0; i < REASON_COUNT; i++)
        if (reason_class((enum reason)i) != REASON_CLASS_NOTE && !has_row[i])
            fail_msg("no row for %s", reason_label((enum reason)i));
}

static void nothing_lost_is_nothing_said(void **state)
{
    struct test *test = *state;
    struct ledger ledger = {.flows_made = 5, .flows_delivered = 5};
    for (int second = 0; second < 100; second++) {
        loss_watch_ledger(test->watch, &ledger);
        tick(test, second);
    }
    assert_int_equal(lines(test, "", ""), 0);
    assert_false(loss_of(test, LOSS_OUTPUT_BLOCKED).current);
    assert_int_equal(loss_of(test, LOSS_OUTPUT_BLOCKED).first_ns, 0);
}

static void a_loss_is_told_at_once_and_its_end_when_it_is_quiet(void **state)
{
    struct test *test = *state;
    struct ledger ledger = {.flows_made = 0};
    tick(test, 0);
    for (int second = 1; second <= 20; second++) {
        ledger_count(&ledger, REASON_OUTPUT_BLOCKED, 10);
        loss_watch_ledger(test->watch, &ledger);
        tick(test, second);
        assert_int_equal(lines(test, "level=WARN", "reason=output_blocked count=10 "), 1);
    }
    struct loss loss = loss_of(test, LOSS_OUTPUT_BLOCKED);
    assert_true(loss.current);
    assert_int_equal(loss.total, 200);
    assert_int_equal(loss.first_ns, (BEGIN_S + 1) * S);
    assert_int_equal(loss.last_ns, (BEGIN_S + 20) * S);
    assert_int_equal(lines(test, "since=1970-01-12T13:46:41Z", "do="), 1);
    for (int second = 21; second < 80; second++)
        tick(test, second);
    assert_true(loss_of(test, LOSS_OUTPUT_BLOCKED).current);
    tick(test, 80);
    assert_false(loss_of(test, LOSS_OUTPUT_BLOCKED).current);
    assert_int_equal(lines(test, "over: flows lost", "count=200 "), 1);
    assert_int_equal(lines(test, "over: flows lost", "seconds=19"), 1);
}

static void what_goes_on_is_told_once_a_minute_at_most(void **state)
{
    struct test *test = *state;
    uint64_t total = 0;
    for (int second = 0; second < 600; second++) {
        loss_watch_count(test->watch, LOSS_KERNEL_DROPS, ++total, "flow://:2055");
        tick(test, second);
    }
    int told = lines(test, "level=WARN", "reason=kernel_drops");
    assert_in_range(told, 4, 10);
    assert_int_equal(lines(test, "level=WARN", "detail=flow://:2055"), told);
    assert_int_equal(lines(test, "still: datagrams lost", "count=61 "), 1);
}

static void the_next_loss_is_told_at_once_again(void **state)
{
    struct test *test = *state;
    uint64_t total = 0;
    for (int round = 0; round < 5; round++) {
        loss_watch_count(test->watch, LOSS_SPOOL_FULL, total += 7, NULL);
        for (int second = 0; second < 61; second++)
            tick(test, round * 61 + second);
    }
    assert_int_equal(lines(test, "level=WARN", "reason=spool_full count=7 "), 5);
    assert_int_equal(lines(test, "over: ", "count=7 "), 5);
    assert_int_equal(loss_of(test, LOSS_SPOOL_FULL).total, 35);
}

// A scanner that comes by every two minutes for a day.
static void what_strangers_cause_does_not_fill_the_log(void **state)
{
    struct test *test = *state;
    uint64_t total = 0;
    for (int second = 0; second < 86400; second++) {
        if (second % 120 == 0)
            loss_watch_count(test->watch, LOSS_PROTOCOL_UNKNOWN, ++total, NULL);
        tick(test, second);
    }
    assert_in_range(lines(test, "", ""), 2, 80);
    assert_int_equal(loss_of(test, LOSS_PROTOCOL_UNKNOWN).total, 720);
}

static void a_state_ends_at_once(void **state)
{
    struct test *test = *state;
    loss_watch_state(test->watch, LOSS_OUTPUT_DOWN, true, "no space");
    tick(test, 0);
    tick(test, 9);
    assert_int_equal(lines(test, "level=WARN", "detail=\"no space\""), 1);
    assert_true(loss_of(test, LOSS_OUTPUT_DOWN).current);
    loss_watch_state(test->watch, LOSS_OUTPUT_DOWN, false, NULL);
    tick(test, 10);
    assert_false(loss_of(test, LOSS_OUTPUT_DOWN).current);
    assert_int_equal(lines(test, "level=INFO", "over: the output takes nothing"), 1);
    assert_int_equal(lines(test, "over: ", "seconds=9"), 1);
}

static void a_state_that_flaps_writes_no_more_than_others(void **state)
{
    struct test *test = *state;
    for (int second = 0; second < 600; second++) {
        loss_watch_state(test->watch, LOSS_SOURCE_DOWN, second % 2 == 0, NULL);
        tick(test, second);
    }
    assert_in_range(lines(test, "level=WARN", "state=source_down"), 1, 11);
    assert_in_range(lines(test, "over: ", ""), 1, 11);
}

static void assert_health(struct test *test, unsigned status, const char *text)
{
    struct loss losses[LOSS_COUNT];
    struct http_answer answer = {.status = 200};
    loss_watch_copy(test->watch, losses);
    loss_answer_health(losses, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(answer.body, text);
    free(answer.body);
}

static void health_says_the_gravest(void **state)
{
    struct test *test = *state;
    assert_health(test, 200, "OK\n");
    loss_watch_count(test->watch, LOSS_PROTOCOL_UNKNOWN, 5, NULL);
    tick(test, 0);
    assert_health(test, 200, "OK\n"); // or any stranger could change it
    loss_watch_count(test->watch, LOSS_KERNEL_DROPS, 5, "flow://:2055");
    loss_watch_count(test->watch, LOSS_OUTPUT_BLOCKED, 5, NULL);
    tick(test, 1);
    assert_health(test, 200, "degraded: kernel_drops (flow://:2055), output_blocked\n");
    loss_watch_state(test->watch, LOSS_OUTPUT_DOWN, true, "x");
    tick(test, 2);
    assert_health(test, 503, "Not OK: output_down (x)\n");
    loss_watch_state(test->watch, LOSS_OUTPUT_DOWN, false, NULL);
    tick(test, 62);
    assert_health(test, 200, "OK\n");
}

static void pages_show_what_is_lost_and_what_to_do(void **state)
{
    struct test *test = *state;
    struct loss losses[LOSS_COUNT];
    char *text = NULL;
    size_t len;
    loss_watch_count(test->watch, LOSS_KERNEL_DROPS, 5, "flow://:2055");
    tick(test, 0);
    loss_watch_count(test->watch, LOSS_SPOOL_FULL, 6, "a \"quote\"\n");
    tick(test, 60);
    loss_watch_copy(test->watch, losses);
    FILE *out = open_memstream(&text, &len);
    loss_put_text(out, losses, (BEGIN_S + 240) * S);
    loss_put_json(out, losses);
    fclose(out);
    const char *now = strstr(text,
                             "LOST NOW\n  spool_full: 6 flows lost since 1970-01-12T13:47:40Z");
    assert_non_null(now);
    assert_non_null(strstr(now, "3 min ago"));
    assert_non_null(strstr(now, "LOST BEFORE, since the start\n  kernel_drops: 5 datagrams lost"));
    assert_non_null(strstr(text, "[\n{\"reason\":\"spool_full\",\"current\":true"));
    assert_non_null(strstr(text, "\"detail\":\"a \\\"quote\\\"\\n\""));
    assert_non_null(strstr(text, "\n{\"reason\":\"kernel_drops\",\"current\":false"));
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_that_loses_something_has_a_row),
        TEST(nothing_lost_is_nothing_said),
        TEST(a_loss_is_told_at_once_and_its_end_when_it_is_quiet),
        TEST(what_goes_on_is_told_once_a_minute_at_most),
        TEST(the_next_loss_is_told_at_once_again),
        TEST(what_strangers_cause_does_not_fill_the_log),
        TEST(a_state_ends_at_once),
        TEST(a_state_that_flaps_writes_no_more_than_others),
        TEST(health_says_the_gravest),
        TEST(pages_show_what_is_lost_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
