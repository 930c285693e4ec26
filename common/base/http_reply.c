#include "common/base/http_reply.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 32768

struct http_reply {
    struct http_replies *replies;
    struct http_reply *newer;
    struct http_reply *older;
    struct http_parts *parts; // NULL: the body is whole
    char *body;               // the current part
    size_t len;
    size_t at;
    size_t held; // bytes of a whole body
    int64_t since_ns;
    bool cut;
};

static void release(struct http_reply *reply)
{
    if (reply->parts != NULL)
        reply->parts->free(reply->parts);
    free(reply->body);
    reply->replies->held -= reply->held;
    reply->parts = NULL;
    reply->body = NULL;
    reply->held = reply->len = reply->at = 0;
}

static void cut(struct http_reply *reply)
{
    release(reply);
    reply->cut = true;
}

static void append(struct http_replies *replies, struct http_reply *reply)
{
    reply->older = replies->newest;
    if (reply->older != NULL)
        reply->older->newer = reply;
    else
        replies->oldest = reply;
    replies->newest = reply;
}

static void take_out(struct http_replies *replies, struct http_reply *reply)
{
    if (reply->older != NULL)
        reply->older->newer = reply->newer;
    else
        replies->oldest = reply->newer;
    if (reply->newer != NULL)
        reply->newer->older = reply->older;
    else
        replies->newest = reply->older;
}

static void free_reply(void *user)
{
    struct http_reply *reply = user;
    release(reply);
    take_out(reply->replies, reply);
    free(reply);
}

// 0, or -1 without memory. No bytes at the end of the page.
static int make_part(struct http_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
    reply->len = reply->at = 0;
    FILE *out = open_memstream(&reply->body, &reply->len);
    if (out == NULL)
        return -1;
    reply->parts->write(reply->parts, out);
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? -1 : 0;
}

// Called for the bytes in their order.
static ssize_t read_reply(void *user, uint64_t position, char *out, size_t room)
{
    struct http_reply *reply = user;
    (void)position;
    if (reply->cut || (reply->at == reply->len && reply->parts != NULL && make_part(reply) != 0))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = reply->len - reply->at < room ? reply->len - reply->at : room;
    if (len == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(out, reply->body + reply->at, len);
    reply->at += len;
    return (ssize_t)len;
}

bool http_replies_ready(struct http_replies *replies, int64_t now_ns)
{
    for (struct http_reply *reply = replies->oldest; reply != NULL; reply = reply->newer) {
        if (reply->parts == NULL)
            continue;
        if (now_ns - reply->since_ns < HTTP_ALONE_S * CLOCK_NS_PER_S)
            return false;
        cut(reply);
    }
    return true;
}

static void make_room(struct http_replies *replies, size_t len)
{
    for (struct http_reply *reply = replies->oldest;
         reply != NULL && replies->held != 0 && replies->held + len > HTTP_HELD_MAX;
         reply = reply->newer)
        if (reply->held != 0)
            cut(reply);
}

struct MHD_Response *http_reply_new(struct http_replies *replies, struct http_answer *answer,
                                    int64_t now_ns)
{
    struct http_reply *reply = calloc(1, sizeof *reply);
    struct http_reply made = {.replies = replies,
                              .parts = answer->parts,
                              .body = answer->body,
                              .len = answer->len,
                              .held = answer->len,
                              .since_ns = now_ns};
    make_room(replies, made.held);
    replies->held += made.held;
    if (reply == NULL) {
        release(&made);
        return NULL;
    }
    *reply = made;
    append(replies, reply);
    struct MHD_Response *response = MHD_create_response_from_callback(
        reply->parts == NULL ? reply->len : MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_reply, reply,
        free_reply);
    if (response == NULL)
        free_reply(reply);
    return response;
}
