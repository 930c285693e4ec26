// Real sockets on the loopback: who gets what, datagrams of every size, bursts joined by the
// kernel.
#include "collector/balance.h"
#include "collector/listener.h"
#include "collector/receive.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 // linux/udp.h
#endif

#define SOCKETS 4
#define SENDERS 64
#define TURNS   4 // of each sender, each time from another port

#define SIZES 5

#define PATIENCE_MS 60000

static struct listener open_listener(const char *text)
{
    struct listen_uri uri;
    struct fault fault;
    struct listener listener;
    assert_int_equal(listen_uri_parse(&uri, text, strlen(text), &fault), 0);
    assert_int_equal(listener_open(&listener, &uri), 0);
    assert_int_not_equal(listener.uri.port, 0);
    return listener;
}

// A socket that sends from `from` to the loopback address of its family.
static int sender(const char *from, uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(inet_pton(AF_INET, from, &name.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

// Which socket of the listener got the datagram just sent; it is taken. A busy kernel may deliver
// it after send has returned.
static int who_got_it(const struct listener *listener)
{
    char byte;
    struct pollfd ready[SOCKETS];
    assert_in_range(listener->count, 1, SOCKETS);
    for (unsigned i = 0; i < listener->count; i++)
        ready[i] = (struct pollfd){.fd = listener->fds[i], .events = POLLIN};
    assert_int_equal(poll(ready, listener->count, PATIENCE_MS), 1);
    for (int i = 0; i < (int)listener->count; i++)
        if (ready[i].revents != 0) {
            assert_int_equal(recv(listener->fds[i], &byte, 1, 0), 1);
            return i;
        }
    return -1;
}

// What the kernel chose is what we say it will choose.
static void assert_picked(const struct listener *listener, int fd, int who)
{
    struct sockaddr_in6 name = {.sin6_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&name;
    bool is_ipv6 = name.sin6_family == AF_INET6;
    const struct addr source = is_ipv6 ? addr_of(in6addr_loopback.s6_addr, 16)
                                       : addr_of((const uint8_t *)&ipv4->sin_addr, 4);
    uint16_t port = ntohs(is_ipv6 ? name.sin6_port : ipv4->sin_port);
    assert_int_equal(balance_pick(listener->uri.balance, &source, port, listener->count), who);
}

// Exporters numbered x.y.i.1 as they often are. Their ports are the kernel's choice: where these
// decide, only the whole of them is known to be even (that a socket gets half of its share of 256
// or twice as much has a chance of one in a million).
static void spread(const char *text, bool keeps_address)
{
    struct listener listener = open_listener(text);
    unsigned got[SOCKETS] = {0};
    bool moved = false;
    for (int i = 0; i < SENDERS; i++) {
        char from[16];
        snprintf(from, sizeof from, "127.1.%d.1", i);
        int first = -1;
        for (int turn = 0; turn < TURNS; turn++) {
            int fd = sender(from, listener.uri.port);
            assert_int_equal(send(fd, "x", 1, 0), 1);
            int who = who_got_it(&listener);
            assert_in_range(who, 0, SOCKETS - 1);
            assert_picked(&listener, fd, who);
            moved |= first >= 0 && who != first;
            first = first < 0 ? who : first;
            got[who]++;
            close(fd);
        }
    }
    for (int i = 0; i < SOCKETS; i++)
        assert_in_range(got[i], SENDERS * TURNS / SOCKETS / 2, SENDERS * TURNS / SOCKETS * 2);
    assert_int_equal(moved, !keeps_address);
    listener_close(&listener);
}

static void an_exporter_stays_with_one_socket(void **state)
{
    (void)state;
    spread("netflow://127.0.0.1:0?count=4", true);
}

static void also_on_a_dual_stack_socket(void **state)
{
    (void)state;
    spread("netflow://:0?count=4", true);
}

static void with_the_port_each_port_is_a_sender(void **state)
{
    (void)state;
    spread("netflow://127.0.0.1:0?count=4&balance=address+port", false);
}

// How many of four sockets 32 ports of ::1 meet.
static unsigned sockets_met(const char *text)
{
    struct listener listener = open_listener(text);
    struct sockaddr_in6 name = {.sin6_family = AF_INET6,
                                .sin6_port = htons(listener.uri.port),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    unsigned met = 0;
    for (int i = 0; i < 32; i++) {
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof name), 1);
        int who = who_got_it(&listener);
        assert_picked(&listener, fd, who);
        met |= 1u << who;
        close(fd);
    }
    listener_close(&listener);
    return (unsigned)__builtin_popcount(met);
}

static void ipv6_exporters_are_pinned_likewise(void **state)
{
    (void)state;
    assert_int_equal(sockets_met("netflow://[::1]:0?count=4"), 1);
    assert_int_equal(sockets_met("netflow://:0?count=4"), 1);
    assert_in_range(sockets_met("netflow://[::1]:0?count=4&balance=address+port"), 2, 4);
}

static void by_packet_all_sockets_get_some(void **state)
{
    (void)state;
    struct listener listener = open_listener("sflow://127.0.0.1:0?count=4&balance=packet");
    unsigned got[SOCKETS] = {0};
    int fd = sender("127.0.0.1", listener.uri.port);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(send(fd, "x", 1, 0), 1);
        got[who_got_it(&listener)]++;
    }
    for (int i = 0; i < SOCKETS; i++)
        assert_true(got[i] != 0);
    close(fd);
    listener_close(&listener);
}

static void a_port_in_use_is_refused_and_not_shared(void **state)
{
    (void)state;
    struct listener first = open_listener("netflow://127.0.0.1:0?count=2");
    struct listen_uri uri = first.uri;
    struct listener second;
    assert_int_equal(listener_open(&second, &uri), -1);
    uri.count = 1;
    assert_int_equal(listener_open(&second, &uri), -1);
    listener_close(&first);
}

static void await_input(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
}

static void assert_slot(const struct receive_slot *slot, const uint8_t *bytes, size_t len)
{
    assert_int_equal(slot->datagram.len, len);
    assert_memory_equal(slot->datagram.data, bytes, len);
    assert_int_equal(slot->datagram.source.len, 4); // and not ::ffff:127.0.0.9
    assert_int_equal(slot->datagram.source.bytes[3], 9);
    assert_int_equal(slot->segment_len, 0);
    assert_false(slot->truncated);
}

static void datagrams_of_every_size_come_whole(void **state)
{
    (void)state;
    static const size_t sizes[SIZES] = {0, 1, 1472, 9001, 65507};
    struct listener listener = open_listener("netflow://:0");
    struct receive_batch *batch = receive_new();
    struct receive_slot slot;
    uint8_t *bytes = malloc(65507);
    assert_true(batch != NULL && bytes != NULL);
    memset(bytes, 7, 65507);
    assert_int_equal(receive_run(batch, listener.fds[0], false), 0);
    int fd = sender("127.0.0.9", listener.uri.port);
    for (size_t i = 0; i < SIZES; i++)
        assert_int_equal(send(fd, bytes, sizes[i], 0), sizes[i]);
    for (int taken = 0, got; taken < SIZES; taken += got) {
        await_input(listener.fds[0]);
        got = receive_run(batch, listener.fds[0], false);
        assert_in_range(got, 1, SIZES - taken);
        for (int i = 0; i < got; i++) {
            receive_slot(batch, i, &slot);
            assert_slot(&slot, bytes, sizes[taken + i]);
        }
    }
    free(bytes);
    receive_free(batch);
    close(fd);
    listener_close(&listener);
}

static void joined_bursts_say_where_to_cut(void **state)
{
    (void)state;
    struct listener listener = open_listener("netflow://127.0.0.1:0?gro=1");
    struct receive_batch *batch = receive_new();
    struct receive_slot slot;
    uint8_t bytes[1000] = {0};
    const int segment = 300;
    assert_non_null(batch);
    int fd = sender("127.0.0.1", listener.uri.port);
    assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment), 0);
    assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    await_input(listener.fds[0]);
    assert_int_equal(receive_run(batch, listener.fds[0], true), 1);
    receive_slot(batch, 0, &slot);
    assert_int_equal(slot.datagram.len, 1000);
    assert_int_equal(slot.segment_len, 300);
    receive_free(batch);
    close(fd);
    listener_close(&listener);
}

static void the_kernel_says_what_it_dropped(void **state)
{
    (void)state;
    struct listener listener = open_listener("netflow://127.0.0.1:0?rcvbuf=4096");
    int fd = sender("127.0.0.1", listener.uri.port);
    uint8_t bytes[1000] = {0};
    assert_int_equal(receive_kernel_drops(listener.fds[0]), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(send(fd, bytes, sizeof bytes, 0), sizeof bytes);
    unsigned kept = 0;
    uint64_t dropped = 0;
    for (int waited_ms = 0; kept + dropped < 100 && waited_ms < PATIENCE_MS; waited_ms++) {
        struct pollfd ready = {.fd = listener.fds[0], .events = POLLIN};
        if (poll(&ready, 1, 1) == 1 && recv(listener.fds[0], bytes, sizeof bytes, 0) > 0)
            kept++;
        dropped = receive_kernel_drops(listener.fds[0]);
    }
    assert_int_equal(kept + dropped, 100);
    assert_true(kept < 100);
    close(fd);
    listener_close(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exporter_stays_with_one_socket),
        cmocka_unit_test(also_on_a_dual_stack_socket),
        cmocka_unit_test(with_the_port_each_port_is_a_sender),
        cmocka_unit_test(ipv6_exporters_are_pinned_likewise),
        cmocka_unit_test(by_packet_all_sockets_get_some),
        cmocka_unit_test(a_port_in_use_is_refused_and_not_shared),
        cmocka_unit_test(datagrams_of_every_size_come_whole),
        cmocka_unit_test(joined_bursts_say_where_to_cut),
        cmocka_unit_test(the_kernel_says_what_it_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
