// The address of a TCP service as the operator writes it: host:port, [IPv6]:port, :port.
//
// A value type; no state.
#pragma once

#include "common/base/fault.h"

#define ENDPOINT_HOST_MAX 256

struct addrinfo;

struct endpoint {
    char host[ENDPOINT_HOST_MAX]; // without brackets; "" is every address, or this machine
    char port[6];                 // decimal
};

// 0, or -1 and a fault that says what, got and wanted.
int endpoint_parse(struct endpoint *out, const char *text, struct fault *fault);

// Which of the addresses of a name is listened on: the first of IPv4, else the first. "localhost"
// is 127.0.0.1, where senders expect it, though the resolver puts ::1 in front.
const struct addrinfo *endpoint_preferred(const struct addrinfo *found);

// A listening TCP socket, with no host on every address, IPv4 and IPv6. -1 and a fault when it
// cannot be had.
int endpoint_listen(const struct endpoint *endpoint, struct fault *fault);

// What the errno of a bind() says to an operator. Valid until the next call in this thread.
const char *endpoint_bind_error(int error);

// A socket connected to the service: with no host to this machine. -1 and a fault when none
// answers. timeout_s bounds the connection, each read and each write.
int endpoint_connect(const struct endpoint *endpoint, int timeout_s, struct fault *fault);
