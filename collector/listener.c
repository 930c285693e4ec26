#include "collector/listener.h"

#include "collector/balance.h"
#include "common/base/endpoint.h"
#include "common/base/log.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104 // linux/udp.h
#endif

#define RCVBUF_DEFAULT_BYTES (32u << 20)
#define RCVBUF_MAX_BYTES     (INT_MAX / 2) // the kernel doubles what is asked for
#define DATAGRAM_BYTES       1500          // usual size of an export datagram

struct address {
    struct sockaddr_storage name;
    socklen_t len;
};

static int fail(const struct listen_uri *uri, const char *what, const char *error)
{
    log_error("cannot listen", "scheme", listen_scheme_name(uri->scheme), "hostname", uri->host,
              "port", log_unsigned(uri->port).text, "what", what, "error", error);
    return -1;
}

static struct address any_ipv4(uint16_t port)
{
    struct address out = {.len = sizeof(struct sockaddr_in)};
    const struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&out.name, &name, sizeof name);
    return out;
}

static struct address any_ipv6(uint16_t port)
{
    struct address out = {.len = sizeof(struct sockaddr_in6)};
    const struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&out.name, &name, sizeof name);
    return out;
}

static int resolve(const struct listen_uri *uri, struct address *out)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    if (*uri->host == '\0') {
        *out = any_ipv6(uri->port);
        return 0;
    }
    snprintf(port, sizeof port, "%u", uri->port);
    int error = getaddrinfo(uri->host, port, &hints, &found);
    if (error != 0)
        return fail(uri, "host", gai_strerror(error));
    const struct addrinfo *preferred = endpoint_preferred(found);
    memcpy(&out->name, preferred->ai_addr, preferred->ai_addrlen);
    out->len = preferred->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

// A bound socket, or a negative errno.
static int open_bound(const struct address *address, bool shared)
{
    const int on = 1;
    const int off = 0;
    int family = address->name.ss_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    int error = 0;
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        error = errno;
    if (error == 0 && bind(fd, (const struct sockaddr *)&address->name, address->len) != 0)
        error = errno;
    if (error == 0)
        return fd;
    close(fd);
    return -error;
}

// Binds once alone: a group would silently share the port with another process that has one there,
// and each would get a part of the exporters. Settles the port when 0 is asked for, and the family
// when IPv6 is switched off.
static int probe(struct listener *listener, struct address *address)
{
    const struct listen_uri *uri = &listener->uri;
    int fd = open_bound(address, false);
    if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && *uri->host == '\0') {
        *address = any_ipv4(uri->port);
        fd = open_bound(address, false);
    }
    if (fd < 0)
        return fail(uri, "bind", endpoint_bind_error(-fd));
    getsockname(fd, (struct sockaddr *)&address->name, &address->len);
    if (listener->count == 1) {
        listener->fds[0] = fd;
        return 0;
    }
    close(fd);
    return 0;
}

static int bind_group(struct listener *listener)
{
    struct address address;
    const struct listen_uri *uri = &listener->uri;
    if (resolve(uri, &address) != 0 || probe(listener, &address) != 0)
        return -1;
    for (unsigned i = 0; i < listener->count && listener->count > 1; i++) {
        listener->fds[i] = open_bound(&address, true);
        if (listener->fds[i] < 0)
            return fail(uri, "bind", strerror(-listener->fds[i]));
    }
    struct sockaddr_in6 name; // the port is at the same place as in sockaddr_in
    memcpy(&name, &address.name, sizeof name);
    listener->uri.port = ntohs(name.sin6_port);
    return 0;
}

static int wanted_rcvbuf(const struct listen_uri *uri)
{
    uint64_t bytes = RCVBUF_DEFAULT_BYTES;
    if (uri->queue_given && uri->queue_size != 0)
        bytes = uri->queue_size > RCVBUF_MAX_BYTES / DATAGRAM_BYTES
                    ? RCVBUF_MAX_BYTES
                    : uri->queue_size * DATAGRAM_BYTES;
    if (uri->rcvbuf_bytes != 0)
        bytes = uri->rcvbuf_bytes;
    return bytes > RCVBUF_MAX_BYTES ? RCVBUF_MAX_BYTES : (int)bytes;
}

// What the socket has got of it, the kernel's doubling undone.
static int set_rcvbuf(int fd, int wanted)
{
    int got = 0;
    socklen_t len = sizeof got;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &len);
    return got / 2;
}

static int dimension(struct listener *listener)
{
    const int on = 1;
    int wanted = wanted_rcvbuf(&listener->uri);
    int got = wanted;
    for (unsigned i = 0; i < listener->count; i++) {
        got = set_rcvbuf(listener->fds[i], wanted);
        if (listener->uri.gro &&
            setsockopt(listener->fds[i], SOL_UDP, UDP_GRO, &on, sizeof on) != 0)
            return fail(&listener->uri, "gro", strerror(errno));
    }
    if (got < wanted)
        log_warn("receive buffer smaller than wanted: raise net.core.rmem_max", "scheme",
                 listen_scheme_name(listener->uri.scheme), "port",
                 log_unsigned(listener->uri.port).text, "wanted", log_number(wanted).text, "got",
                 log_number(got).text);
    return 0;
}

static int join(struct listener *listener)
{
    if (listener->count == 1)
        return 0;
    int result = balance_attach(listener->fds[0], listener->uri.balance, listener->count);
    return result == 0 ? 0 : fail(&listener->uri, "balance", strerror(-result));
}

int listener_open(struct listener *listener, const struct listen_uri *uri)
{
    *listener = (struct listener){.uri = *uri, .count = listen_uri_sockets(uri)};
    for (unsigned i = 0; i < listener->count; i++)
        listener->fds[i] = -1;
    if (bind_group(listener) != 0 || dimension(listener) != 0 || join(listener) != 0) {
        listener_close(listener);
        return -1;
    }
    log_info("starting collection", "scheme", listen_scheme_name(uri->scheme), "hostname",
             uri->host, "port", log_unsigned(listener->uri.port).text, "count",
             log_unsigned(listener->count).text, "blocking", uri->blocking ? "true" : "false");
    return 0;
}

// An address of this machine, at the discard port (RFC 863).
static void make_peer(struct sockaddr_storage *name)
{
    enum { PORT = 9 };
    if (name->ss_family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)name;
        v4->sin_port = htons(PORT);
        if (v4->sin_addr.s_addr == htonl(INADDR_ANY))
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
        v6->sin6_port = htons(PORT);
        if (memcmp(&v6->sin6_addr, &in6addr_any, sizeof in6addr_any) == 0)
            v6->sin6_addr = in6addr_loopback;
    }
}

// A connected socket gets what its peer sends: here one that sends nothing. Shutting it down would
// not do, of UDP the kernel queues on.
void listener_refuse(const struct listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++) {
        struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
        socklen_t len = sizeof name;
        if (getsockname(listener->fds[i], (struct sockaddr *)&name, &len) != 0)
            continue;
        make_peer(&name);
        (void)connect(listener->fds[i], (struct sockaddr *)&name, len);
    }
}

void listener_close(struct listener *listener)
{
    for (unsigned i = 0; i < listener->count; i++)
        if (listener->fds[i] >= 0)
            close(listener->fds[i]);
    listener->count = 0;
}
