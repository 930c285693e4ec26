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

static uint64_t flows_of(unsigned first, unsigned behind)
{
    uint64_t flows = 0;
    for (unsigned i = first; i < behind; i++)
        flows += i % 5 + 1;
    return flows;
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
    assert_int_equal(lost, 0); // or counted when it was opened
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
        unsigned first = out;
        uint64_t at = assert_next(spool, out++);
        if (in - out > 500)
            at = assert_next(spool, out++);
        spool_release(spool, at, flows_of(first, out));
    }
    for (; out < in; out++)
        spool_release(spool, assert_next(spool, out), flows_of(out, out + 1));
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
    assert_int_equal(push(spool, count), -ENOBUFS);
    spool_release(spool, assert_next(spool, 0), flows_of(0, 1));
    assert_int_equal(push(spool, count), 0);
    assert_int_equal(push(spool, count + 1), -ENOBUFS);
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
            spool_release(spool, assert_next(spool, i), flows_of(i, i + 1));
        assert_next(spool, 10); // taken out, not released
        kill(getpid(), SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    struct spool *spool = open_spool(*state, SPOOL_BYTES_MIN);
    struct spool_facts facts;
    uint64_t flows = flows_of(10, 100);
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
    spool_release(spool, end_at, flows);
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
    spool_cancel(spool, at, flows_of(2, 3));
    spool_close(spool);
    spool = open_spool(*state, SPOOL_BYTES_MIN);
    struct spool_facts facts;
    spool_facts(spool, &facts);
    assert_int_equal(facts.lost, 0);
    assert_int_equal(facts.flows, flows_of(1, 2) + flows_of(3, 4));
    assert_next(spool, 1);
    spool_release(spool, assert_next(spool, 3), facts.flows);
    spool_close(spool);
}

// Where that record begins in the file, when all are of the size of the first.
static off_t place_of(uint64_t first_end, unsigned number)
{
    uint64_t record_len = first_end - (UINT64_C(1) << 40);
    uint64_t at = (UINT64_C(1) << 40) + number * record_len;
    return 4096 + (off_t)(at % SPOOL_BYTES_MIN);
}

static void overwrite(const struct fixture *f, off_t at, const char *bytes, size_t len)
{
    int fd = open(f->path, O_RDWR);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

// In the data, in the length, and all over two records: the others are read, and it is known how
// many flows were in these.
static void damage_costs_what_it_hits(void **state)
{
    static const struct {
        off_t offset;
        size_t len;
        unsigned lost; // records from the sixth on
    } cases[] = {{700, 1, 1}, {40, 4, 1}, {0, 1, 1}, {100, 1500, 2}, {52, 4, 1}};
    static const char junk[2048] = {[0 ... 2047] = '\xee'};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spool_facts facts;
        struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
        for (unsigned k = 0; k < 10; k++)
            push(spool, k);
        uint64_t end_at = assert_next(spool, 0);
        off_t at = place_of(end_at, 5) + cases[i].offset;
        spool_release(spool, end_at, flows_of(0, 1));
        spool_close(spool);
        overwrite(f, at, junk, cases[i].len);
        spool = open_spool(f, SPOOL_BYTES_MIN);
        spool_facts(spool, &facts);
        assert_int_equal(facts.messages, 9 - cases[i].lost);
        assert_int_equal(facts.lost, flows_of(5, 5 + cases[i].lost));
        for (unsigned k = 1; k < 10; k++)
            if (k < 5 || k >= 5 + cases[i].lost)
                end_at = assert_next(spool, k);
        assert_true(spool_all_read(spool));
        spool_release(spool, end_at, facts.flows);
        assert_int_equal(push(spool, 77), 0);
        spool_release(spool, assert_next(spool, 77), flows_of(77, 78));
        spool_close(spool);
    }
}

// The same while it is in use: what is not found is counted, at the latest when all is read.
static void damage_in_use_is_counted(void **state)
{
    static const char junk[64] = {[0 ... 63] = '\xee'};
    struct fixture *f = *state;
    for (unsigned hit = 1; hit < 10; hit++) {
        struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
        uint64_t begin_at;
        uint64_t end_at;
        uint64_t lost;
        uint64_t all_lost = 0;
        uint64_t flows = 0;
        for (unsigned k = 0; k < 10; k++)
            push(spool, k);
        end_at = assert_next(spool, 0);
        overwrite(f, place_of(end_at, hit) + (hit % 2 ? 0 : 300), junk, sizeof junk);
        struct nats_message *m = NULL;
        while ((m = spool_read(spool, &begin_at, &end_at, &lost)) != NULL) {
            flows += m->flows;
            all_lost += lost;
            free(m);
        }
        all_lost += lost;
        assert_int_equal(all_lost, flows_of(hit, hit + 1));
        assert_int_equal(flows + all_lost, flows_of(1, 10));
        spool_release(spool, spool_read_end(spool), flows_of(0, 1) + flows);
        spool_close(spool);
    }
}

// What was written at another time is not taken for sound, though it was.
static void an_earlier_time_does_not_come_back(void **state)
{
    char old[4096];
    struct fixture *f = *state;
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    push(spool, 1);
    push(spool, 2);
    int fd = open(f->path, O_RDWR);
    assert_int_equal(pread(fd, old, sizeof old, 4096), 2 * BODY_LEN + 2 * 80);
    spool_release(spool, assert_next(spool, 1), flows_of(1, 2));
    spool_release(spool, assert_next(spool, 2), flows_of(2, 3));
    push(spool, 3);
    push(spool, 4);
    assert_int_equal(pwrite(fd, old, BODY_LEN, 4096), BODY_LEN);
    close(fd);
    uint64_t begin_at;
    uint64_t end_at;
    uint64_t lost;
    struct nats_message *m = spool_read(spool, &begin_at, &end_at, &lost);
    assert_string_equal(m->id, "id-4");
    assert_int_equal(lost, flows_of(3, 4));
    free(m);
    spool_close(spool);
}

static void assert_holds(const struct fixture *f, unsigned first, unsigned behind)
{
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    for (unsigned i = first; i < behind; i++)
        assert_next(spool, i);
    assert_true(spool_all_read(spool));
    spool_close(spool);
}

static void is_made_again_when_it_is_removed(void **state)
{
    struct fixture *f = *state;
    struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
    for (unsigned i = 0; i < 100; i++)
        push(spool, i);
    unlink(f->path);
    push(spool, 100);
    spool_look(spool);
    push(spool, 101);
    assert_int_equal(rmdir(f->directory), -1); // it is there
    spool_close(spool);
    assert_holds(f, 0, 102);
    spool = open_spool(f, SPOOL_BYTES_MIN);
    unlink(f->path);
    rmdir(f->directory);
    spool_look(spool);
    spool_close(spool);
    assert_holds(f, 0, 102);
}

static void outlives_being_cut_short(void **state)
{
    struct fixture *f = *state;
    for (off_t len = 0; len <= 8192; len += 1024) {
        struct spool *spool = open_spool(f, SPOOL_BYTES_MIN);
        uint64_t begin_at;
        uint64_t end_at;
        uint64_t lost = 0;
        uint64_t all_lost = 0;
        uint64_t flows = 0;
        for (unsigned i = 0; i < 20; i++)
            push(spool, i);
        assert_int_equal(truncate(f->path, len), 0);
        if (len % 2048 == 0)
            spool_look(spool);
        for (unsigned i = 20; i < 40; i++)
            assert_int_equal(push(spool, i), 0);
        for (struct nats_message *m; (m = spool_read(spool, &begin_at, &end_at, &lost)) != NULL;) {
            flows += m->flows;
            all_lost += lost;
            free(m);
        }
        all_lost += lost;
        assert_true(flows >= flows_of(20, 40));
        assert_int_equal(flows + all_lost, flows_of(0, 40));
        spool_release(spool, spool_read_end(spool), flows);
        spool_close(spool);
    }
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
        cmocka_unit_test_setup_teardown(damage_costs_what_it_hits, begin, end),
        cmocka_unit_test_setup_teardown(damage_in_use_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(an_earlier_time_does_not_come_back, begin, end),
        cmocka_unit_test_setup_teardown(is_made_again_when_it_is_removed, begin, end),
        cmocka_unit_test_setup_teardown(outlives_being_cut_short, begin, end),
        cmocka_unit_test_setup_teardown(is_one_process_s, begin, end),
        cmocka_unit_test_setup_teardown(refuses_positions_about_to_wrap, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
