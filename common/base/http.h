// A small HTTP server for operators: a table of routes, each answered with a text made on request.
//
// One thread of its own serves all connections, one answer at a time; handlers run in it. GET and
// HEAD only. Bounded in connections, and in the time and memory of each.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct http;
struct http_request;

// What a handler fills: status 200 and no body before.
struct http_answer {
    unsigned status;
    const char *type; // static text; NULL is plain text
    char *body;       // from malloc, taken over; NULL is empty
    size_t len;
};

typedef void http_handler(void *user, const struct http_request *request,
                          struct http_answer *answer);

struct http_route {
    const char *path;
    http_handler *handler;
};

// The value of ?name=value, or NULL. For the handler's call.
const char *http_query(const struct http_request *request, const char *name);

// Answers with a text.
void http_answer_text(struct http_answer *answer, unsigned status, const char *text);

// Starts the server on host:port. Borrows the routes until http_stop. NULL after having logged why.
struct http *http_start(const char *address, const struct http_route *routes, size_t count,
                        void *user);
uint16_t http_port(const struct http *http);

// Waits for the answer that is being made. NULL is allowed.
void http_stop(struct http *http);

// The client: asks host:port for a path. Returns the status and the body, terminated by NUL, from
// malloc; or -1 after one line on stderr. At most max_len bytes.
int http_get(const char *address, const char *path, size_t max_len, char **body);

// Asks the daemon at host:port whether it is well: 0, or 1 after one line on stderr.
int http_ask_health(const char *address);
