// The list of servers: what is one, what is refused, and that no secret is shown of either.
#include "common/sink/nats/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void assert_shown(const char *list, const char *wanted)
{
    char text[256];
    struct buf out = buf_over(text, sizeof text - 1);
    assert_null(nats_servers_fault(list));
    nats_servers_put(&out, list);
    text[out.len] = '\0';
    assert_string_equal(text, wanted);
}

static void shows_places(void **state)
{
    (void)state;
    assert_shown("nats://localhost:4222", "nats://localhost:4222");
    assert_shown("nats://me:secret@n1:4222,tls://secret@n2", "nats://n1:4222,tls://n2");
    assert_shown("me:secret@n1:1", "n1:1");
    assert_shown("nats://a:1 nats://me:secret@b:1/", "nats://a:1,nats://b:1/");
    assert_shown("nats://me:sec@ret@[2001:db8::1]:4222", "nats://[2001:db8::1]:4222");
    assert_shown("nats://me:secret/x@n1:1, n2", "nats://n1:1,n2");
}

// A comma in a password makes two entries of one, and neither is a server.
static void refuses(void **state)
{
    static const char *const bad[] = {
        "",
        " , ",
        "nats://",
        "nats://me:secret,more@n1:4222",
        "nats://me:12,more@n1:4222",
        "nats://me:123456,more@n1:4222",
        "nats://secret,more@n1",
        "secret,more@n1",
        "nats://me:sec ret@n1",
        "nats://me:secret@n1:port",
        "nats://me:secret@n1:0",
        "nats://me:secret@n1:65536",
        "nats://me:secret@",
        "nats://me:secret@n1/x",
        "nats://[::1",
        "https://me:secret@n1",
        "://secret@n1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *fault = nats_servers_fault(bad[i]);
        assert_non_null(fault);
        assert_null(strstr(fault, "secret"));
    }
}

static void one_of_tls_is_enough(void **state)
{
    (void)state;
    assert_true(nats_servers_secure("tls://a"));
    assert_true(nats_servers_secure("nats://a,TLS://b"));
    assert_false(nats_servers_secure("nats://tls://a"));
    assert_false(nats_servers_secure("nats://a,tls"));
}

static void unescapes_separators(void **state)
{
    char url[] = "nats://me%2c:a%2Cb%20c%40%2@n%2C1";
    (void)state;
    nats_servers_unescape(url);
    assert_string_equal(url, "nats://me,:a,b c%40%2@n%2C1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_places),
        cmocka_unit_test(refuses),
        cmocka_unit_test(one_of_tls_is_enough),
        cmocka_unit_test(unescapes_separators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
