#include "common/base/http.h"

#include "common/base/endpoint.h"
#include "common/base/log.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX         64
#define CONNECTION_TIMEOUT_S    5
#define CONNECTION_MEMORY_BYTES 16384

static const char PLAIN[] = "text/plain; charset=utf-8";

struct http {
    struct MHD_Daemon *daemon;
    const struct http_route *routes;
    size_t route_count;
    void *user;
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

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const struct http_answer *answer)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(answer->len, answer->body,
                                                                    MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(answer->body);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", answer->type == NULL ? PLAIN : answer->type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void make_answer(struct http *http, const struct http_request *request, const char *path,
                        struct http_answer *answer)
{
    for (size_t i = 0; i < http->route_count; i++) {
        if (strcmp(http->routes[i].path, path) == 0) {
            http->routes[i].handler(http->user, request, answer);
            return;
        }
    }
    http_answer_text(answer, MHD_HTTP_NOT_FOUND, "404 page not found\n");
}

// Called first when the headers are there, then at the end of the request.
static enum MHD_Result take_request(void *user, struct MHD_Connection *connection, const char *path,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **seen)
{
    static char mark;
    const struct http_request request = {.connection = connection};
    struct http_answer answer = {.status = MHD_HTTP_OK};
    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        http_answer_text(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "405 method not allowed\n");
        return send_answer(connection, &answer);
    }
    if (*seen == NULL || *upload_len != 0) { // a body of a GET is read and means nothing
        *seen = &mark;
        *upload_len = 0;
        return MHD_YES;
    }
    make_answer(user, &request, path, &answer);
    return send_answer(connection, &answer);
}

static int open_socket(struct http *http, const char *address)
{
    struct endpoint endpoint;
    struct fault fault = {.text = ""};
    struct sockaddr_in6 name = {.sin6_port = 0}; // the port is at the same place in sockaddr_in
    socklen_t len = sizeof name;
    int fd = -1;
    if (endpoint_parse(&endpoint, address, &fault) == 0)
        fd = endpoint_listen(&endpoint, &fault);
    if (fd < 0) {
        log_error("cannot start the HTTP server", "addr", address, "error", fault.text);
        return -1;
    }
    getsockname(fd, (struct sockaddr *)&name, &len);
    http->port = ntohs(name.sin6_port);
    return fd;
}

static int start(struct http *http, const char *address)
{
    int fd = open_socket(http, address);
    if (fd < 0)
        return -1;
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, take_request, http,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_END);
    if (http->daemon != NULL)
        return 0;
    log_error("cannot start the HTTP server", "addr", address);
    close(fd);
    return -1;
}

struct http *http_start(const char *address, const struct http_route *routes, size_t count,
                        void *user)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        log_error("cannot start the HTTP server", "error", "out of memory");
        return NULL;
    }
    http->routes = routes;
    http->route_count = count;
    http->user = user;
    if (start(http, address) != 0) {
        free(http);
        return NULL;
    }
    log_info("starting HTTP server", "addr", address, "port", log_unsigned(http->port).text);
    return http;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

void http_stop(struct http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
