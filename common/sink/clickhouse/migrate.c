#include "common/sink/clickhouse/migrate.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/clickhouse/server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 250

struct migration {
    const struct clickhouse_options *options;
    struct clickhouse_http *http;
    struct clickhouse_server server;
    struct clickhouse_schema schema;
    struct clickhouse_reply reply;
    char statement[CLICKHOUSE_STATEMENT_MAX];
    struct buf out; // over it
};

static struct buf *begin(struct migration *m)
{
    m->out = buf_over(m->statement, sizeof m->statement);
    return &m->out;
}

static int fail(const struct migration *m)
{
    const char *advice = clickhouse_answer_advice(m->reply.code);
    log_error("ClickHouse migration failed", "url", m->options->access.url, "error", m->reply.error,
              "do", advice == NULL ? "see docs/clickhouse.md" : advice);
    return -1;
}

// Sends the statement. What another has made meanwhile is as good.
static int apply(struct migration *m)
{
    const struct clickhouse_request request = {
        .settings = "wait_end_of_query=1",
        .body = m->out.data,
        .len = m->out.len,
        .timeout_ms = m->options->timeout_ns / CLOCK_NS_PER_MS,
    };
    clickhouse_http_send(m->http, &request, &m->reply);
    if (m->reply.verdict == CLICKHOUSE_DONE || clickhouse_answer_exists(m->reply.code))
        return 0;
    return fail(m);
}

static int meet(struct migration *m)
{
    struct fault fault = {.text = ""};
    const struct timespec nap = {.tv_nsec = RETRY_MS * CLOCK_NS_PER_MS};
    if (clickhouse_http_password(m->http, &fault) != 0) {
        log_error(fault.text);
        return -1;
    }
    for (int64_t left_ms = m->options->timeout_ns / CLOCK_NS_PER_MS;; left_ms -= RETRY_MS) {
        enum clickhouse_verdict verdict = clickhouse_server_meet(
            m->http, m->options->timeout_ns / CLOCK_NS_PER_MS, &m->server, &m->reply);
        if (verdict == CLICKHOUSE_DONE)
            return 0;
        if (verdict == CLICKHOUSE_SETUP || left_ms <= 0)
            return fail(m);
        nanosleep(&nap, NULL);
    }
}

static int make_base(struct migration *m)
{
    for (unsigned i = 0; i < CLICKHOUSE_BASE_COUNT; i++) {
        clickhouse_schema_base(begin(m), &m->schema, i);
        if (apply(m) != 0)
            return -1;
    }
    return 0;
}

static int make_steps(struct migration *m)
{
    clickhouse_schema_last(begin(m), &m->schema);
    if (apply(m) != 0)
        return -1;
    unsigned done = (unsigned)strtoul((const char *)m->reply.body, NULL, 10);
    for (unsigned version = done + 1;; version++) {
        const char *what = clickhouse_schema_step(begin(m), &m->schema, version);
        if (what == NULL)
            return 0;
        if (m->out.len != 0 && apply(m) != 0)
            return -1;
        clickhouse_schema_record(begin(m), &m->schema, version, what);
        if (apply(m) != 0)
            return -1;
        log_info("ClickHouse migrated", "version", log_unsigned(version).text, "what", what);
    }
}

static int add_columns(struct migration *m)
{
    uint64_t missing = 0;
    if (clickhouse_server_missing(m->http, m->options, &missing, &m->reply) != CLICKHOUSE_DONE)
        return fail(m);
    for (; missing != 0; missing &= missing - 1) {
        unsigned column = (unsigned)__builtin_ctzll(missing);
        clickhouse_schema_add(begin(m), &m->schema, column);
        if (apply(m) != 0)
            return -1;
        log_info("ClickHouse migrated", "column", clickhouse_column(column).name);
    }
    return 0;
}

int clickhouse_migrate(const struct clickhouse_options *options)
{
    int result = -1;
    struct migration *m = calloc(1, sizeof *m);
    if (m != NULL)
        m->http = clickhouse_http_new(&options->access, NULL);
    if (m == NULL || m->http == NULL)
        goto out;
    m->options = options;
    if (meet(m) != 0)
        goto out;
    m->schema = clickhouse_options_schema(options,
                                          clickhouse_options_profile(options, m->server.profile),
                                          clickhouse_http_secret(m->http));
    result = make_base(m) != 0 || make_steps(m) != 0 || add_columns(m) != 0 ? -1 : 0;
    if (result == 0)
        log_info("ClickHouse is up to date", "url", options->access.url, "version",
                 m->server.version, "database", options->database, "table", options->table);
out:
    if (m != NULL)
        clickhouse_http_free(m->http);
    free(m);
    return result;
}
