// The file sink: whole frames under every kind of partial write, and books that balance.
#include "tests/common/sink/file_case.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 20000 // of each thread

struct writing {
    pthread_t thread;
    struct sink *sink;
    unsigned number;
    bool balanced;
    struct ledger ledger;
};

static void *write_many(void *user)
{
    struct writing *w = user;
    struct sink_writer *writer = sink_writer_new(w->sink, &w->ledger);
    w->balanced = writer != NULL;
    for (unsigned i = 1; i <= FRAMES && writer != NULL; i++) {
        file_case_write(writer, w->number, i, 100 + i * 37 % 900);
        if (i % 100 == 0) {
            sink_flush(writer);
            w->balanced &= ledger_balanced(&w->ledger);
        }
    }
    if (writer != NULL)
        sink_writer_free(writer);
    return NULL;
}

// Four threads, one pipe, a slow reader. Returns the sum of the books and what was read.
static unsigned run_threads(struct file_case *f, bool blocking, struct ledger *sum)
{
    struct writing writings[THREADS] = {{0}};
    struct file_reading reading = {.slow = true};
    pthread_t reader;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int fd = open(f->path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    reading.in = fdopen(fd, "r");
    struct sink *sink = file_case_open(f->path, blocking);
    pthread_create(&reader, NULL, file_case_read, &reading);
    for (unsigned i = 0; i < THREADS; i++) {
        writings[i].sink = sink;
        writings[i].number = i;
        pthread_create(&writings[i].thread, NULL, write_many, &writings[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(writings[i].thread, NULL);
    assert_int_equal(sink_drain(sink, -1), 0);
    sink_close(sink);
    pthread_join(reader, NULL);
    fclose(reading.in);
    assert_int_equal(reading.wrong, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(writings[i].balanced);
        ledger_add(sum, &writings[i].ledger);
    }
    return reading.lines;
}

static void four_threads_and_a_slow_reader_lose_nothing_when_blocking(void **state)
{
    struct ledger sum = {0};
    unsigned lines = run_threads(*state, true, &sum);
    assert_int_equal(lines, THREADS * FRAMES);
    assert_int_equal(sum.flows_delivered, lines);
    assert_int_equal(sum.flows_waiting, 0);
    assert_balance(&sum);
}

static void four_threads_and_a_slow_reader_count_what_they_drop(void **state)
{
    struct ledger sum = {0};
    unsigned lines = run_threads(*state, false, &sum);
    assert_int_equal(sum.flows_made, THREADS * FRAMES);
    assert_int_equal(sum.flows_delivered, lines);
    assert_int_equal(sum.reasons[REASON_OUTPUT_BLOCKED], THREADS * FRAMES - lines);
    assert_int_equal(sum.flows_waiting, 0);
    assert_balance(&sum);
}

static void a_stopped_reader_fills_the_ring_then_costs_flows(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int fd = open(f->path, O_RDONLY | O_NONBLOCK);
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    assert_int_equal(sink_poll_fd(sink), -1);
    for (unsigned i = 1; i <= TOO_MANY; i++) {
        file_case_write(writer, 0, i, 1000);
        assert_int_equal(sink_flush(writer), 0);
        assert_balance(&ledger);
    }
    assert_true(sink_poll_fd(sink) >= 0);
    assert_true(ledger.flows_delivered > 0);
    // A ring of the least size.
    assert_in_range(ledger.flows_waiting, FILE_FRAME_MAX / 1050, FILE_FRAME_MAX / 1000);
    assert_true(ledger.reasons[REASON_OUTPUT_BLOCKED] > 0);
    assert_int_equal(sink_drain(sink, 0), -EAGAIN);
    assert_int_equal(sink_sync(writer, 0), -ETIMEDOUT);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(ledger.flows_waiting, 0);
    assert_balance(&ledger);
    // What is left is the pipe's content, whole frames and the beginning of one.
    struct file_reading reading = {.in = fdopen(fd, "r")};
    file_case_read(&reading);
    fclose(reading.in);
    assert_in_range(reading.wrong, 0, 1);
    assert_int_equal(reading.lines - reading.wrong, ledger.flows_delivered);
}

static void a_waiting_writer_can_be_abandoned(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int fd = open(f->path, O_RDONLY | O_NONBLOCK);
    struct sink *sink = file_case_open(f->path, true);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    sink_abandon(sink);
    for (unsigned i = 1; i <= TOO_MANY; i++)
        file_case_write(writer, 0, i, 1000);
    assert_int_equal(sink_flush(writer), 0);
    assert_true(ledger.reasons[REASON_OUTPUT_BLOCKED] > 0);
    sink_writer_free(writer);
    sink_close(sink);
    assert_balance(&ledger);
    close(fd);
}

static void a_reader_that_goes_away_ends_the_sink(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int fd = open(f->path, O_RDONLY | O_NONBLOCK);
    struct sink *sink = file_case_open(f->path, true);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    assert_int_equal(file_case_write(writer, 0, 1, 100), 0);
    assert_int_equal(sink_sync(writer, -1), 0);
    assert_int_equal(ledger.flows_delivered, 1);
    close(fd);
    assert_int_equal(file_case_write(writer, 0, 2, 100), 0);
    assert_int_equal(sink_flush(writer), -EPIPE);
    assert_int_equal(file_case_write(writer, 0, 3, 100), -EPIPE);
    assert_int_equal(sink_drain(sink, -1), -EPIPE);
    assert_false(sink_healthy(sink));
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(ledger.reasons[REASON_OUTPUT_FAILED], 2);
    assert_balance(&ledger);
}

static void a_full_device_fails_what_waited(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    struct sink *sink = file_case_open("/dev/full", true);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    for (unsigned i = 1; i <= TOO_MANY; i++)
        file_case_write(writer, 0, i, 1000);
    assert_int_equal(sink_sync(writer, -1), -ENOSPC);
    assert_int_equal(sink_drain(sink, -1), -ENOSPC);
    assert_false(sink_healthy(sink));
    assert_true(ledger.reasons[REASON_OUTPUT_FAILED] > 0);
    assert_balance(&ledger);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(ledger.reasons[REASON_OUTPUT_FAILED], TOO_MANY);
    assert_balance(&ledger);
}

static void reopening_starts_a_new_file(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    struct stat status;
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    file_case_write(writer, 0, 1, 100);
    sink_flush(writer);
    assert_int_equal(rename(f->path, f->moved), 0);
    assert_int_equal(sink_reopen(sink), 0);
    file_case_write(writer, 0, 2, 100);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(file_case_lines(f->moved), 1);
    assert_int_equal(file_case_lines(f->path), 1);
    assert_int_equal(stat(f->path, &status), 0);
    assert_int_equal(status.st_mode & 0133, 0);
}

static void when_reopening_fails_the_old_file_stays(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    assert_int_equal(rename(f->path, f->moved), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_int_equal(sink_reopen(sink), -EISDIR);
    file_case_write(writer, 0, 1, 100);
    sink_writer_free(writer);
    sink_close(sink);
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(file_case_lines(f->moved), 1);
}

// stdout is often the pipe of stderr, or the terminal of the shell.
static void the_flags_of_stdout_stay_as_they_are(void **state)
{
    (void)state;
    struct ledger ledger = {0};
    int ends[2];
    int saved = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    struct sink *sink = file_case_open(NULL, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    for (unsigned i = 1; i <= 3000; i++) // more than a pipe takes: a blocking write would hang
        file_case_write(writer, 0, i, 1000);
    sink_flush(writer);
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    int reopened = sink_reopen(sink);
    sink_writer_free(writer);
    sink_close(sink);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_int_equal(reopened, 0);
    assert_true(ledger.flows_delivered > 0);
    assert_true(ledger.reasons[REASON_OUTPUT_BLOCKED] > 0);
    assert_balance(&ledger);
}

static void frames_from_other_memory_are_copied_and_large_ones_refused(void **state)
{
    struct file_case *f = *state;
    struct ledger ledger = {0};
    const struct flow_view view = {.flow = NULL};
    struct sink *sink = file_case_open(f->path, false);
    struct sink_writer *writer = sink_writer_new(sink, &ledger);
    uint8_t *large = calloc(1, FILE_FRAME_MAX);
    assert_non_null(large);
    assert_null(sink_room(writer, FILE_FRAME_MAX));
    ledger.flows_made = 2;
    assert_int_equal(sink_write(writer, &view, large, FILE_FRAME_MAX), 0);
    assert_int_equal(sink_write(writer, &view, (const uint8_t *)"0 1 7 x", 7), 0);
    sink_writer_free(writer);
    sink_close(sink);
    free(large);
    assert_int_equal(ledger.reasons[REASON_OUTPUT_TOO_LARGE], 1);
    assert_int_equal(ledger.flows_delivered, 1);
    assert_balance(&ledger);
    assert_int_equal(file_case_lines(f->path), 1);
}

static void sinks_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(sink_find("file"), &SINK_FILE);
    assert_null(sink_find("carrier pigeon"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_set_up, file_case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(four_threads_and_a_slow_reader_lose_nothing_when_blocking),
        TEST(four_threads_and_a_slow_reader_count_what_they_drop),
        TEST(a_stopped_reader_fills_the_ring_then_costs_flows),
        TEST(a_waiting_writer_can_be_abandoned),
        TEST(a_reader_that_goes_away_ends_the_sink),
        TEST(a_full_device_fails_what_waited),
        TEST(reopening_starts_a_new_file),
        TEST(when_reopening_fails_the_old_file_stays),
        TEST(the_flags_of_stdout_stay_as_they_are),
        TEST(frames_from_other_memory_are_copied_and_large_ones_refused),
        TEST(sinks_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
