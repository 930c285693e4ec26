// The connections of the HTTP server: how many there are at a time, and for how long each.
//
// None is refused: where there are too many, the oldest of the address that has most of them is
// closed, so that who is slow by intent loses what he holds, and a question that is answered in
// milliseconds is answered: for a second none is closed, as far as there is room. The server's
// thread only.
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>

#define HTTP_CONNECTIONS_MAX    64  // that are older than a second
#define HTTP_PER_ADDRESS_MAX    16  // of them
#define HTTP_CROWD_MAX          192 // of any age
#define HTTP_GUARD_ROOM         256 // with those that are closed but not cleared away yet
#define HTTP_GRACE_MS           1000
#define HTTP_REQUEST_DEADLINE_S 5  // from the connection to the last byte of the request
#define HTTP_ANSWER_DEADLINE_S  60 // from there to the last byte of the answer

struct http_connection {
    int fd; // -1: the slot is free
    bool closed;
    bool local;         // from this machine
    struct addr source; // of IPv6 the network of 64 bits
    int64_t since_ns;
    int64_t deadline_ns;
};

struct http_guard {
    struct http_connection slots[HTTP_GUARD_ROOM];
    unsigned count; // slots in use
};

void http_guard_init(struct http_guard *guard);

// A connection was accepted. NULL without a slot: it is closed already. Another one may be closed
// for it, if need be at once.
struct http_connection *http_guard_add(struct http_guard *guard, int fd, const struct addr *source,
                                       int64_t now_ns);

// Its request has come; the connection may be NULL.
void http_guard_answering(struct http_connection *connection, int64_t now_ns);

// Its descriptor is about to be closed by its owner; the connection may be NULL.
void http_guard_remove(struct http_guard *guard, struct http_connection *connection);

// Closes all that are past their deadline, and the oldest of those that are too many.
void http_guard_enforce(struct http_guard *guard, int64_t now_ns);
