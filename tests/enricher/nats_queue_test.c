// The queue between the server and the worker: where messages say they stand, and which of them
// are new.
#include "enricher/source/nats_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define CAP       4
#define STREAM    UINT64_C(0x5eed)
#define STORED_NS INT64_C(1700000000123456789)

static void begin(struct nats_queue *queue)
{
    assert_int_equal(nats_queue_init(queue, CAP), 0);
    queue->stream = STREAM;
}

static natsMsg *message_with(const char *reply)
{
    natsMsg *message = NULL;
    assert_int_equal(natsMsg_Create(&message, "flows", reply, "data", 4), NATS_OK);
    return message;
}

// As a server names it: `where` is stream and consumer, in newer ones domain and account before
// them and more behind, ADR-15.
static natsMsg *message_in(const char *where, const char *more, unsigned deliveries,
                           unsigned long long sequence, long long time_ns)
{
    char reply[128];
    snprintf(reply, sizeof reply, "$JS.ACK.%s.%u.%llu.77.%lld.5%s", where, deliveries, sequence,
             time_ns, more);
    return message_with(reply);
}

static natsMsg *message(unsigned deliveries, unsigned long long sequence, long long time_ns)
{
    return message_in("goflow2.enricher", "", deliveries, sequence, time_ns);
}

// Puts it: whether the queue took it.
static bool put(struct nats_queue *queue, natsMsg *made)
{
    bool taken = nats_queue_put(queue, made, 0);
    if (!taken)
        natsMsg_Destroy(made);
    return taken;
}

// The next message for the worker: its token.
static uint64_t assert_next(struct nats_queue *queue, uint64_t sequence, int64_t time_ns,
                            bool again)
{
    struct source_block block;
    assert_true(nats_queue_next(queue, &block));
    assert_int_equal(block.stream, STREAM);
    assert_int_equal(block.sequence, sequence);
    assert_int_equal(block.time_ns, time_ns);
    assert_int_equal(block.again, again);
    return block.token;
}

static void assert_none(struct nats_queue *queue)
{
    struct source_block block;
    assert_false(nats_queue_next(queue, &block));
}

// What is taken out: how it was answered, and whether the server hears of it.
static void assert_answered(struct nats_queue *queue, uint64_t sequence, enum source_answer answer,
                            bool is_spoken)
{
    struct nats_queue_entry entry;
    bool spoken;
    assert_true(nats_queue_take_answered(queue, &entry, &spoken));
    assert_int_equal(entry.sequence, sequence);
    assert_int_equal(entry.answer, answer);
    assert_int_equal(spoken, is_spoken);
    natsMsg_Destroy(entry.message);
}

// Takes the message in, hands it to the worker, which answers, and sends that.
static void pass(struct nats_queue *queue, natsMsg *made, enum source_answer answer)
{
    struct source_block block;
    assert_true(put(queue, made));
    assert_true(nats_queue_next(queue, &block));
    nats_queue_answer(queue, block.token, answer);
    assert_answered(queue, block.sequence, answer, true);
}

static void reads_where_a_message_stands(void **state)
{
    static const char *const where[] = {"goflow2.enricher", "hub.account.goflow2.enricher"};
    static const char *const more[] = {"", ".token"};
    struct nats_queue queue;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin(&queue);
        assert_true(put(&queue, message_in(where[i], more[i], 1, 42, STORED_NS)));
        assert_next(&queue, 42, STORED_NS, false);
        assert_true(put(&queue, message_in(where[i], more[i], 2, 43, STORED_NS + 1)));
        assert_next(&queue, 43, STORED_NS + 1, true);
        nats_queue_fini(&queue);
    }
}

static void takes_what_says_nothing_of_itself(void **state)
{
    static const char *const replies[] = {NULL, "answers.here", "$JS.ACK.too.short",
                                          "$JS.ACK.goflow2.enricher.a.b.c.d.e"};
    struct nats_queue queue;
    struct source_block block;
    (void)state;
    begin(&queue);
    for (size_t i = 0; i < 4; i++) {
        assert_true(put(&queue, message_with(replies[i])));
        assert_true(nats_queue_next(&queue, &block));
        assert_int_equal(block.stream, 0);
        assert_int_equal(block.sequence, 0);
    }
    nats_queue_fini(&queue);
}

static void refuses_what_it_holds(void **state)
{
    struct nats_queue queue;
    (void)state;
    begin(&queue);
    assert_true(put(&queue, message(1, 1, STORED_NS)));
    assert_false(put(&queue, message(2, 1, STORED_NS)));
    assert_next(&queue, 1, STORED_NS, false);
    assert_false(put(&queue, message(3, 1, STORED_NS)));
    nats_queue_fini(&queue);
}

// Of a stream that was made anew the sequences are the same.
static void knows_a_message_by_its_time_too(void **state)
{
    struct nats_queue queue;
    (void)state;
    begin(&queue);
    assert_true(put(&queue, message(1, 1, STORED_NS)));
    assert_true(put(&queue, message(1, 1, STORED_NS + 1)));
    assert_next(&queue, 1, STORED_NS, false);
    assert_next(&queue, 1, STORED_NS + 1, false);
    nats_queue_fini(&queue);
}

// Whether the server counts deliveries on, or its consumer is a new one that begins anew.
static void what_was_answered_for_good_never_comes_to_the_worker_again(void **state)
{
    static const enum source_answer answers[] = {SOURCE_DONE, SOURCE_BAD};
    struct nats_queue queue;
    (void)state;
    begin(&queue);
    for (unsigned i = 0; i < 2; i++)
        pass(&queue, message(1, i + 1, STORED_NS + i), answers[i]);
    for (unsigned deliveries = 1; deliveries <= 2; deliveries++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_true(put(&queue, message(deliveries, i + 1, STORED_NS + i)));
            assert_none(&queue);
            assert_answered(&queue, i + 1, SOURCE_KNOWN, true);
        }
    }
    nats_queue_fini(&queue);
}

static void what_was_not_comes_again(void **state)
{
    static const enum source_answer answers[] = {SOURCE_AGAIN, SOURCE_LEFT};
    struct nats_queue queue;
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&queue);
        pass(&queue, message(1, 1, STORED_NS), answers[i]);
        assert_true(put(&queue, message(2, 1, STORED_NS)));
        assert_next(&queue, 1, STORED_NS, true);
        nats_queue_fini(&queue);
    }
}

// Those that are known stand between those that are not, and leave their places.
static void known_ones_do_not_hold_up_the_others(void **state)
{
    struct nats_queue queue;
    (void)state;
    begin(&queue);
    pass(&queue, message(1, 1, STORED_NS), SOURCE_DONE);
    for (unsigned round = 0; round < 3; round++) {
        unsigned fresh = 2 + 2 * round;
        assert_true(put(&queue, message(2, 1, STORED_NS)));
        assert_true(put(&queue, message(1, fresh, STORED_NS + fresh)));
        assert_true(put(&queue, message(1, fresh + 1, STORED_NS + fresh + 1)));
        uint64_t first = assert_next(&queue, fresh, STORED_NS + fresh, false);
        uint64_t second = assert_next(&queue, fresh + 1, STORED_NS + fresh + 1, false);
        assert_none(&queue);
        nats_queue_answer(&queue, second, SOURCE_DONE);
        nats_queue_answer(&queue, first, SOURCE_DONE);
        assert_answered(&queue, 1, SOURCE_KNOWN, true);
        assert_answered(&queue, fresh, SOURCE_DONE, true);
        assert_answered(&queue, fresh + 1, SOURCE_DONE, true);
        assert_false(nats_queue_has_answered(&queue));
    }
    nats_queue_fini(&queue);
}

// The consumer of the new stream has the old one's name: it would take the answer for its own.
static void of_a_stream_that_is_no_more_nothing_is_said(void **state)
{
    struct nats_queue queue;
    char reply[NATS_REPLY_MAX];
    (void)state;
    begin(&queue);
    pass(&queue, message(1, 1, STORED_NS), SOURCE_DONE);
    assert_true(put(&queue, message(1, 2, STORED_NS + 1)));
    uint64_t old = assert_next(&queue, 2, STORED_NS + 1, false);
    assert_true(nats_queue_touch(&queue, old, 1, 0, reply));
    assert_true(put(&queue, message(1, 1, STORED_NS + 9)));
    assert_false(nats_queue_touch(&queue, old, 2, 0, reply));
    uint64_t fresh = assert_next(&queue, 1, STORED_NS + 9, false);
    nats_queue_answer(&queue, old, SOURCE_DONE);
    nats_queue_answer(&queue, fresh, SOURCE_DONE);
    assert_answered(&queue, 2, SOURCE_DONE, false);
    assert_answered(&queue, 1, SOURCE_DONE, true);
    assert_true(put(&queue, message(2, 1, STORED_NS + 9)));
    assert_answered(&queue, 1, SOURCE_KNOWN, true);
    nats_queue_fini(&queue);
}

static void the_latest_are_known(void **state)
{
    struct nats_known known;
    uint64_t first = NATS_KNOWN_MAX - 7;
    (void)state;
    assert_int_equal(nats_known_init(&known), 0);
    assert_false(nats_known_has(&known, 0, 0));
    for (uint64_t i = 0; i <= NATS_KNOWN_MAX; i++)
        nats_known_add(&known, first + i, STORED_NS + (int64_t)i);
    assert_false(nats_known_has(&known, first, STORED_NS)); // its place was taken
    for (uint64_t i = 1; i <= NATS_KNOWN_MAX; i++) {
        assert_true(nats_known_has(&known, first + i, STORED_NS + (int64_t)i));
        assert_false(nats_known_has(&known, first + i, STORED_NS + (int64_t)i + 1));
        assert_false(nats_known_has(&known, first + i + NATS_KNOWN_MAX, STORED_NS + (int64_t)i));
    }
    nats_known_fini(&known);
}

// The library collects what it frees.
static int open_library(void **state)
{
    (void)state;
    return nats_Open(-1) == NATS_OK ? 0 : -1;
}

static int close_library(void **state)
{
    (void)state;
    nats_Close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_where_a_message_stands),
        cmocka_unit_test(takes_what_says_nothing_of_itself),
        cmocka_unit_test(refuses_what_it_holds),
        cmocka_unit_test(knows_a_message_by_its_time_too),
        cmocka_unit_test(what_was_answered_for_good_never_comes_to_the_worker_again),
        cmocka_unit_test(what_was_not_comes_again),
        cmocka_unit_test(known_ones_do_not_hold_up_the_others),
        cmocka_unit_test(of_a_stream_that_is_no_more_nothing_is_said),
        cmocka_unit_test(the_latest_are_known),
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}
