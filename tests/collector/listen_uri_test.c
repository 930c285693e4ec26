// The URIs of -listen: what is accepted, what it means, and what is said of the others.
#include "collector/listen_uri.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static struct listen_uri parse(const char *text)
{
    struct listen_uri uri;
    struct fault fault = {.text = ""};
    if (listen_uri_parse(&uri, text, strlen(text), &fault) != 0)
        fail_msg("%s", fault.text);
    return uri;
}

static void refused(const char *text, const char *why)
{
    struct listen_uri uri;
    struct fault fault = {.text = ""};
    assert_int_equal(listen_uri_parse(&uri, text, strlen(text), &fault), -1);
    if (strstr(fault.text, why) == NULL)
        fail_msg("%s: no \"%s\" in: %s", text, why, fault.text);
    assert_null(strchr(fault.text, '\n'));
}

static void addresses(void **state)
{
    (void)state;
    struct listen_uri uri = parse("netflow://:2055");
    assert_int_equal(uri.scheme, DECODE_NETFLOW);
    assert_string_equal(uri.host, "");
    assert_int_equal(uri.port, 2055);
    uri = parse("SFlow://192.0.2.1:6343/ignored/path?count=2#too");
    assert_int_equal(uri.scheme, DECODE_SFLOW);
    assert_string_equal(uri.host, "192.0.2.1");
    assert_int_equal(uri.count, 2);
    uri = parse("flow://[2001:db8::1]:9995");
    assert_int_equal(uri.scheme, DECODE_FLOW);
    assert_string_equal(uri.host, "2001:db8::1");
    assert_string_equal(parse("flow://[fe80::1%25eth0]:1").host, "fe80::1%eth0");
    assert_string_equal(parse("flow://collector.example:1").host, "collector.example");
    assert_int_equal(parse("flow://:0").port, 0);
}

static void defaults(void **state)
{
    (void)state;
    struct listen_uri uri = parse("flow://:1");
    assert_int_equal(uri.count, 1);
    assert_int_equal(uri.workers, 0);
    assert_int_equal(listen_uri_sockets(&uri), 1);
    assert_false(uri.blocking);
    assert_false(uri.queue_given);
    assert_false(uri.gro);
    assert_int_equal(uri.balance, LISTEN_BALANCE_ADDRESS);
    assert_int_equal(uri.rcvbuf_bytes, 0);
}

static void keys(void **state)
{
    (void)state;
    struct listen_uri uri = parse("netflow://:1?count=3&workers=8&blocking=T&queue_size=1000000&"
                                  "balance=address+port&gro=1&rcvbuf=65536&unknown=x&");
    assert_int_equal(uri.count, 3);
    assert_int_equal(uri.workers, 8);
    assert_int_equal(listen_uri_sockets(&uri), 8);
    assert_true(uri.blocking);
    assert_true(uri.queue_given);
    assert_int_equal(uri.queue_size, 1000000);
    assert_int_equal(uri.balance, LISTEN_BALANCE_ADDRESS_PORT);
    assert_true(uri.gro);
    assert_int_equal(uri.rcvbuf_bytes, 65536);
    assert_int_equal(parse("netflow://:1?count=0").count, 1);
    assert_int_equal(parse("netflow://:1?count=2&count=5").count, 2); // as Go's Query().Get
    assert_int_equal(parse("sflow://:1?count=2&balance=packet").balance, LISTEN_BALANCE_PACKET);
    assert_int_equal(parse("netflow://:1?count=2&balance=packet").balance, LISTEN_BALANCE_PACKET);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("", "wanted scheme://[host]:port");
    refused("netflow", "wanted scheme://[host]:port");
    refused("netflow:2055", "wanted scheme://[host]:port");
    refused(" netflow://:2055", "scheme, got \" netflow\"");
    refused("http://:2055", "got \"http\", wanted sflow, netflow or flow");
    refused("netflow://", "port, got \"\"");
    refused("netflow://host", "port, got \"\"");
    refused("netflow://:", "port, got \"\"");
    refused("netflow://:65536", "port, got \"65536\"");
    refused("netflow://:+1", "port, got \"+1\"");
    refused("netflow://::1:2055", "brackets");
    refused("netflow://[::1]2055", "[IPv6]:port");
    refused("netflow://[::1", "[IPv6]:port");
    refused("netflow://:1?count=x", "count, got \"x\"");
    refused("netflow://:1?count=-1", "count, got \"-1\"");
    refused("netflow://:1?count=257", "count, got \"257\"");
    refused("netflow://:1?count=18446744073709551616", "count");
    refused("netflow://:1?count", "count, got \"\"");
    refused("netflow://:1?blocking=yes", "blocking, got \"yes\"");
    refused("netflow://:1?queue_size=1k", "queue_size, got \"1k\"");
    refused("netflow://:1?balance=port", "wanted address, address+port or packet");
}

static void lists(void **state)
{
    (void)state;
    struct listen_uri uris[LISTEN_URIS_MAX];
    struct fault fault = {.text = ""};
    assert_int_equal(listen_uris_parse(uris, "sflow://:6343,netflow://:2055", &fault), 2);
    assert_int_equal(uris[0].scheme, DECODE_SFLOW);
    assert_int_equal(uris[1].port, 2055);
    assert_int_equal(listen_uris_parse(uris, " sflow://:6343 ,  netflow://:2056", &fault), 2);
    assert_int_equal(uris[1].port, 2056);
    assert_int_equal(listen_uris_parse(uris, "", &fault), -1);
    char many[(LISTEN_URIS_MAX + 1) * 10 + 1] = "";
    for (size_t i = 0; i <= LISTEN_URIS_MAX; i++)
        snprintf(many + i * 10, 11, "flow://:1%c", i == LISTEN_URIS_MAX ? ' ' : ',');
    assert_int_equal(listen_uris_parse(uris, many, &fault), -1);
    assert_non_null(strstr(fault.text, "too many"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(defaults),
        cmocka_unit_test(keys),      cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
