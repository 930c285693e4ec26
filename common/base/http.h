// A small HTTP server for operators: a table of routes, each answered with a text made on request.
//
// One thread of its own serves all connections, one answer at a time; handlers run in it. GET and
// HEAD only, one request on a connection. Bounded in connections, and in the time and memory of
// each; requests that a browser sends for another site's name are refused.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct http;
struct http_request;

// A page that is made while it is sent: nothing of it is held but the part being sent.
struct http_parts {
    void (*write)(struct http_parts *parts, FILE *out); // the next part; nothing: that was all
    void (*free)(struct http_parts *parts);
};

// What a handler fills: status 200 and no body before.
struct http_answer {
    unsigned status;
    const char *type;         // static text; NULL is plain text
    char *body;               // from malloc, taken over; NULL is empty
    size_t len;               // bytes
    struct http_parts *parts; // instead of a body, taken over; of a route `in_parts`
    size_t shown;             // of a page that does not show all: so many
    size_t all;               // of these
};

typedef void http_handler(void *user, const struct http_request *request,
                          struct http_answer *answer);

struct http_route {
    const char *path;
    http_handler *handler;
    bool in_parts; // one such page is made at a time
};

struct http_options {
    const char *address; // host:port
    const char *names;   // a comma list of those it goes by, besides its own; see http_host.h
    const struct http_route *routes;
    size_t route_count;
    void *user; // given to the handlers
};

// The value of ?name=value, or NULL. For the handler's call.
const char *http_query(const struct http_request *request, const char *name);

// Answers with a text.
void http_answer_text(struct http_answer *answer, unsigned status, const char *text);

// Borrows what the options point to until http_stop. NULL after having logged why.
struct http *http_start(const struct http_options *options);
uint16_t http_port(const struct http *http);

// Waits for the answer that is being made; those being sent are cut off. NULL is allowed.
void http_stop(struct http *http);

// The client: asks host:port for a path. Returns the status and the body, terminated by NUL, from
// malloc; or -1 after one line on stderr. At most max_len bytes, within 10 s. The body is what a
// terminal may be given (utf8_mask), whoever answers there.
int http_get(const char *address, const char *path, size_t max_len, char **body);

// Asks the daemon at host:port whether it is well: 0, or 1. What it says is on stderr, unless all
// is well.
int http_ask_health(const char *address);
