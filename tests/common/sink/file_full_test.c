// The file sink where there is no room: it waits, and ends with a whole frame all the while.
#include "common/sink/outlet.h"
#include "tests/common/sink/file_case.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>

// A file limit refuses in the middle of a frame as a full disk does.
static void space_that_comes_back_is_used_and_no_frame_is_torn(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    struct rlimit small = {.rlim_cur = 10500, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 1; i <= 100; i++)
        file_case_write(writer, 0, i, 999);
    assert_int_equal(sink_flush(writer), 0);
    assert_int_equal(ledger.flows_delivered, 10);
    assert_int_equal(ledger.flows_waiting, 90);
    assert_int_equal(sink_poll_fd(sink), -1); // a file cannot be polled
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(sink_drain(sink, 0), 0);
    assert_true(sink_healthy(sink));
    file_case_write(writer, 0, 101, 999);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(ledger.flows_delivered, 101);
    assert_balance(&ledger);
    assert_int_equal(file_case_lines(f->path), 101);
}

static void a_frame_begun_in_the_old_file_stands_whole_in_the_new_one(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    struct rlimit small = {.rlim_cur = 10500, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 1; i <= 15; i++)
        file_case_write(writer, 0, i, 999);
    assert_int_equal(sink_flush(writer), 0);
    assert_int_equal(rename(f->path, f->moved), 0);
    assert_int_equal(sink_reopen(sink), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(file_case_size(f->moved), 10 * 1000);
    assert_int_equal(file_case_lines(f->path), 5);
    assert_int_equal(ledger.flows_delivered, 15);
    assert_balance(&ledger);
}

// Whether a frame is begun from a writer's buffer or from the ring.
static void a_full_file_ends_with_a_whole_frame(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    struct rlimit before = file_case_limit(10500);
    for (unsigned i = 1; i <= 15; i++)
        file_case_write(writer, 0, i, 999);
    assert_int_equal(sink_flush(writer), 0);
    assert_int_equal(file_case_size(f->path), 10 * 1000);
    for (rlim_t limit = 11500; limit <= 13500; limit += 1000) {
        file_case_limit(limit);
        assert_int_equal(sink_drain(sink, 0), -EFBIG);
        assert_int_equal(file_case_size(f->path), limit - 500);
    }
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(file_case_lines(f->path), 13);
    assert_int_equal(ledger.flows_delivered, 13);
    assert_int_equal(ledger.reasons[REASON_OUTPUT_FAILED], 2);
    assert_balance(&ledger);
}

// The frame begun is finished then, behind what the other wrote.
static void what_another_appended_is_not_cut(void **state)
{
    struct file_case *f = *state;
    struct outlet outlet;
    char frame[] = "frame";
    const struct iovec piece = {.iov_base = frame, .iov_len = 5};
    assert_int_equal(outlet_open(&outlet, f->path, false), 0);
    assert_int_equal(outlet_put(&outlet, &piece, 1), 5);
    FILE *other = fopen(f->path, "a");
    assert_non_null(other);
    assert_true(fputs("other", other) >= 0 && fclose(other) == 0);
    assert_false(outlet_cut(&outlet, 2));
    assert_int_equal(file_case_size(f->path), 10);
    assert_int_equal(outlet_put(&outlet, &piece, 1), 5);
    assert_true(outlet_cut(&outlet, 2));
    assert_int_equal(file_case_size(f->path), 13);
    assert_int_equal(outlet_put(&outlet, &piece, 1), 5);
    assert_int_equal(file_case_size(f->path), 18);
    outlet_close(&outlet);
}

// Makes room once the sink has found that there is none.
static void *make_room(void *argument)
{
    struct sink *sink = argument;
    struct rlimit limit;
    const struct timespec nap = {.tv_nsec = 1000000};
    while (sink_healthy(sink))
        nanosleep(&nap, NULL);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    return NULL;
}

// More than the ring holds: nothing is dropped, and the books know it all when sync returns.
static void a_patient_sink_waits_for_space(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    pthread_t thread;
    const struct sink_options options = {
        .path = f->path, .separator = "\n", .buffer_bytes = 1, .blocking = true, .patient = true};
    struct sink *sink = SINK_FILE.open(&options);
    assert_non_null(sink);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    struct rlimit before = file_case_limit(10500);
    assert_int_equal(pthread_create(&thread, NULL, make_room, sink), 0);
    for (unsigned i = 1; i <= TOO_MANY; i++)
        file_case_write(writer, 0, i, 999);
    assert_int_equal(sink_sync(writer, -1), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(ledger.flows_delivered, TOO_MANY);
    assert_balance(&ledger);
    file_case_limit(10500);
    file_case_write(writer, 0, TOO_MANY + 1, 999);
    assert_int_equal(sink_sync(writer, 1), -EFBIG);
    sink_abandon(sink);
    assert_int_equal(sink_sync(writer, -1), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(file_case_lines(f->path), TOO_MANY + 1);
    assert_balance(&ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_set_up, file_case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(space_that_comes_back_is_used_and_no_frame_is_torn),
        TEST(a_frame_begun_in_the_old_file_stands_whole_in_the_new_one),
        TEST(a_full_file_ends_with_a_whole_frame),
        TEST(what_another_appended_is_not_cut),
        TEST(a_patient_sink_waits_for_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
