// The ring of frames: wrapping, both of its limits, and frames begun.
#include "common/sink/ring.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counts {
    unsigned done[4];
};

static void count(void *user, uint32_t owner)
{
    ((struct counts *)user)->done[owner]++;
}

static bool push(struct ring *ring, const char *text, uint32_t owner)
{
    return ring_push(ring, (const uint8_t *)text, strlen(text), owner);
}

// All that waits, as one text.
static const char *waiting(const struct ring *ring)
{
    static char text[256];
    struct iovec pieces[2];
    int count_of_pieces = ring_peek(ring, pieces);
    size_t len = 0;
    for (int i = 0; i < count_of_pieces; i++) {
        memcpy(text + len, pieces[i].iov_base, pieces[i].iov_len);
        len += pieces[i].iov_len;
    }
    text[len] = '\0';
    return text;
}

static void frames_are_settled_with_their_last_byte(void **state)
{
    (void)state;
    struct ring ring;
    struct counts counts = {{0}};
    assert_int_equal(ring_init(&ring, 64), 0);
    assert_true(push(&ring, "one", 1));
    assert_true(push(&ring, "two", 2));
    ring_take(&ring, 2, count, &counts);
    assert_int_equal(ring.begun, 2);
    assert_int_equal(ring_first_len(&ring), 1);
    assert_int_equal(counts.done[1], 0);
    ring_take(&ring, 1, count, &counts);
    assert_int_equal(ring.begun, 0);
    assert_int_equal(counts.done[1], 1);
    ring_take(&ring, 3, count, &counts);
    assert_int_equal(counts.done[2], 1);
    assert_int_equal(ring_first_len(&ring), 0);
    ring_fini(&ring);
}

static void it_wraps(void **state)
{
    (void)state;
    struct ring ring;
    struct counts counts = {{0}};
    assert_int_equal(ring_init(&ring, 37), 0);
    assert_true(push(&ring, "abc", 0));
    for (unsigned i = 0; i < 500; i++) {
        char text[16];
        snprintf(text, sizeof text, "frame%05u", i);
        assert_true(push(&ring, text, 1));
        ring_take(&ring, ring_first_len(&ring), count, &counts);
        assert_string_equal(waiting(&ring), text);
    }
    assert_int_equal(counts.done[1], 499);
    ring_fini(&ring);
}

static void what_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct ring ring;
    assert_int_equal(ring_init(&ring, 40), 0);
    assert_true(push(&ring, "0123456789012345678901234567890123456", 1));
    assert_false(push(&ring, "four", 1));
    assert_true(push(&ring, "thr", 1));
    assert_int_equal(strlen(waiting(&ring)), 40);
    assert_false(push(&ring, "x", 1));
    ring_fini(&ring);
}

static void short_frames_fill_the_table_first(void **state)
{
    (void)state;
    struct ring ring;
    struct counts counts = {{0}};
    assert_int_equal(ring_init(&ring, 160), 0);
    unsigned pushed = 0;
    while (push(&ring, "x", 1))
        pushed++;
    assert_in_range(pushed, 1, 159);
    ring_take(&ring, 1, count, &counts);
    assert_true(push(&ring, "y", 2));
    ring_take(&ring, pushed, count, &counts);
    assert_int_equal(counts.done[1], pushed);
    assert_int_equal(counts.done[2], 1);
    ring_fini(&ring);
}

static void pages_given_back_read_as_new(void **state)
{
    (void)state;
    struct ring ring;
    struct counts counts = {{0}};
    size_t cap = 8u << 20;
    uint8_t *frame = malloc(cap);
    assert_non_null(frame);
    memset(frame, 'a', cap);
    assert_int_equal(ring_init(&ring, cap), 0);
    assert_true(ring_push(&ring, frame, cap, 1));
    ring_take(&ring, cap, count, &counts);
    assert_int_equal(ring.peak, 0);
    assert_true(push(&ring, "again", 2));
    assert_string_equal(waiting(&ring), "again");
    free(frame);
    ring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_settled_with_their_last_byte),
        cmocka_unit_test(it_wraps),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(short_frames_fill_the_table_first),
        cmocka_unit_test(pages_given_back_read_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
