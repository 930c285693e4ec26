#include "common/sink/clickhouse/present.h"

#include <stdlib.h>
#include <string.h>

#define SEQUENCES_MAX 1000 // asked for at a time
#define QUERY_MAX     (64u << 10)
#define ANSWER_LEN    20 // of a row: UInt64, UInt32 and nanoseconds in 8 bytes

static int compare(const void *a, const void *b)
{
    const struct clickhouse_place *left = a;
    const struct clickhouse_place *right = b;
    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static uint64_t read_number(const uint8_t *at, unsigned len)
{
    uint64_t value = 0;
    while (len-- != 0)
        value = value << 8 | at[len];
    return value;
}

static int take(struct clickhouse_present *present, const uint8_t *body, size_t len)
{
    size_t count = len / ANSWER_LEN;
    if (count > present->cap - present->count) {
        size_t cap = 2 * present->cap + count;
        void *grown = realloc(present->places, cap * sizeof present->places[0]);
        if (grown == NULL)
            return -1;
        present->places = grown;
        present->cap = cap;
    }
    for (; count != 0; count--, body += ANSWER_LEN)
        present->places[present->count++] = (struct clickhouse_place){
            .sequence = read_number(body, 8),
            .index = (uint32_t)read_number(body + 8, 4),
            .time_ns = (int64_t)read_number(body + 12, 8)};
    return 0;
}

// The times come with a row wherever it comes again: they spare the server to look elsewhere.
static void begin_query(struct buf *out, const struct clickhouse_options *o,
                        const struct clickhouse_server *server,
                        const struct clickhouse_batch *batch)
{
    const char *before = server->table == CLICKHOUSE_FULL ? "fromUnixTimestamp64Nano(toInt64("
                                                          : "((";
    buf_printf(out,
               "SELECT src_seq, src_idx, src_time_ns FROM %s.%s WHERE src_stream = %llu "
               "AND time_received_ns >= %s%lld)) AND time_received_ns <= %s%lld)) AND src_seq IN (",
               o->database, o->table, (unsigned long long)batch->stream, before,
               (long long)batch->first_ns, before, (long long)batch->last_ns);
}

// Writes the sequences of the rows from *at on, as many as are asked for at a time.
static unsigned put_sequences(struct buf *out, const struct clickhouse_batch *batch,
                              struct clickhouse_range range, uint32_t *at)
{
    unsigned count = 0;
    uint64_t last = 0;
    for (; *at < range.first + range.count && count < SEQUENCES_MAX; ++*at) {
        const struct clickhouse_place *place = &batch->places[*at];
        if ((!place->again && !range.all) || (count != 0 && place->sequence == last))
            continue;
        last = place->sequence;
        buf_printf(out, count++ == 0 ? "%llu" : ",%llu", (unsigned long long)last);
    }
    return count;
}

enum clickhouse_verdict
clickhouse_present_ask(struct clickhouse_present *present, struct clickhouse_http *http,
                       const struct clickhouse_options *options,
                       const struct clickhouse_server *server, const struct clickhouse_batch *batch,
                       struct clickhouse_range range, struct clickhouse_reply *reply)
{
    *reply = (struct clickhouse_reply){.verdict = CLICKHOUSE_AWAY, .error = "out of memory"};
    present->count = 0;
    if (present->query == NULL)
        present->query = malloc(QUERY_MAX);
    for (uint32_t at = range.first; present->query != NULL;) {
        struct buf out = buf_over(present->query, QUERY_MAX);
        begin_query(&out, options, server, batch);
        if (put_sequences(&out, batch, range, &at) == 0) {
            reply->verdict = CLICKHOUSE_DONE;
            break;
        }
        buf_text(&out, ") FORMAT RowBinary");
        const struct clickhouse_request request = {.settings = "wait_end_of_query=1",
                                                   .body = out.data,
                                                   .len = out.len,
                                                   .timeout_ms = options->timeout_ns / 1000000};
        clickhouse_http_send(http, &request, reply);
        if (reply->verdict != CLICKHOUSE_DONE || take(present, reply->body, reply->len) != 0)
            return reply->verdict == CLICKHOUSE_DONE ? CLICKHOUSE_AWAY : reply->verdict;
    }
    if (present->count != 0)
        qsort(present->places, present->count, sizeof present->places[0], compare);
    return reply->verdict;
}

bool clickhouse_present_has(const struct clickhouse_present *present,
                            const struct clickhouse_place *place)
{
    return present->count != 0 && bsearch(place, present->places, present->count,
                                          sizeof present->places[0], compare) != NULL;
}

void clickhouse_present_fini(struct clickhouse_present *present)
{
    free(present->places);
    free(present->query);
    *present = (struct clickhouse_present){.cap = 0};
}
