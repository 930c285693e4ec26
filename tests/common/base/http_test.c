// The HTTP server on a loopback port, asked through real sockets.
#include "common/base/http.h"

#include "common/base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE_LEN 3000000

static void hello(void *user, const struct http_request *request, struct http_answer *answer)
{
    const char *name = http_query(request, "name");
    char text[64];
    snprintf(text, sizeof text, "hello %s from %s\n", name == NULL ? "you" : name,
             (const char *)user);
    http_answer_text(answer, 200, text);
}

static void large(void *user, const struct http_request *request, struct http_answer *answer)
{
    (void)user;
    (void)request;
    answer->type = "application/json";
    answer->body = malloc(LARGE_LEN);
    assert_non_null(answer->body);
    memset(answer->body, 'x', LARGE_LEN);
    answer->len = LARGE_LEN;
}

static const struct http_route ROUTES[] = {{"/hello", hello, false}, {"/large", large, false}};

static struct http *start(const char *address, const char *user)
{
    const struct http_options options = {.address = address,
                                         .names = "flows.example,other.example",
                                         .routes = ROUTES,
                                         .route_count = 2,
                                         .user = (void *)(uintptr_t)user};
    return http_start(&options);
}

struct fixture {
    struct http *http;
    char address[32];
};

static int set_up(void **state)
{
    static struct fixture f;
    f.http = start("127.0.0.1:0", "here");
    if (f.http == NULL)
        return -1;
    snprintf(f.address, sizeof f.address, "127.0.0.1:%u", http_port(f.http));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    http_stop(((struct fixture *)*state)->http);
    return 0;
}

// What comes back for these bytes.
static void ask(const struct fixture *f, const char *request, char *answer, size_t room)
{
    struct endpoint endpoint;
    struct fault fault;
    size_t len = 0;
    ssize_t got;
    assert_int_equal(endpoint_parse(&endpoint, f->address, &fault), 0);
    int fd = endpoint_connect(&endpoint, 10, &fault);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
    while ((got = recv(fd, answer + len, room - 1 - len, 0)) > 0)
        len += (size_t)got;
    answer[len] = '\0';
    close(fd);
}

static void a_route_answers(void **state)
{
    struct fixture *f = *state;
    char *body = NULL;
    assert_int_equal(http_get(f->address, "/hello", 1000, &body), 200);
    assert_string_equal(body, "hello you from here\n");
    free(body);
    assert_int_equal(http_get(f->address, "/hello?name=me%20too", 1000, &body), 200);
    assert_string_equal(body, "hello me too from here\n");
    free(body);
}

static void any_other_path_is_404(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"/", "/hell", "/hello/", "/helloo", "/%00", "//hello"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char *body = NULL;
        assert_int_equal(http_get(f->address, paths[i], 1000, &body), 404);
        assert_string_equal(body, "404 page not found\n");
        free(body);
    }
}

static void head_has_no_body(void **state)
{
    char answer[4096];
    ask(*state, "HEAD /hello HTTP/1.0\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer + 8, " 200", 4);
    assert_non_null(strstr(answer, "Content-Length: 20\r\n"));
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    assert_string_equal(end, "\r\n\r\n");
}

static void a_browser_asks_by_a_name_of_ours(void **state)
{
    char answer[4096];
    ask(*state, "GET /hello HTTP/1.1\r\nHost: attacker.example:8080\r\n\r\n", answer,
        sizeof answer);
    assert_memory_equal(answer + 8, " 403", 4);
    assert_null(strstr(answer, "hello"));
    ask(*state, "GET /hello HTTP/1.1\r\nHost: flows.example:8080\r\n\r\n", answer, sizeof answer);
    assert_memory_equal(answer + 8, " 200", 4);
    assert_non_null(strstr(answer, "Connection: close\r\n")); // ask() has returned: it was
}

static void other_methods_are_refused(void **state)
{
    char answer[4096];
    ask(*state, "POST /hello HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", answer, sizeof answer);
    assert_memory_equal(answer + 8, " 405", 4);
    assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
}

static void what_is_no_http_hurts_nobody(void **state)
{
    struct fixture *f = *state;
    char answer[4096];
    char *body = NULL;
    ask(f, "\x16\x03\x01\r\n\r\n", answer, sizeof answer);
    ask(f, "GET\r\n\r\n", answer, sizeof answer);
    assert_int_equal(http_get(f->address, "/hello", 1000, &body), 200);
    free(body);
}

static void large_answers_come_whole_or_are_refused(void **state)
{
    struct fixture *f = *state;
    char *body = NULL;
    assert_int_equal(http_get(f->address, "/large", 2 * LARGE_LEN, &body), 200);
    assert_int_equal(strlen(body), LARGE_LEN);
    free(body);
    assert_int_equal(http_get(f->address, "/large", 1000, &body), -1);
    assert_null(body);
}

static void a_port_in_use_is_said(void **state)
{
    struct fixture *f = *state;
    assert_null(start(f->address, ""));
}

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *port;
    } good[] = {{":8080", "", "8080"},
                {"127.0.0.1:0", "127.0.0.1", "0"},
                {"[::1]:65535", "::1", "65535"},
                {"host.example:80", "host.example", "80"}};
    static const char *const bad[] = {"",       "8080",    ":",     ":x",     ":65536",
                                      "::1:80", "host:-1", "a:b:1", ":000080"};
    struct endpoint endpoint;
    struct fault fault;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(endpoint_parse(&endpoint, good[i].text, &fault), 0);
        assert_string_equal(endpoint.host, good[i].host);
        assert_string_equal(endpoint.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(endpoint_parse(&endpoint, bad[i], &fault), -1);
    assert_null(start("nonsense", ""));
    (void)state;
}

static void every_address_is_ipv4_too(void **state)
{
    char address[32];
    char *body = NULL;
    struct http *http = start(":0", "all");
    assert_non_null(http);
    snprintf(address, sizeof address, "127.0.0.1:%u", http_port(http));
    assert_int_equal(http_get(address, "/hello", 1000, &body), 200);
    free(body);
    snprintf(address, sizeof address, ":%u", http_port(http));
    assert_int_equal(http_get(address, "/hello", 1000, &body), 200);
    free(body);
    http_stop(http);
    assert_int_equal(http_get(address, "/hello", 1000, &body), -1);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_answers),
        cmocka_unit_test(any_other_path_is_404),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(a_browser_asks_by_a_name_of_ours),
        cmocka_unit_test(other_methods_are_refused),
        cmocka_unit_test(what_is_no_http_hurts_nobody),
        cmocka_unit_test(large_answers_come_whole_or_are_refused),
        cmocka_unit_test(a_port_in_use_is_said),
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(every_address_is_ipv4_too),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
