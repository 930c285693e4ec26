// The window of unacknowledged messages, the batches before it, its parts, and the answers that
// empty it.
#include "common/sink/nats/window.h"

#include "common/sink/nats/answer.h"
#include "common/sink/nats/batch.h"
#include "common/sink/nats/part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct window_slot *assert_due(struct window *w, int64_t now_ns, uint64_t wanted)
{
    int64_t next_ns;
    struct window_slot *slot = window_due(w, now_ns, &next_ns);
    assert_non_null(slot);
    assert_int_equal(slot->number, wanted);
    return slot;
}

static void assert_none_due(struct window *w, int64_t now_ns, int64_t wanted_ns)
{
    int64_t next_ns;
    assert_null(window_due(w, now_ns, &next_ns));
    assert_int_equal(next_ns, wanted_ns);
}

static void reap_all(struct window *w)
{
    struct window_slot was;
    while (window_reap(w, &was))
        continue;
}

static void sends_again_in_order(void **state)
{
    struct window w;
    (void)state;
    assert_int_equal(window_init(&w, 4), 0);
    assert_none_due(&w, 0, INT64_MAX);
    for (int i = 0; i < 4; i++)
        window_push(&w, nats_message_new(0));
    assert_true(window_full(&w));
    for (uint64_t i = 0; i < 4; i++)
        window_delay(&w, assert_due(&w, 10, i), 100 + (int64_t)i);
    assert_none_due(&w, 99, 100);
    window_delay(&w, assert_due(&w, 101, 0), 200);
    window_settle(&w, assert_due(&w, 101, 1));
    assert_none_due(&w, 101, 102);
    window_expire(&w);
    window_delay(&w, assert_due(&w, 5, 0), 300);
    assert_due(&w, 5, 2);
    window_fini(&w);
}

// The one that is not done keeps its own place, and the others go round.
static void frees_in_any_order(void **state)
{
    struct window w;
    struct window_slot was;
    (void)state;
    assert_int_equal(window_init(&w, 3), 0);
    const struct window_slot *held = window_push(&w, nats_message_new(0));
    window_delay(&w, assert_due(&w, 0, 0), 1000);
    for (uint64_t round = 0; round < 100; round++) {
        while (!window_full(&w))
            window_push(&w, nats_message_new(0))->spool_end = 70 + round;
        assert_ptr_equal(window_oldest(&w), held);
        assert_ptr_equal(window_before(&w, window_newest(&w)), window_after(&w, held));
        for (int i = 0; i < 2; i++) {
            int64_t next_ns;
            struct window_slot *slot = window_due(&w, 0, &next_ns);
            uint64_t number = slot->number;
            assert_ptr_not_equal(slot, held);
            window_settle(&w, slot);
            assert_ptr_equal(window_find(&w, number), slot);
            assert_true(window_reap(&w, &was));
            assert_int_equal(was.number, number);
            assert_int_equal(was.spool_end, 70 + round);
            assert_null(window_find(&w, number));
        }
        assert_false(window_reap(&w, &was));
        assert_int_equal(window_find(&w, 0)->due_ns, 1000);
    }
    window_settle(&w, assert_due(&w, 1000, 0));
    assert_null(window_oldest(&w));
    assert_null(window_newest(&w));
    reap_all(&w);
    assert_true(window_empty(&w));
    window_fini(&w);
}

static void is_ripe_with_an_eighth_or_all(void **state)
{
    struct window w;
    (void)state;
    assert_int_equal(window_init(&w, 16), 0);
    for (int i = 0; i < 16; i++)
        window_push(&w, nats_message_new(0));
    window_settle(&w, window_find(&w, 5));
    assert_false(window_ripe(&w));
    window_settle(&w, window_find(&w, 0));
    assert_true(window_ripe(&w));
    reap_all(&w);
    assert_false(window_ripe(&w));
    for (uint64_t i = 1; i < 16; i++)
        if (i != 5)
            window_settle(&w, window_find(&w, i));
    reap_all(&w);
    struct window_slot *slot = window_push(&w, nats_message_new(0));
    assert_false(window_ripe(&w));
    window_settle(&w, slot);
    assert_true(window_ripe(&w));
    window_fini(&w);
}

static struct window_slot slot_of_flows(uint32_t flows, const char *flow)
{
    struct nats_message *message = nats_message_new(flows * strlen(flow));
    for (uint32_t i = 0; i < flows; i++, message->len += strlen(flow))
        memcpy(message->data + message->len, flow, strlen(flow));
    message->flows = flows;
    return (struct window_slot){.message = message};
}

static void assert_part(const struct window_slot *slot, size_t from, size_t len, uint32_t flows)
{
    assert_int_equal(slot->from, from);
    assert_int_equal(slot->part_len, len);
    assert_int_equal(slot->part_flows, flows);
}

static void sends_in_parts(void **state)
{
    struct window_slot slot = slot_of_flows(6, "\3abc");
    (void)state;
    nats_part_choose(&slot, 24);
    assert_part(&slot, 0, 24, 6);
    nats_part_choose(&slot, 19);
    assert_part(&slot, 0, 16, 4);
    nats_part_refused(&slot);
    assert_part(&slot, 0, 8, 2);
    nats_part_stored(&slot);
    assert_false(nats_part_was_last(&slot));
    nats_part_choose(&slot, 19); // what was refused is not tried again
    assert_part(&slot, 8, 8, 2);
    nats_part_stored(&slot);
    nats_part_choose(&slot, 3); // one flow at least
    assert_part(&slot, 16, 4, 1);
    nats_part_refused(&slot);
    assert_int_equal(slot.too_large, 1);
    nats_part_choose(&slot, 19);
    assert_part(&slot, 20, 4, 1);
    nats_part_stored(&slot);
    assert_true(nats_part_was_last(&slot));
    assert_int_equal(slot.passed, 6);
    assert_int_equal(slot.too_large, 1);
    free(slot.message);
}

// The second looks like frames, of other flows than there are.
static void what_has_no_seam_is_given_up_whole(void **state)
{
    const char *flows[] = {"{\"a\":1}", "\1a\1b"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct window_slot slot = slot_of_flows(3, flows[i]);
        nats_part_choose(&slot, 4);
        assert_part(&slot, 0, 3 * strlen(flows[i]), 3);
        nats_part_refused(&slot);
        assert_true(nats_part_was_last(&slot));
        assert_int_equal(slot.too_large, 3);
        free(slot.message);
    }
}

static void batches_by_subject(void **state)
{
    struct nats_batch_set set;
    struct nats_batch *first = NULL;
    char subject[16];
    (void)state;
    assert_int_equal(nats_batch_init(&set), 0);
    for (int i = 0; i < NATS_BATCHES_MAX; i++) {
        size_t len = (size_t)snprintf(subject, sizeof subject, "s.%d", i);
        struct nats_batch *batch = nats_batch_of(&set, subject, len);
        assert_string_equal(batch->subject, subject);
        first = i == 0 ? batch : first;
    }
    assert_ptr_equal(nats_batch_of(&set, "s.0", 3), first);
    assert_null(nats_batch_of(&set, "one.more", 8));
    nats_batch_clear(&set);
    assert_non_null(nats_batch_of(&set, "one.more", 8));
    nats_batch_fini(&set);
}

static void assert_answer(const char *json, enum nats_answer wanted, const char *wanted_error)
{
    char error[NATS_ANSWER_TEXT_MAX];
    assert_int_equal(nats_answer_read(json, strlen(json), error), wanted);
    assert_string_equal(error, wanted_error);
}

static void reads_answers(void **state)
{
    (void)state;
    assert_answer("{\"stream\":\"S\", \"seq\":5}", NATS_ANSWER_STORED, "");
    assert_answer("{\"stream\":\"S\",\"domain\":\"d\",\"seq\":5,\"duplicate\": true}",
                  NATS_ANSWER_STORED, "");
    assert_answer("{\"error\":{\"code\":400,\"err_code\":10054,\"description\":\"too long\"},"
                  "\"stream\":\"S\",\"seq\":0}",
                  NATS_ANSWER_REFUSED, "too long");
    assert_answer("{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum "
                  "messages exceeded\"},\"stream\":\"S\",\"seq\":0}",
                  NATS_ANSWER_AGAIN, "maximum messages exceeded");
    assert_answer("{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"maximum "
                  "messages per subject exceeded\"},\"stream\":\"S\",\"seq\":0}",
                  NATS_ANSWER_QUOTA, "maximum messages per subject exceeded");
    assert_answer("", NATS_ANSWER_AGAIN, "answer not understood");
    assert_answer("{\"error\":{\"description\":\"cut", NATS_ANSWER_AGAIN, "cut");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_again_in_order),
        cmocka_unit_test(frees_in_any_order),
        cmocka_unit_test(is_ripe_with_an_eighth_or_all),
        cmocka_unit_test(sends_in_parts),
        cmocka_unit_test(what_has_no_seam_is_given_up_whole),
        cmocka_unit_test(batches_by_subject),
        cmocka_unit_test(reads_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
