// The spool: order, bounds, the end of a process at any moment, damage.
#include "common/sink/nats/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define BODY_LEN 1000

struct fixture {
    char directory[32];
    char path[64];
};

static int begin(void **state)
{
    static struct fixture f;
    snprintf(f.directory, sizeof f.directory, "/tmp/spool-test-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    snprintf(f.path, sizeof f.path, "%s/s.spool", f.directory);
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->directory);
    return 0;
}

static struct spool *open_spool(const struct fixture *f, uint64_t bytes)
{
    struct fault fault = {.text = ""};
    struct spool *spool = spool_open(f->directory, "s", bytes, &fault);
    assert_string_equal(fault.text, "");
    assert_non_null(spool);
    return spool;
}

static struct nats_message *message(unsigned number)
{
    struct nats_message *m = nats_message_new(BODY_LEN);
    snprintf(m->id, sizeof m->id, "id-%u", number);
    snprintf(m->subject, sizeof m->subject, "subject.%u", number % 7);
    m->flows = number % 5 + 1;
    m->owner = 3;
    m->len = BODY_LEN;
    memset(m->data, (int)(number & 0xff), BODY_LEN);
    return m;
}

static int push(struct spool *spool, unsigned number)
{
    struct nats_message *m = message(number);
    int result = spool_push(spool, m);
    free(m);
    return result;
}

// Reads one message, which must be that one.
static uint64_t assert_next(struct spool *spool, unsigned number)
{
    uint64_t at;
    uint64_t end_at;
    uint64_t lost;
    struct nats_message *wanted = message(number);
    struct nats_message *m = spool_read(spool, &at, &end_at, &lost);
    assert_non_null(m);
    assert_string_equal(m->id, wanted->id);
    assert_string_equal(m->subject, wanted->subject);
    assert_int_equal(m->flows, wanted->flows);
    assert_int_equal(m->len, BODY_LEN);
    assert_memory_equal(m->data, wanted->data, BODY_LEN);
    free(m);
    free(wanted);
    return end_at;
}

static void keeps_order_round_the_ring(void **state)
{
    struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
    unsigned in = 0;
    unsigned out = 0;
    for (int round = 0; round < 5000; round++) {
        assert_int_equal(push(spool, in++), 0);
        assert_int_equal(push(spool, in++), 0);
        uint64_t at = assert_next(spool, out++);
        if (in - out > 500)
            at = assert_next(spool, out++);
        spool_release(spool, at);
    }
    while (out < in)
        spool_release(spool, assert_next(spool, out++));
    assert_true(spool_all_read(spool));
    spool_close(spool);
}

static void is_bounded(void **state)
{
    struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
    unsigned count = 0;
    while (push(spool, count) == 0)
        count++;
    assert_in_range(count, 900, SPOOL_BYTES_MIN / BODY_LEN);
    assert_int_equal(push(spool, count), -ENOSPC);
    spool_release(spool, assert_next(spool, 0));
    assert_int_equal(push(spool, count), 0);
    assert_int_equal(push(spool, count + 1), -ENOSPC);
    spool_close(spool);
}

static void outlives_its_process(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
        for (unsigned i = 0; i < 100; i++)
            push(spool, i);
        for (unsigned i = 0; i < 10; i++)
            spool_release(spool, assert_next(spool, i));
        assert_next(spool, 10); // taken out, not released
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
    struct spool_facts facts;
    uint64_t flows = 0;
    for (unsigned i = 10; i < 100; i++)
        flows += i % 5 + 1;
    spool_facts(spool, &facts);
    assert_int_equal(facts.messages, 90);
    assert_int_equal(facts.flows, flows);
    uint64_t at;
    uint64_t end_at;
    uint64_t lost;
    struct nats_message *m = spool_read(spool, &at, &end_at, &lost);
    assert_string_equal(m->id, "id-10");
    assert_int_equal(m->owner, 0);       // writers of another process mean nothing here
    assert_int_not_equal(m->sent_ms, 0); // it may have been sent
    free(m);
    m = spool_read(spool, &at, &end_at, &lost);
    assert_string_equal(m->id, "id-11");
    assert_int_equal(m->sent_ms, 0); // it cannot have been
    free(m);
    for (unsigned i = 12; i < 100; i++)
        end_at = assert_next(spool, i);
    spool_release(spool, end_at);
    spool_close(spool);
}

static void takes_back_and_cancels(void **state)
{
    struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
    uint64_t at;
    uint64_t end_at;
    uint64_t lost;
    push(spool, 2);
    push(spool, 3);
    struct nats_message *front = message(1);
    assert_int_equal(spool_push_front(spool, front), 0);
    free(front);
    assert_next(spool, 1);
    free(spool_read(spool, &at, &end_at, &lost));
    spool_cancel(spool, at);
    spool_close(spool);
    spool = open_spool(*state, SPOOL_BYTES_MIN);
    assert_next(spool, 1);
    spool_release(spool, assert_next(spool, 3));
    spool_close(spool);
}

static void ends_at_damage(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    struct spool_facts facts;
    for (unsigned i = 0; i < 10; i++)
        push(spool, i);
    uint64_t end_at = assert_next(spool, 0);
    spool_release(spool, end_at);
    spool_close(spool);
    // A byte in the middle of the sixth record.
    off_t at = 4096 +
               (off_t)((end_at + 5 * (end_at - (UINT64_C(1) << 40)) - 300) % SPOOL_BYTES_MIN);
    int fd = open(f->path, O_RDWR);
    assert_int_equal(pwrite(fd, "\xee", 1, at), 1);
    close(fd);
    spool = open_spool(f, SPOOL_BYTES_MIN);
    spool_facts(spool, &facts);
    assert_int_equal(facts.messages, 4);
    for (unsigned i = 1; i < 5; i++)
        end_at = assert_next(spool, i);
    assert_true(spool_all_read(spool));
    spool_release(spool, end_at);
    assert_int_equal(push(spool, 77), 0);
    assert_next(spool, 77);
    spool_close(spool);
}

static void is_one_process_s(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {.text = ""};
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    assert_null(spool_open(f->directory, "s", SPOOL_BYTES_MIN, &fault));
    assert_true(strstr(fault.text, "another process") != NULL);
    spool_close(spool);
    int fd = open(f->path, O_RDWR | O_TRUNC);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_null(spool_open(f->directory, "s", SPOOL_BYTES_MIN, &fault));
    assert_true(strstr(fault.text, "no spool") != NULL);
}

// Moved by a multiple of the ring's size, all records are where the header says.
static void refuses_positions_about_to_wrap(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {.text = ""};
    uint64_t positions[3];
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    assert_int_equal(push(spool, 1), 0);
    spool_close(spool);
    int fd = open(f->path, O_RDWR);
    assert_int_equal(pread(fd, positions, sizeof positions, 16), sizeof positions);
    for (int i = 0; i < 3; i++)
        positions[i] += UINT64_MAX - SPOOL_BYTES_MIN + 1 - (UINT64_C(1) << 40);
    assert_int_equal(pwrite(fd, positions, sizeof positions, 16), sizeof positions);
    close(fd);
    assert_null(spool_open(f->directory, "s", SPOOL_BYTES_MIN, &fault));
    assert_true(strstr(fault.text, "no spool") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_order_round_the_ring, begin, end),
        cmocka_unit_test_setup_teardown(is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(outlives_its_process, begin, end),
        cmocka_unit_test_setup_teardown(takes_back_and_cancels, begin, end),
        cmocka_unit_test_setup_teardown(ends_at_damage, begin, end),
        cmocka_unit_test_setup_teardown(is_one_process_s, begin, end),
        cmocka_unit_test_setup_teardown(refuses_positions_about_to_wrap, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
