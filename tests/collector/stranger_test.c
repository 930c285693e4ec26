// Senders that are refused: what their first bytes say, who is remembered, what is advised.
#include "collector/stranger.h"

#include "collector/monitor/stranger_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_NS UINT64_C(60000000000)

static struct datagram datagram_of(const char *source, const void *bytes, size_t len)
{
    struct datagram datagram = {.data = bytes, .len = len, .received_ns = MINUTE_NS};
    assert_int_equal(addr_parse(&datagram.source, source), 0);
    return datagram;
}

static void assert_recognised(const void *bytes, size_t len, const char *text, unsigned takers)
{
    char room[32];
    struct datagram datagram = datagram_of("192.0.2.1", bytes, len);
    struct stranger one = stranger_recognise(&datagram);
    assert_string_equal(stranger_payload_text(room, &one), text);
    assert_int_equal(one.takers, takers);
}

#define NETFLOW_TAKES (1 << DECODE_FLOW | 1 << DECODE_NETFLOW)
#define SFLOW_TAKES   (1 << DECODE_FLOW | 1 << DECODE_SFLOW)

static void the_first_bytes_say_what_it_is(void **state)
{
    (void)state;
    assert_recognised("\0\x05\0\x01", 4, "NetFlow v5", NETFLOW_TAKES);
    assert_recognised("\0\x09\0\x01", 4, "NetFlow v9", NETFLOW_TAKES);
    assert_recognised("\0\x0a\0\x10", 4, "IPFIX", NETFLOW_TAKES);
    assert_recognised("\0\0\0\x05", 4, "sFlow v5", SFLOW_TAKES);
    assert_recognised("\0\0\0\x04", 4, "sFlow v4", 0);
    assert_recognised("<34>Oct 11", 10, "syslog", 0);
    assert_recognised("<>Oct 11", 8, "text", 0);
    assert_recognised("\x30\x26\x02\x01\x01\x04\x06public", 13, "SNMP", 0);
    assert_recognised("\x30\x82\x01\x26\x02\x01\x03\x04", 8, "SNMP", 0);
    assert_recognised("GET / HTTP/1.0\r\n\r\n", 18, "text", 0);
    assert_recognised("\xde\xad\xbe\xef", 4, "no known protocol", 0);
    assert_recognised("", 0, "no bytes", 0);
}

// Of every length: nothing is read behind the end (the sanitizers look).
static void every_cut_is_recognised_as_something(void **state)
{
    static const char *const payloads[] = {"<191>x", "\x30\x82\x01\x26\x02\x01\x03\x04",
                                           "\x30\x81\x26\x02\x01\x01\x04\x04", "plain text here"};
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++)
        for (size_t len = 0; len <= 8 && len <= strlen(payloads[i]); len++) {
            char *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, payloads[i], len);
            struct datagram datagram = datagram_of("192.0.2.1", copy, len);
            assert_int_equal(stranger_recognise(&datagram).payload == STRANGER_NOTHING, len == 0);
            free(copy);
        }
}

static size_t find_count(const struct stranger_table *table, const char *source)
{
    struct addr addr;
    size_t count = 0;
    assert_int_equal(addr_parse(&addr, source), 0);
    for (size_t i = 0; i < STRANGERS_MAX; i++) {
        const struct stranger *one = &table->sets[i / STRANGER_WAYS][i % STRANGER_WAYS];
        if (one->count != 0 && addr_equal(&one->source, &addr))
            count += one->count;
    }
    return count;
}

static void one_that_goes_on_is_not_pushed_out_by_forged_ones(void **state)
{
    struct stranger_table *table = calloc(1, sizeof *table);
    (void)state;
    assert_non_null(table);
    for (unsigned i = 0; i < 100000; i++) {
        struct datagram forged = datagram_of("198.51.100.1", "\0\x09\0\x01", 4);
        memcpy(forged.source.bytes, &i, sizeof i);
        forged.received_ns += 1000 * (uint64_t)i;
        (void)stranger_take(table, &forged, 0, DECODE_SFLOW, true);
        if (i % 1000 == 0) {
            struct datagram router = datagram_of("192.0.2.1", "\0\x09\0\x01", 4);
            router.received_ns += 1000 * (uint64_t)i;
            (void)stranger_take(table, &router, 0, DECODE_SFLOW, true);
            if (i != 0)
                assert_true(find_count(table, "192.0.2.1") >= 1);
        }
    }
    assert_in_range(find_count(table, "192.0.2.1"), 90, 100);
    free(table);
}

static void one_that_is_gone_gives_way(void **state)
{
    struct stranger_table *table = calloc(1, sizeof *table);
    (void)state;
    assert_non_null(table);
    for (unsigned n = 0; n < 100; n++)
        for (unsigned i = 0; i < 2 * STRANGERS_MAX; i++) { // more than there is room for
            struct datagram old = datagram_of("198.51.100.1", "\0\x09\0\x01", 4);
            memcpy(old.source.bytes, &i, sizeof i);
            (void)stranger_take(table, &old, 0, DECODE_SFLOW, true);
        }
    struct datagram fresh = datagram_of("192.0.2.1", "<34>x", 5);
    fresh.received_ns += 11 * MINUTE_NS;
    for (unsigned n = 0; n < 3; n++)
        (void)stranger_take(table, &fresh, 0, DECODE_SFLOW, true);
    assert_int_equal(find_count(table, "192.0.2.1"), 3);
    free(table);
}

static void assert_text(const void *bytes, size_t len, enum decode_scheme scheme, bool allowed,
                        const char *text)
{
    static const struct listener listeners[] = {{.uri = {.scheme = DECODE_NETFLOW, .port = 2055}},
                                                {.uri = {.scheme = DECODE_SFLOW, .port = 6343}}};
    struct stranger_table *table = calloc(1, sizeof *table);
    char room[STRANGER_TEXT_MAX];
    assert_non_null(table);
    struct datagram datagram = datagram_of("2001:db8::1", bytes, len);
    const struct stranger *one = stranger_take(table, &datagram, scheme == DECODE_SFLOW, scheme,
                                               allowed);
    assert_string_equal(stranger_text(room, one, listeners, 2), text);
    free(table);
}

static void what_to_do_is_said(void **state)
{
    (void)state;
    assert_text("\0\x09\0\x01", 4, DECODE_SFLOW, true,
                "2001:db8::1: 1 datagram of NetFlow v9 at sflow port 6343: send them to port 2055");
    assert_text("\0\0\0\x05", 4, DECODE_NETFLOW, true,
                "2001:db8::1: 1 datagram of sFlow v5 at netflow port 2055: send them to port 6343");
    assert_text("\0\0\0\x04", 4, DECODE_SFLOW, true,
                "2001:db8::1: 1 datagram of sFlow v4 at sflow port 6343: this version is not "
                "read: let it send another");
    assert_text(
        "<34>x", 5, DECODE_NETFLOW, true,
        "2001:db8::1: 1 datagram of syslog at netflow port 2055: not flows: send elsewhere");
    assert_text(
        "\0\x09\0\x01", 4, DECODE_NETFLOW, true,
        "2001:db8::1: 1 datagram of NetFlow v9 at netflow port 2055: cut short or malformed");
    assert_text("\0\x09\0\x01", 4, DECODE_NETFLOW, false,
                "2001:db8::1: 1 datagram of NetFlow v9 at netflow port 2055: -allow does not name "
                "the sender");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_say_what_it_is),
        cmocka_unit_test(every_cut_is_recognised_as_something),
        cmocka_unit_test(one_that_goes_on_is_not_pushed_out_by_forged_ones),
        cmocka_unit_test(one_that_is_gone_gives_way),
        cmocka_unit_test(what_to_do_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
