// What keeps slow and greedy clients of the HTTP server from costing others anything: connections
// by hand with a clock of the test's, the memory of answers, names of hosts.
#include "common/base/http_guard.h"

#include "common/base/clock.h"
#include "common/base/http_host.h"
#include "common/base/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PEERS_MAX 400

struct peer {
    int ours;
    int theirs;
    struct http_connection *connection;
};

struct crowd {
    struct http_guard guard;
    struct peer peers[PEERS_MAX];
    size_t count;
};

static struct crowd *new_crowd(void)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert_non_null(crowd);
    http_guard_init(&crowd->guard);
    return crowd;
}

static void free_crowd(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        http_guard_remove(&crowd->guard, crowd->peers[i].connection);
        close(crowd->peers[i].ours);
        close(crowd->peers[i].theirs);
    }
    assert_int_equal(crowd->guard.count, 0);
    free(crowd);
}

static size_t come(struct crowd *crowd, const char *from, int64_t at_ms)
{
    int pair[2];
    struct addr source;
    struct peer *peer = &crowd->peers[crowd->count];
    assert_int_equal(addr_parse(&source, from), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *peer = (struct peer){.ours = pair[0], .theirs = pair[1]};
    peer->connection = http_guard_add(&crowd->guard, pair[0], &source, at_ms * CLOCK_NS_PER_MS);
    return crowd->count++;
}

// Whether the client still has its connection.
static bool is_open(const struct crowd *crowd, size_t peer)
{
    char byte;
    return recv(crowd->peers[peer].theirs, &byte, 1, MSG_DONTWAIT) < 0;
}

static size_t count_open(const struct crowd *crowd)
{
    size_t count = 0;
    for (size_t i = 0; i < crowd->count; i++)
        count += is_open(crowd, i);
    return count;
}

static void enforce(struct crowd *crowd, int64_t at_ms)
{
    http_guard_enforce(&crowd->guard, at_ms * CLOCK_NS_PER_MS);
}

static void a_request_has_its_time_and_an_answer_as_well(void **state)
{
    struct crowd *crowd = new_crowd();
    (void)state;
    size_t drips = come(crowd, "192.0.2.1", 0);
    size_t asks = come(crowd, "192.0.2.2", 0);
    http_guard_answering(crowd->peers[asks].connection, 4000 * CLOCK_NS_PER_MS);
    enforce(crowd, HTTP_REQUEST_DEADLINE_S * 1000 - 1);
    assert_true(is_open(crowd, drips));
    enforce(crowd, HTTP_REQUEST_DEADLINE_S * 1000);
    assert_false(is_open(crowd, drips));
    assert_true(is_open(crowd, asks));
    enforce(crowd, 4000 + HTTP_ANSWER_DEADLINE_S * 1000);
    assert_false(is_open(crowd, asks));
    free_crowd(crowd);
}

static void one_address_keeps_few_connections(void **state)
{
    struct crowd *crowd = new_crowd();
    (void)state;
    size_t other = come(crowd, "192.0.2.2", 0);
    for (int i = 0; i < 64; i++)
        come(crowd, "192.0.2.1", i);
    enforce(crowd, HTTP_GRACE_MS); // one of them is a second old
    assert_int_equal(count_open(crowd), 65);
    enforce(crowd, HTTP_GRACE_MS + 64);
    assert_int_equal(count_open(crowd), 1 + HTTP_PER_ADDRESS_MAX);
    assert_true(is_open(crowd, other));
    assert_true(is_open(crowd, crowd->count - 1)); // the oldest went
    free_crowd(crowd);
}

// One host has all addresses of an IPv6 network.
static void addresses_of_one_network_are_one(void **state)
{
    struct crowd *crowd = new_crowd();
    (void)state;
    for (int i = 0; i < 64; i++) {
        char from[40];
        snprintf(from, sizeof from, "2001:db8::%x", i + 1);
        come(crowd, from, 0);
    }
    enforce(crowd, HTTP_GRACE_MS);
    assert_int_equal(count_open(crowd), HTTP_PER_ADDRESS_MAX);
    free_crowd(crowd);
}

// However many come from wherever: who asks from this machine is answered.
static void a_crowd_does_not_push_out_who_is_here(void **state)
{
    struct crowd *crowd = new_crowd();
    (void)state;
    size_t here = come(crowd, "127.0.0.1", 0);
    size_t also_here = come(crowd, "::1", 0);
    for (int i = 0; i < 300; i++) {
        char from[40];
        snprintf(from, sizeof from, "198.51.%d.%d", 100 + i / 250, i % 250);
        size_t peer = come(crowd, from, 1);
        if (!is_open(crowd, peer) || i < HTTP_CROWD_MAX)
            continue;
        assert_true(count_open(crowd) <= HTTP_CROWD_MAX);
        for (size_t at = 0; at < crowd->count; at++) { // as the server does
            if (is_open(crowd, at) || crowd->peers[at].connection == NULL)
                continue;
            http_guard_remove(&crowd->guard, crowd->peers[at].connection);
            crowd->peers[at].connection = NULL;
        }
    }
    assert_true(is_open(crowd, here));
    enforce(crowd, 1 + HTTP_GRACE_MS);
    assert_int_equal(count_open(crowd), HTTP_CONNECTIONS_MAX);
    assert_true(is_open(crowd, here));
    assert_true(is_open(crowd, also_here));
    free_crowd(crowd);
}

static struct MHD_Response *reply(struct http_replies *replies, size_t len, int64_t now_ns)
{
    struct http_answer answer = {.body = malloc(len), .len = len};
    assert_non_null(answer.body);
    struct MHD_Response *response = http_reply_new(replies, &answer, now_ns);
    assert_non_null(response);
    return response;
}

static void answers_hold_a_bounded_amount_of_memory(void **state)
{
    struct http_replies replies = {0};
    struct MHD_Response *sent[20];
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        sent[i] = reply(&replies, 7u << 20, 0);
        assert_true(replies.held <= HTTP_HELD_MAX);
        assert_true(replies.held >= 7u << 20); // the latest is there
    }
    struct MHD_Response *large = reply(&replies, 2 * HTTP_HELD_MAX, 0);
    assert_int_equal(replies.held, 2 * HTTP_HELD_MAX); // alone
    for (size_t i = 0; i < 20; i++)
        MHD_destroy_response(sent[i]);
    MHD_destroy_response(large);
    assert_int_equal(replies.held, 0);
    assert_null(replies.oldest);
    assert_null(replies.newest);
}

struct endless {
    struct http_parts parts;
    bool *freed;
};

static void write_endless(struct http_parts *parts, FILE *out)
{
    (void)parts;
    fputs("more", out);
}

static void free_endless(struct http_parts *parts)
{
    struct endless *endless = (struct endless *)parts;
    *endless->freed = true;
    free(endless);
}

static void a_page_in_parts_is_alone_and_gives_way(void **state)
{
    struct http_replies replies = {0};
    bool freed = false;
    (void)state;
    assert_true(http_replies_ready(&replies, 0));
    struct endless *endless = malloc(sizeof *endless);
    assert_non_null(endless);
    *endless = (struct endless){.parts = {.write = write_endless, .free = free_endless},
                                .freed = &freed};
    struct http_answer answer = {.parts = &endless->parts};
    struct MHD_Response *response = http_reply_new(&replies, &answer, 0);
    struct MHD_Response *small = reply(&replies, 10, 0);
    assert_false(http_replies_ready(&replies, HTTP_ALONE_S * CLOCK_NS_PER_S - 1));
    assert_false(freed);
    assert_true(http_replies_ready(&replies, HTTP_ALONE_S * CLOCK_NS_PER_S));
    assert_true(freed); // what it borrows may go
    MHD_destroy_response(response);
    MHD_destroy_response(small);
    assert_null(replies.oldest);
}

static void the_host_is_ours_or_nobodys(void **state)
{
    static const char *const good[] = {
        "127.0.0.1",          "127.0.0.1:8080", "[::1]:8080",     "[2001:db8::1]", "localhost:8080",
        "collector",          "collector:8080", "a.svc.local",    "x.internal",    "flows.example",
        "FLOWS.example:8080", "other.example.", "own.example:80", "a.localhost"};
    static const char *const bad[] = {"attacker.example",
                                      "attacker.example:8080",
                                      "127.0.0.1.attacker.example",
                                      "flows.example.attacker.example",
                                      "xflows.example",
                                      "local.attacker.example",
                                      "",
                                      ":8080",
                                      "flows.example,other.example",
                                      "1.2.3.4.5"};
    (void)state;
    assert_true(http_host_allowed(NULL, "", ""));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(http_host_allowed(good[i], "own.example", "flows.example,other.example"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(http_host_allowed(bad[i], "own.example", "flows.example,other.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_its_time_and_an_answer_as_well),
        cmocka_unit_test(one_address_keeps_few_connections),
        cmocka_unit_test(addresses_of_one_network_are_one),
        cmocka_unit_test(a_crowd_does_not_push_out_who_is_here),
        cmocka_unit_test(answers_hold_a_bounded_amount_of_memory),
        cmocka_unit_test(a_page_in_parts_is_alone_and_gives_way),
        cmocka_unit_test(the_host_is_ours_or_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
