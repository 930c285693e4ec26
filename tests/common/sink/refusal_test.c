// Messages that are refused: which are held, and which are given up because others pass.
#include "common/sink/nats/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define S      INT64_C(1000000000)
#define WINDOW 16

struct fixture {
    struct subject subject;
    struct nats_refusals refusals;
    struct nats_message *message;
    struct window_slot slot;
};

static void begin_with(struct fixture *f, const char *pattern)
{
    struct fault fault = {.text = ""};
    assert_int_equal(subject_parse(&f->subject, pattern, &fault), 0);
    nats_refusals_init(&f->refusals, &f->subject, WINDOW);
    f->message = nats_message_new(0);
    snprintf(f->message->subject, sizeof f->message->subject, "flows.SFLOW_5");
    f->slot = (struct window_slot){.message = f->message};
}

static int begin(void **state)
{
    static struct fixture f;
    begin_with(&f, "flows.{type}");
    *state = &f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;
    nats_refusals_fini(&f->refusals);
    free(f->message);
    return 0;
}

static void look(struct fixture *f, int64_t now_ns, const char *subject)
{
    struct nats_bound bound = {.known = true, .count = 1};
    bound.subjects = calloc(1, sizeof bound.subjects[0]);
    snprintf(bound.subjects[0], sizeof bound.subjects[0], "%s", subject);
    nats_refusals_look(&f->refusals, &bound, now_ns);
}

static enum nats_verdict refuse(struct fixture *f, enum nats_refusal refusal, int64_t now_ns)
{
    return nats_refusals_judge(&f->refusals, &f->slot, refusal, now_ns);
}

// Three times, and only when the stream was asked since.
static void gives_up_what_the_stream_leaves_out(void **state)
{
    struct fixture *f = *state;
    look(f, 1 * S, "flows.NETFLOW_V5");
    assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, 2 * S), NATS_HOLD);
    assert_true(f->refusals.look_again);
    assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, 3 * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, 4 * S), NATS_HOLD);
    look(f, 5 * S, "flows.NETFLOW_V5");
    assert_int_equal(refuse(f, NATS_REFUSAL_SILENT, 6 * S), NATS_GIVE_UP);
    assert_int_equal(f->refusals.held, 1);
    nats_refusals_done(&f->refusals, &f->slot);
    assert_int_equal(f->refusals.held, 0);
    f->slot = (struct window_slot){.message = f->message}; // the next one, soon after
    assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, 7 * S), NATS_GIVE_UP);
    nats_refusals_done(&f->refusals, &f->slot);
    f->slot = (struct window_slot){.message = f->message}; // and long after
    assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, 700 * S), NATS_HOLD);
}

// The stream takes it (and nobody leads it), takes nothing of ours, or is not known.
static void holds_what_is_no_fault_of_the_subject(void **state)
{
    static const char *const bound[] = {"flows.*", "flows.SFLOW_5", "else.where"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++)
        for (int64_t s = 1; s < 100; s++) {
            look(f, s * S, bound[i]);
            nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", s * S);
            assert_int_equal(refuse(f, NATS_REFUSAL_UNBOUND, s * S), NATS_HOLD);
        }
}

static void holds_what_is_refused_of_all(void **state)
{
    struct fixture *f = *state;
    for (int64_t s = 1; s < 100; s++) {
        nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", s * S);
        assert_int_equal(refuse(f, NATS_REFUSAL_ANY, s * S), NATS_HOLD);
    }
    for (int64_t s = 100; s < 200; s++) { // nothing passes any more
        enum nats_refusal refusal = s % 2 ? NATS_REFUSAL_FORBIDDEN : NATS_REFUSAL_QUOTA;
        f->slot.refused_ns = 100 * S;
        assert_int_equal(refuse(f, refusal, s * S), NATS_HOLD);
    }
}

static void holds_what_has_one_subject(void **state)
{
    struct fixture constant;
    (void)state;
    begin_with(&constant, "flows.SFLOW_5");
    look(&constant, 1 * S, "else.where");
    for (int64_t s = 2; s < 100; s++)
        assert_int_equal(refuse(&constant, NATS_REFUSAL_UNBOUND, s * S), NATS_HOLD);
    nats_refusals_fini(&constant.refusals);
    free(constant.message);
}

static void gives_up_while_others_pass(void **state)
{
    struct fixture *f = *state;
    nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", 1 * S);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 2 * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 3 * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 4 * S), NATS_HOLD);
    nats_refusals_stored(&f->refusals, "flows.SFLOW_5", 5 * S); // its own says nothing
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 6 * S), NATS_HOLD);
    nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", 7 * S);
    nats_refusals_stored(&f->refusals, "flows.SFLOW_5", 8 * S);
    assert_int_equal(refuse(f, NATS_REFUSAL_QUOTA, 9 * S), NATS_GIVE_UP);
}

// They would take the window from those that pass.
static void gives_many_up_at_once(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i <= WINDOW / 8; i++) {
        f->slot = (struct window_slot){.message = f->message};
        assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 2 * S), NATS_HOLD);
    }
    nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", 3 * S);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 4 * S), NATS_GIVE_UP);
}

// Who feeds the sink waits for this message alone: it goes back, and others come meanwhile.
static void gives_back_what_holds_the_input(void **state)
{
    struct fixture *f = *state;
    f->refusals.republishes = true;
    for (int64_t s = 1; s < 6; s++)
        assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, s * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 6 * S), NATS_GIVE_BACK);
    assert_int_equal(refuse(f, NATS_REFUSAL_ANY, 7 * S), NATS_HOLD);
    nats_refusals_stored(&f->refusals, "flows.NETFLOW_V5", 8 * S);
    f->slot = (struct window_slot){.message = f->message}; // it comes again
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 9 * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 10 * S), NATS_HOLD);
    assert_int_equal(refuse(f, NATS_REFUSAL_FORBIDDEN, 11 * S), NATS_GIVE_UP);
}

// Of one subject or many: alone while others are stored, and one of all as soon as none is.
static void waits_alone_while_others_are_stored(void **state)
{
    static const char *const patterns[] = {"flows.{type}", "flows.SFLOW_5"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        begin_with(&f, patterns[i]);
        nats_refusals_stored(&f.refusals, "flows.SFLOW_5", 1 * S);
        assert_false(nats_refusals_alone(&f.refusals, &f.slot, 1 * S)); // it was not refused
        assert_int_equal(refuse(&f, NATS_REFUSAL_ANY, 2 * S), NATS_HOLD);
        assert_false(nats_refusals_alone(&f.refusals, &f.slot, 3 * S));
        nats_refusals_stored(&f.refusals, "flows.SFLOW_5", 4 * S);
        assert_true(nats_refusals_alone(&f.refusals, &f.slot, 5 * S));
        assert_false(nats_refusals_alone(&f.refusals, &f.slot, 14 * S));
        (void)end((void *[]){&f});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_up_what_the_stream_leaves_out, begin, end),
        cmocka_unit_test_setup_teardown(holds_what_is_no_fault_of_the_subject, begin, end),
        cmocka_unit_test_setup_teardown(holds_what_is_refused_of_all, begin, end),
        cmocka_unit_test_setup_teardown(holds_what_has_one_subject, begin, end),
        cmocka_unit_test_setup_teardown(gives_up_while_others_pass, begin, end),
        cmocka_unit_test_setup_teardown(gives_many_up_at_once, begin, end),
        cmocka_unit_test_setup_teardown(gives_back_what_holds_the_input, begin, end),
        cmocka_unit_test(waits_alone_while_others_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
