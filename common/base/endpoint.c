#include "common/base/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BACKLOG 128

static int refuse(struct fault *fault, const char *text)
{
    return fault_set(fault, "got \"%s\", wanted host:port, [IPv6]:port or :port", text);
}

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    return len >= 1 && len <= 5 && text[len] == '\0' && strtol(text, NULL, 10) <= 65535;
}

int endpoint_parse(struct endpoint *out, const char *text, struct fault *fault)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !is_port(colon + 1))
        return refuse(fault, text);
    const char *host = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return refuse(fault, text);
    }
    if (len >= sizeof out->host)
        return refuse(fault, text);
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    memcpy(out->port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

static int resolve(const struct endpoint *endpoint, bool passive, struct addrinfo **found,
                   struct fault *fault)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)};
    const char *host = *endpoint->host == '\0' ? NULL : endpoint->host;
    int error = getaddrinfo(host, endpoint->port, &hints, found);
    return error == 0 ? 0 : fault_set(fault, "%s: %s", endpoint->host, gai_strerror(error));
}

// A bound and listening socket, or -1 with errno set.
static int open_listening(const struct addrinfo *info)
{
    const int on = 1;
    const int off = 0;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

const struct addrinfo *endpoint_preferred(const struct addrinfo *found)
{
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        if (at->ai_family == AF_INET)
            return at;
    return found;
}

static int listen_family(const struct addrinfo *found, int family)
{
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next)
        if (at->ai_family == family)
            return open_listening(at);
    errno = EAFNOSUPPORT;
    return -1;
}

// The IPv6 address takes IPv4 as well; IPv4 alone where IPv6 is switched off.
static int listen_any(const struct addrinfo *found)
{
    int fd = listen_family(found, AF_INET6);
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        fd = listen_family(found, AF_INET);
    return fd;
}

const char *endpoint_bind_error(int error)
{
    switch (error) {
    case EACCES:
        return "Permission denied: ports below 1024 take CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "Cannot assign requested address: no interface of this host has it";
    default:
        return strerror(error);
    }
}

int endpoint_listen(const struct endpoint *endpoint, struct fault *fault)
{
    struct addrinfo *found = NULL;
    if (resolve(endpoint, true, &found, fault) != 0)
        return -1;
    int fd = *endpoint->host == '\0' ? listen_any(found)
                                     : open_listening(endpoint_preferred(found));
    if (fd < 0)
        fault_set(fault, "cannot listen on %s:%s: %s", endpoint->host, endpoint->port,
                  endpoint_bind_error(errno));
    freeaddrinfo(found);
    return fd;
}

int endpoint_connect(const struct endpoint *endpoint, int timeout_s, struct fault *fault)
{
    const struct timeval timeout = {.tv_sec = timeout_s};
    struct addrinfo *found = NULL;
    int fd = -1;
    if (resolve(endpoint, false, &found, fault) != 0)
        return -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout); // connect's as well
        if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            break;
        int error = errno;
        close(fd);
        fd = -1;
        errno = error;
    }
    if (fd < 0)
        fault_set(fault, "cannot connect: %s", strerror(errno));
    freeaddrinfo(found);
    return fd;
}
