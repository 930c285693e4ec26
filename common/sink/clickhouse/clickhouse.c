#include "common/sink/clickhouse/clickhouse.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/clickhouse/check.h"
#include "common/sink/clickhouse/state.h"
#include "common/sink/sink_state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void clickhouse_wait(struct clickhouse_sink *sink, pthread_cond_t *cond, int64_t until_ns)
{
    int64_t slice_ns = clock_steady_ns() + CLICKHOUSE_SLICE_MS * CLOCK_NS_PER_MS;
    int64_t at = until_ns < slice_ns ? until_ns : slice_ns;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(cond, &sink->lock, &when);
}

static int no_poll_fd(struct sink *base)
{
    (void)base;
    return -1; // the sink has a thread of its own for that
}

static int settled_fd(const struct sink *base)
{
    return ((const struct clickhouse_sink *)base)->settled_fd;
}

static int drain(struct sink *base, int timeout_ms)
{
    struct clickhouse_sink *sink = (struct clickhouse_sink *)base;
    int64_t until_ns = timeout_ms < 0 ? INT64_MAX
                                      : clock_steady_ns() + timeout_ms * CLOCK_NS_PER_MS;
    pthread_mutex_lock(&sink->lock);
    bool waits = sink->queue_count != 0 || sink->busy || sink->parked != NULL;
    while (waits && !sink->abandoned && clock_steady_ns() < until_ns) {
        clickhouse_wait(sink, &sink->moved, until_ns);
        waits = sink->queue_count != 0 || sink->busy || sink->parked != NULL;
    }
    pthread_mutex_unlock(&sink->lock);
    return waits ? -EAGAIN : 0;
}

static int no_reopen(struct sink *base)
{
    (void)base;
    return 0;
}

static void abandon(struct sink *base)
{
    struct clickhouse_sink *sink = (struct clickhouse_sink *)base;
    atomic_store(&sink->abandoned, true);
    pthread_mutex_lock(&sink->lock);
    pthread_cond_broadcast(&sink->moved);
    pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->lock);
}

static bool healthy(const struct sink *base)
{
    return atomic_load(&((const struct clickhouse_sink *)base)->up);
}

static void state_of(struct sink *base, struct sink_state *state)
{
    const struct clickhouse_sink *sink = (const struct clickhouse_sink *)base;
    if (!healthy(base))
        fault_set(&state->trouble, "%s: no insert goes through: the log says why",
                  sink->options.access.url);
}

static void report(struct sink *base, struct metrics *m)
{
    struct clickhouse_sink *sink = (struct clickhouse_sink *)base;
    pthread_mutex_lock(&sink->lock);
    struct clickhouse_stats stats = sink->stats;
    pthread_mutex_unlock(&sink->lock);
    metrics_family(m, "goflow2plus_clickhouse_rows_total", METRICS_COUNTER,
                   "Rows that were inserted, left out because the table had them, or refused.");
    metrics_add(m, (double)stats.inserted, "result", "inserted");
    metrics_add(m, (double)stats.present, "result", "present");
    metrics_add(m, (double)stats.refused, "result", "refused");
    metrics_family(m, "goflow2plus_clickhouse_inserts_total", METRICS_COUNTER,
                   "Inserts that were sent; again: because the outcome of one was not known.");
    metrics_add(m, (double)(stats.inserts - stats.repeated), "attempt", "first");
    metrics_add(m, (double)stats.repeated, "attempt", "again");
    metrics_family(m, "goflow2plus_clickhouse_sent_bytes_total", METRICS_COUNTER,
                   "Bytes of inserts, as compressed.");
    metrics_add(m, (double)stats.sent_bytes);
    metrics_family(m, "goflow2plus_clickhouse_insert_seconds", METRICS_SUMMARY,
                   "How long inserts that were done took.");
    metrics_add_summary(m, &stats.insert_us, 1e-6, "table", sink->options.table);
}

static void release(struct clickhouse_sink *sink)
{
    for (unsigned i = 0; i < sink->idle_count; i++)
        clickhouse_batch_free(sink->idle[i]);
    for (unsigned i = 0; i < sink->queue_count; i++)
        clickhouse_batch_free(sink->queue[(sink->queue_head + i) % CLICKHOUSE_BATCHES]);
    clickhouse_batch_free(sink->writer.open);
    if (sink->settled_fd >= 0)
        close(sink->settled_fd);
    pthread_mutex_destroy(&sink->lock);
    pthread_cond_destroy(&sink->work);
    pthread_cond_destroy(&sink->moved);
    free(sink);
}

static void close_sink(struct sink *base)
{
    struct clickhouse_sink *sink = (struct clickhouse_sink *)base;
    struct ledger *ledger = sink->writer.writer.ledger;
    abandon(base);
    clickhouse_sender_stop(sink);
    pthread_mutex_lock(&sink->lock);
    clickhouse_writer_settle(&sink->writer);
    if (ledger != NULL) {
        ledger_count(ledger, REASON_OUTPUT_FAILED, ledger->flows_waiting);
        ledger->flows_waiting = 0;
    }
    pthread_mutex_unlock(&sink->lock);
    release(sink);
}

static void init_lock(struct clickhouse_sink *sink)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->work, &monotonic);
    pthread_cond_init(&sink->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static int init(struct clickhouse_sink *sink)
{
    sink->settled_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sink->settled_fd < 0 || getrandom(&sink->boot, sizeof sink->boot, 0) < 0)
        return -errno;
    sink->boot |= 1; // 0 is no stream
    for (; sink->idle_count < CLICKHOUSE_BATCHES; sink->idle_count++) {
        struct clickhouse_batch *batch = clickhouse_batch_new(sink->options.batch_bytes,
                                                              (uint32_t)sink->options.batch_rows);
        if (batch == NULL)
            return -ENOMEM;
        sink->idle[sink->idle_count] = batch;
    }
    return clickhouse_sender_start(sink);
}

static struct sink *open_sink(const struct sink_options *options)
{
    struct clickhouse_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return NULL;
    sink->sink = (struct sink){.ops = &SINK_CLICKHOUSE, .wants_fields = true, .fields_only = true};
    sink->options = *options->clickhouse;
    sink->up = true; // until it is known to be away
    init_lock(sink);
    // Signals are the main thread's: the threads that begin here are not to get them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = init(sink);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0)
        return &sink->sink;
    log_error("cannot open the output", "error", strerror(-result));
    release(sink);
    return NULL;
}

const struct sink_ops SINK_CLICKHOUSE = {
    .name = "clickhouse",
    .open = open_sink,
    .check = clickhouse_check,
    .writer_new = clickhouse_writer_new,
    .writer_free = clickhouse_writer_free,
    .room = clickhouse_writer_room,
    .write = clickhouse_writer_write,
    .flush = clickhouse_writer_flush,
    .sync = clickhouse_writer_sync,
    .settled = clickhouse_writer_settled,
    .settled_fd = settled_fd,
    .poll_fd = no_poll_fd,
    .drain = drain,
    .reopen = no_reopen,
    .abandon = abandon,
    .healthy = healthy,
    .state = state_of,
    .report = report,
    .close = close_sink,
};
