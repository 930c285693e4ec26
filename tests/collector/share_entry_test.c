// Announcements as entries of the shared bucket: there and back, and what is no entry.
#include "collector/share/entry.h"

#include "collector/share/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

// NetFlow v9 of domain 0x01020304 with one template set, template 260.
static const uint8_t V9[] = {0, 9, 0, 1, 0, 0, 0, 1,  0, 0, 0, 2, 0, 0, 0, 3,
                             1, 2, 3, 4, 0, 0, 0, 12, 1, 4, 0, 1, 0, 7, 0, 2};

static struct datagram announcement(const uint8_t *data, size_t len)
{
    static const uint8_t source[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 9};
    return (struct datagram){.data = data,
                             .len = len,
                             .source = addr_of(source, sizeof source),
                             .port = 2055,
                             .received_ns = 1234567890123456789};
}

static void names_exporter_and_template(void **state)
{
    char key[SHARE_KEY_MAX];
    struct datagram a = announcement(V9, sizeof V9);
    (void)state;
    assert_true(share_key(&a, key));
    assert_string_equal(key, "20010db8000000000000000000000009.2055.9.1020304.0.260");
}

// One template set of two templates, each of one field, and a set of options data.
static size_t write_three(uint8_t *out, uint16_t second, uint8_t field, uint16_t data)
{
    const uint8_t sets[] = {0, 0, 0, 20,    1, 4, 0, 1, 0, 7, 0, 2, 1, 5,
                            0, 1, 0, field, 0, 2, 1, 6, 0, 8, 1, 2, 3, 4};
    memcpy(out, V9, 20);
    memcpy(out + 20, sets, sizeof sets);
    out[20 + 13] = (uint8_t)second;
    out[20 + 21] = (uint8_t)data;
    return 20 + sizeof sets;
}

static void assert_same_key(bool wanted, size_t len, const uint8_t *x, const uint8_t *y)
{
    char key[2][SHARE_KEY_MAX];
    struct datagram a = announcement(x, len);
    struct datagram b = announcement(y, len);
    assert_true(share_key(&a, key[0]));
    assert_true(share_key(&b, key[1]));
    assert_int_equal(strcmp(key[0], key[1]) == 0, wanted);
}

// What an entry is replaced by must say as much.
static void names_all_that_is_announced(void **state)
{
    uint8_t a[64];
    uint8_t b[64];
    (void)state;
    size_t len = write_three(a, 5, 7, 6);
    write_three(b, 5, 8, 6); // another layout
    assert_same_key(true, len, a, b);
    write_three(b, 9, 7, 6);
    assert_same_key(false, len, a, b);
    write_three(b, 5, 7, 9);
    assert_same_key(false, len, a, b);
}

static void proven_exporters_go_first(void **state)
{
    struct share_queue queue;
    struct datagram a = announcement(V9, sizeof V9);
    (void)state;
    share_queue_init(&queue);
    assert_true(share_queue_empty(&queue));
    for (unsigned i = 0; i < SHARE_QUEUE_COUNT + 3; i++)
        share_queue_put(&queue, &a, false);
    assert_int_equal(share_queue_left_out(&queue), 3);
    for (uint16_t port = 1; port <= 2; port++) {
        a.port = port;
        share_queue_put(&queue, &a, true);
    }
    assert_int_equal(share_queue_left_out(&queue), 3);
    for (uint16_t i = 0; i < 3; i++) {
        struct share_item *item = share_queue_take(&queue);
        assert_int_equal(item->announcement.port, i < 2 ? i + 1 : 2055);
        assert_memory_equal(item->announcement.data, V9, sizeof V9);
        free(item);
    }
    share_queue_fini(&queue);
}

static void comes_back_whole(void **state)
{
    uint8_t bytes[SHARE_HEADER_MAX + sizeof V9];
    struct datagram a = announcement(V9, sizeof V9);
    struct datagram b = {.len = 0};
    uint64_t author = 0;
    (void)state;
    size_t len = share_write(&a, 0x1122334455667788, bytes);
    assert_in_range(len, sizeof V9, sizeof bytes);
    assert_true(share_read(bytes, len, &author, &b));
    assert_int_equal(author, 0x1122334455667788);
    assert_true(addr_equal(&a.source, &b.source));
    assert_int_equal(b.port, a.port);
    assert_int_equal(b.received_ns, a.received_ns);
    assert_int_equal(b.len, sizeof V9);
    assert_memory_equal(b.data, V9, sizeof V9);
}

static void refuses_what_is_none(void **state)
{
    uint8_t bytes[SHARE_HEADER_MAX + sizeof V9];
    char key[SHARE_KEY_MAX];
    uint64_t author;
    struct datagram a = announcement(V9, sizeof V9);
    struct datagram b;
    (void)state;
    size_t header = share_write(&a, 1, bytes) - sizeof V9;
    for (size_t len = 0; len < header; len++)
        assert_false(share_read(bytes, len, &author, &b));
    bytes[0] ^= 0x80;
    assert_false(share_read(bytes, header + sizeof V9, &author, &b));
    for (size_t len = 0; len < 26; len++) {
        struct datagram cut = announcement(V9, len);
        assert_false(share_key(&cut, key));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_exporter_and_template),
        cmocka_unit_test(names_all_that_is_announced),
        cmocka_unit_test(proven_exporters_go_first),
        cmocka_unit_test(comes_back_whole),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
