#include "common/sink/clickhouse/insert.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void clickhouse_insert_init(struct clickhouse_insert *insert,
                            const struct clickhouse_layout *layout)
{
    const struct clickhouse_options *o = insert->options;
    struct buf out = buf_over(insert->statement, sizeof insert->statement - 1);
    buf_printf(&out, "INSERT INTO %s.%s (", o->database, o->table);
    clickhouse_layout_names(layout, &out);
    buf_text(&out, ") FORMAT RowBinary");
    insert->statement[out.len] = '\0';
}

void clickhouse_insert_fini(struct clickhouse_insert *insert)
{
    clickhouse_compress_fini(&insert->compress);
    clickhouse_present_fini(&insert->present);
    free(insert->scratch);
    insert->scratch = NULL;
}

// Other bytes, another token.
static int take(struct clickhouse_insert *insert, const uint8_t *bytes, size_t len, uint32_t rows)
{
    insert->rows = rows;
    insert->token = ++insert->number;
    insert->begun_ns = 0;
    insert->len = rows == 0 ? 0
                            : clickhouse_compress(&insert->compress, insert->options->compression,
                                                  bytes, len, &insert->body);
    return insert->len == 0 && rows != 0 ? -1 : 0;
}

int clickhouse_insert_all(struct clickhouse_insert *insert, const struct clickhouse_batch *batch,
                          struct clickhouse_range range)
{
    size_t begin = clickhouse_batch_begin(batch, range.first);
    size_t end = clickhouse_batch_begin(batch, range.first + range.count);
    return take(insert, batch->data + begin, end - begin, range.count);
}

static int make_scratch(struct clickhouse_insert *insert, size_t len)
{
    if (len <= insert->scratch_cap)
        return 0;
    free(insert->scratch);
    insert->scratch = malloc(len);
    insert->scratch_cap = insert->scratch == NULL ? 0 : len;
    return insert->scratch == NULL ? -1 : 0;
}

static int take_missing(struct clickhouse_insert *insert, const struct clickhouse_batch *batch,
                        struct clickhouse_range range)
{
    size_t begin = clickhouse_batch_begin(batch, range.first);
    size_t used = 0;
    uint32_t rows = 0;
    if (make_scratch(insert, clickhouse_batch_begin(batch, range.first + range.count) - begin) != 0)
        return -1;
    for (uint32_t i = range.first; i < range.first + range.count; i++) {
        size_t end = batch->places[i].end;
        if (!clickhouse_present_has(&insert->present, &batch->places[i])) {
            memcpy(insert->scratch + used, batch->data + begin, end - begin);
            used += end - begin;
            rows++;
        }
        begin = end;
    }
    return take(insert, insert->scratch, used, rows);
}

enum clickhouse_verdict clickhouse_insert_missing(struct clickhouse_insert *insert,
                                                  const struct clickhouse_server *server,
                                                  const struct clickhouse_batch *batch,
                                                  struct clickhouse_range range,
                                                  struct clickhouse_reply *reply)
{
    if (clickhouse_present_ask(&insert->present, insert->http, insert->options, server, batch,
                               range, reply) != CLICKHOUSE_DONE)
        return reply->verdict;
    if (take_missing(insert, batch, range) == 0)
        return CLICKHOUSE_DONE;
    snprintf(reply->error, sizeof reply->error, "out of memory");
    return reply->verdict = CLICKHOUSE_AWAY;
}

enum clickhouse_verdict clickhouse_insert_send(struct clickhouse_insert *insert,
                                               const struct clickhouse_server *server,
                                               struct clickhouse_reply *reply)
{
    const struct clickhouse_options *o = insert->options;
    char settings[512];
    struct buf out = buf_over(settings, sizeof settings - 1);
    // The server gives up when we do: nobody else takes the rows up before.
    buf_printf(&out, "query_id=goflow-%llx-%llx&max_execution_time=%lld",
               (unsigned long long)insert->boot, (unsigned long long)++insert->query,
               (long long)((o->timeout_ns + CLOCK_NS_PER_S - 1) / CLOCK_NS_PER_S));
    if (server->profile == CLICKHOUSE_FULL)
        buf_printf(&out, "&async_insert=%d&wait_for_async_insert=1", o->async);
    if (server->recognises && !o->async)
        buf_printf(&out,
                   "&insert_deduplicate=1&insert_deduplication_token=%llx-%llx"
                   "&deduplicate_blocks_in_dependent_materialized_views=1",
                   (unsigned long long)insert->boot, (unsigned long long)insert->token);
    settings[out.len] = '\0';
    const struct clickhouse_request request = {
        .settings = settings,
        .query = insert->statement,
        .body = insert->body,
        .len = insert->len,
        .encoding = clickhouse_compress_name(o->compression),
        .timeout_ms = o->timeout_ns / CLOCK_NS_PER_MS,
    };
    clickhouse_http_send(insert->http, &request, reply);
    return reply->verdict;
}

enum clickhouse_verdict clickhouse_insert_stop(struct clickhouse_insert *insert,
                                               struct clickhouse_reply *reply)
{
    char query[192];
    struct clickhouse_request request = {.settings = "wait_end_of_query=1", .body = query};
    request.timeout_ms = insert->options->timeout_ns / CLOCK_NS_PER_MS;
    // Earlier attempts may still be there too.
    snprintf(query, sizeof query, "KILL QUERY WHERE query_id LIKE 'goflow-%llx-%%' ASYNC",
             (unsigned long long)insert->boot);
    request.len = strlen(query);
    clickhouse_http_send(insert->http, &request, reply);
    if (reply->verdict == CLICKHOUSE_AWAY)
        return reply->verdict;
    // Who may not stop them can still see them end.
    snprintf(query, sizeof query,
             "SELECT count() FROM system.processes WHERE query_id LIKE 'goflow-%llx-%%'",
             (unsigned long long)insert->boot);
    request.len = strlen(query);
    clickhouse_http_send(insert->http, &request, reply);
    if (reply->verdict != CLICKHOUSE_DONE || (reply->len != 0 && reply->body[0] == '0'))
        return reply->verdict;
    snprintf(reply->error, sizeof reply->error, "the server still works on an insert given up");
    return reply->verdict = CLICKHOUSE_UNKNOWN;
}
