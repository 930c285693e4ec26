#include "common/base/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

// As the resolver gives "localhost" where /etc/hosts has it twice.
static void ipv4_is_listened_on_where_a_name_has_both(void **state)
{
    (void)state;
    struct addrinfo ipv4 = {.ai_family = AF_INET};
    struct addrinfo ipv6 = {.ai_family = AF_INET6, .ai_next = &ipv4};
    struct addrinfo alone = {.ai_family = AF_INET6};
    assert_ptr_equal(endpoint_preferred(&ipv6), &ipv4);
    assert_ptr_equal(endpoint_preferred(&ipv4), &ipv4);
    assert_ptr_equal(endpoint_preferred(&alone), &alone);
}

static void what_bind_refuses_is_explained(void **state)
{
    (void)state;
    assert_non_null(strstr(endpoint_bind_error(EACCES), "CAP_NET_BIND_SERVICE"));
    assert_non_null(strstr(endpoint_bind_error(EADDRNOTAVAIL), "no interface of this host"));
    assert_string_equal(endpoint_bind_error(EADDRINUSE), strerror(EADDRINUSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_listened_on_where_a_name_has_both),
        cmocka_unit_test(what_bind_refuses_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
