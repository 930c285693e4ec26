// Requests to the HTTP interface of a ClickHouse server, one at a time.
//
// One thread. The answer is the module's until the next request.
// https://clickhouse.com/docs/interfaces/http
#pragma once

#include "common/base/fault.h"
#include "common/sink/clickhouse/answer.h"
#include "common/sink/clickhouse/option.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clickhouse_http;

struct clickhouse_request {
    const char *settings; // "name=value&name=value", escaped; "" for none
    const char *query;    // beside the body, or NULL: the body is the query
    const void *body;
    size_t len;
    const char *encoding; // of the body: "gzip" and the like, or NULL
    int64_t timeout_ms;
};

struct clickhouse_reply {
    enum clickhouse_verdict verdict;
    int code;            // of the exception, 0 when there is none
    const uint8_t *body; // terminated by NUL behind its length
    size_t len;
    char error[256]; // one line, when it is not done
};

// Reads no file and reaches no server yet. The texts of `access` are borrowed. `abandon`, when it
// becomes true, cuts a request short; NULL: nothing does. NULL after having logged why.
struct clickhouse_http *clickhouse_http_new(const struct clickhouse_access *access,
                                            const atomic_bool *abandon);
void clickhouse_http_free(struct clickhouse_http *http);

// The password, of the flag or of its file, which is read now and at each refusal: it may be
// changed. 0, or -1 and a fault.
int clickhouse_http_password(struct clickhouse_http *http, struct fault *fault);
const char *clickhouse_http_secret(const struct clickhouse_http *http);

// Sends one request and waits for its answer.
void clickhouse_http_send(struct clickhouse_http *http, const struct clickhouse_request *request,
                          struct clickhouse_reply *reply);
