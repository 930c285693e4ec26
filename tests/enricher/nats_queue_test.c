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

static void assert_next(struct nats_queue *queue, uint64_t sequence, int64_t time_ns, bool again)
{
    struct source_block block;
    assert_true(nats_queue_next(queue, &block));
    assert_int_equal(block.stream, STREAM);
    assert_int_equal(block.sequence, sequence);
    assert_int_equal(block.time_ns, time_ns);
    assert_int_equal(block.again, again);
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
    assert_next(&queue, 1, STORED_NS + 1, true);
    nats_queue_fini(&queue);
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
    };
    return cmocka_run_group_tests(tests, open_library, close_library);
}
