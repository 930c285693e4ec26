#include "common/base/http.h"

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/http_guard.h"
#include "common/base/http_host.h"
#include "common/base/http_reply.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_TIMEOUT_S          5
#define CONNECTION_MEMORY_BYTES 16384
#define GUARD_MS                250 // how often deadlines are looked at
#define RETRY_S                 "5"

static const char PLAIN[] = "text/plain; charset=utf-8";

struct http {
    struct http_options options;
    struct endpoint endpoint;
    struct MHD_Daemon *daemon;
    struct http_guard guard;
    struct http_replies replies;
    pthread_t thread;
    int epoll_fd; // the daemon's
    int stop_fd;
    atomic_bool stopping;
    uint16_t port;
};

struct http_request {
    struct MHD_Connection *connection;
};

const char *http_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

void http_answer_text(struct http_answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->body = strdup(text);
    answer->len = answer->body == NULL ? 0 : strlen(text);
}

static void put_headers(struct MHD_Response *response, const struct http_answer *answer)
{
    MHD_add_response_header(response, "Content-Type", answer->type == NULL ? PLAIN : answer->type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Connection", "close");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (answer->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", RETRY_S);
    if (answer->shown != answer->all) {
        char text[64];
        snprintf(text, sizeof text, "%zu of %zu", answer->shown, answer->all);
        MHD_add_response_header(response, "X-Shown", text);
    }
}

static enum MHD_Result send_answer(struct http *http, struct MHD_Connection *connection,
                                   struct http_answer *answer)
{
    struct MHD_Response *response = http_reply_new(&http->replies, answer, clock_steady_ns());
    if (response == NULL)
        return MHD_NO;
    put_headers(response, answer);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void take_route(struct http *http, const struct http_route *route,
                       const struct http_request *request, struct http_answer *answer)
{
    if (route->in_parts && !http_replies_ready(&http->replies, clock_steady_ns()))
        http_answer_text(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                         "503 somebody else is being sent this page\n");
    else
        route->handler(http->options.user, request, answer);
}

static void make_answer(struct http *http, const struct http_request *request, const char *path,
                        struct http_answer *answer)
{
    for (size_t i = 0; i < http->options.route_count; i++) {
        if (strcmp(http->options.routes[i].path, path) == 0) {
            take_route(http, &http->options.routes[i], request, answer);
            return;
        }
    }
    http_answer_text(answer, MHD_HTTP_NOT_FOUND, "404 page not found\n");
}

// Programs that speak HTTP/1.0 are no browsers.
static bool is_for_us(const struct http *http, struct MHD_Connection *connection,
                      const char *version)
{
    return strcmp(version, MHD_HTTP_VERSION_1_0) == 0 ||
           http_host_allowed(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
                             http->endpoint.host, http->options.names);
}

static struct http_connection *guarded(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

// Called first when the headers are there, then at the end of the request.
static enum MHD_Result take_request(void *user, struct MHD_Connection *connection, const char *path,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **seen)
{
    static char mark;
    struct http *http = user;
    const struct http_request request = {.connection = connection};
    struct http_answer answer = {.status = MHD_HTTP_OK};
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        http_answer_text(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "405 method not allowed\n");
        return send_answer(http, connection, &answer);
    }
    if (*seen == NULL || *upload_len != 0) { // a body of a GET is read and means nothing
        *seen = &mark;
        *upload_len = 0;
        return MHD_YES;
    }
    http_guard_answering(guarded(connection), clock_steady_ns());
    if (is_for_us(http, connection, version))
        make_answer(http, &request, path, &answer);
    else
        http_answer_text(&answer, MHD_HTTP_FORBIDDEN,
                         "403 the Host is no name of this server: -addr.names takes more\n");
    return send_answer(http, connection, &answer);
}

static struct addr source_of(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return addr_of((const uint8_t *)&v4.sin_addr, 4);
    }
    memcpy(&v6, address, sizeof v6);
    return addr_of(v6.sin6_addr.s6_addr, 16);
}

static void watch_connection(void *user, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code)
{
    struct http *http = user;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_guard_remove(&http->guard, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct addr source = source_of(info->client_addr);
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = http_guard_add(&http->guard, info->connect_fd, &source, clock_steady_ns());
}

static int open_socket(struct http *http)
{
    struct fault fault = {.text = ""};
    struct sockaddr_in6 name = {.sin6_port = 0}; // the port is at the same place in sockaddr_in
    socklen_t len = sizeof name;
    int fd = -1;
    if (endpoint_parse(&http->endpoint, http->options.address, &fault) == 0)
        fd = endpoint_listen(&http->endpoint, &fault);
    if (fd < 0) {
        log_error("cannot start the HTTP server", "addr", http->options.address, "error",
                  fault.text);
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&name, &len);
    http->port = ntohs(name.sin6_port);
    return fd;
}

// How long nothing may happen: as the daemon wants it, and while there are connections not for
// long.
static int wait_ms(const struct http *http)
{
    MHD_UNSIGNED_LONG_LONG wanted;
    if (MHD_get_timeout(http->daemon, &wanted) == MHD_YES && wanted < GUARD_MS)
        return (int)wanted;
    return http->guard.count == 0 ? -1 : GUARD_MS;
}

static void *run_server(void *user)
{
    struct http *http = user;
    struct pollfd fds[] = {{.fd = http->epoll_fd, .events = POLLIN},
                           {.fd = http->stop_fd, .events = POLLIN}};
    while (!atomic_load(&http->stopping)) {
        (void)poll(fds, 2, wait_ms(http));
        MHD_run(http->daemon);
        http_guard_enforce(&http->guard, clock_steady_ns());
    }
    return NULL;
}

// The thread takes no signals, nor is it ended by a reader that went away.
static int start_thread(struct http *http)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&http->thread, NULL, run_server, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static int start_daemon(struct http *http)
{
    int fd = open_socket(http);
    if (fd < 0)
        return -1;
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, take_request, http, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_GUARD_ROOM, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_NOTIFY_CONNECTION, watch_connection, http,
        MHD_OPTION_END);
    if (http->daemon == NULL) {
        log_error("cannot start the HTTP server", "addr", http->options.address);
        close(fd);
        return -1;
    }
    http->epoll_fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (start_thread(http) == 0)
        return 0;
    log_error("cannot start the HTTP server", "error", "no thread to be had");
    MHD_stop_daemon(http->daemon);
    return -1;
}

static struct http *new_http(const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);
    int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http == NULL || stop_fd < 0) {
        log_error("cannot start the HTTP server", "error", strerror(errno));
        if (stop_fd >= 0)
            close(stop_fd);
        free(http);
        return NULL;
    }
    http->options = *options;
    http->stop_fd = stop_fd;
    http_guard_init(&http->guard);
    return http;
}

struct http *http_start(const struct http_options *options)
{
    struct http *http = new_http(options);
    if (http == NULL)
        return NULL;
    if (start_daemon(http) != 0) {
        close(http->stop_fd);
        free(http);
        return NULL;
    }
    log_info("starting HTTP server", "addr", options->address, "port",
             log_unsigned(http->port).text);
    return http;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

void http_stop(struct http *http)
{
    const uint64_t one = 1;
    if (http == NULL)
        return;
    atomic_store(&http->stopping, true);
    ssize_t written = write(http->stop_fd, &one, sizeof one);
    (void)written; // it holds less than its most: there is room
    pthread_join(http->thread, NULL);
    MHD_stop_daemon(http->daemon);
    close(http->stop_fd);
    free(http);
}
