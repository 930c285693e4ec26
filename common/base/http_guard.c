#include "common/base/http_guard.h"

#include "common/base/clock.h"

#include <string.h>
#include <sys/socket.h>

#define NETWORK_LEN 8 // one IPv6 host has all addresses of a network of 64 bits

void http_guard_init(struct http_guard *guard)
{
    guard->count = 0;
    for (size_t i = 0; i < HTTP_GUARD_ROOM; i++)
        guard->slots[i].fd = -1;
}

// The server sees its end at once, and closes the descriptor itself.
static void close_connection(struct http_connection *connection)
{
    connection->closed = true;
    shutdown(connection->fd, SHUT_RDWR);
}

static bool is_open(const struct http_connection *connection)
{
    return connection->fd >= 0 && !connection->closed;
}

// Those of one address, or of all, that were open at that time.
static unsigned count_open(const struct http_guard *guard, const struct addr *source,
                           int64_t before_ns)
{
    unsigned count = 0;
    for (size_t i = 0; i < HTTP_GUARD_ROOM; i++) {
        const struct http_connection *one = &guard->slots[i];
        count += is_open(one) && one->since_ns <= before_ns &&
                 (source == NULL || addr_equal(&one->source, source));
    }
    return count;
}

// Whether `a` is to go before `b`: of the address with more connections, of another machine, older.
static bool goes_before(const struct http_guard *guard, const struct http_connection *a,
                        const struct http_connection *b)
{
    unsigned count_a = count_open(guard, &a->source, INT64_MAX);
    unsigned count_b = count_open(guard, &b->source, INT64_MAX);
    if (count_a != count_b)
        return count_a > count_b;
    return a->local != b->local ? b->local : a->since_ns < b->since_ns;
}

// Closes the first of one address, or of all, that was open at that time.
static void close_first(struct http_guard *guard, const struct addr *source, int64_t before_ns)
{
    struct http_connection *first = NULL;
    for (size_t i = 0; i < HTTP_GUARD_ROOM; i++) {
        struct http_connection *one = &guard->slots[i];
        if (is_open(one) && one->since_ns <= before_ns &&
            (source == NULL || addr_equal(&one->source, source)) &&
            (first == NULL || goes_before(guard, one, first)))
            first = one;
    }
    if (first != NULL)
        close_connection(first);
}

static bool is_local(const struct addr *source)
{
    static const uint8_t loopback[16] = {[15] = 1};
    return source->len == 4 ? source->bytes[0] == 127
                            : memcmp(source->bytes, loopback, sizeof loopback) == 0;
}

struct http_connection *http_guard_add(struct http_guard *guard, int fd, const struct addr *source,
                                       int64_t now_ns)
{
    struct http_connection *slot = guard->slots;
    while (slot != guard->slots + HTTP_GUARD_ROOM && slot->fd >= 0)
        slot++;
    if (slot == guard->slots + HTTP_GUARD_ROOM) {
        shutdown(fd, SHUT_RDWR);
        return NULL;
    }
    *slot = (struct http_connection){.fd = fd,
                                     .local = is_local(source),
                                     .source = *source,
                                     .since_ns = now_ns,
                                     .deadline_ns = now_ns +
                                                    HTTP_REQUEST_DEADLINE_S * CLOCK_NS_PER_S};
    if (source->len == 16)
        memset(slot->source.bytes + NETWORK_LEN, 0, sizeof slot->source.bytes - NETWORK_LEN);
    guard->count++;
    if (count_open(guard, NULL, now_ns) > HTTP_CROWD_MAX)
        close_first(guard, NULL, now_ns);
    return slot;
}

void http_guard_answering(struct http_connection *connection, int64_t now_ns)
{
    if (connection != NULL)
        connection->deadline_ns = now_ns + HTTP_ANSWER_DEADLINE_S * CLOCK_NS_PER_S;
}

void http_guard_remove(struct http_guard *guard, struct http_connection *connection)
{
    if (connection == NULL)
        return;
    connection->fd = -1;
    guard->count--;
}

void http_guard_enforce(struct http_guard *guard, int64_t now_ns)
{
    int64_t before_ns = now_ns - HTTP_GRACE_MS * CLOCK_NS_PER_MS;
    for (size_t i = 0; i < HTTP_GUARD_ROOM; i++) {
        const struct http_connection *one = &guard->slots[i];
        if (is_open(one) && now_ns >= one->deadline_ns)
            close_connection(&guard->slots[i]);
        while (is_open(one) && count_open(guard, &one->source, before_ns) > HTTP_PER_ADDRESS_MAX)
            close_first(guard, &one->source, before_ns);
    }
    while (count_open(guard, NULL, before_ns) > HTTP_CONNECTIONS_MAX)
        close_first(guard, NULL, before_ns);
}
