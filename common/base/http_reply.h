// What the HTTP server is sending: bodies that are whole, and those made part by part meanwhile.
//
// Bounded in memory whatever the readers do: bodies hold at most HTTP_HELD_MAX bytes together, one
// that is made part by part is alone. Where there is no room the oldest is cut off. The server's
// thread only.
#pragma once

#include "common/base/http.h"

#include <microhttpd.h>

#define HTTP_HELD_MAX (32u << 20) // bytes of all bodies, or one larger body
#define HTTP_ALONE_S  5           // for so long nobody else begins a page made in parts

struct http_reply;

struct http_replies {
    struct http_reply *oldest;
    struct http_reply *newest;
    size_t held; // bytes
};

// Whether a page made in parts may begin: cuts off the one that has had its time.
bool http_replies_ready(struct http_replies *replies, int64_t now_ns);

// A response that sends the answer, whose body or parts are taken over. NULL without memory.
struct MHD_Response *http_reply_new(struct http_replies *replies, struct http_answer *answer,
                                    int64_t now_ns);
