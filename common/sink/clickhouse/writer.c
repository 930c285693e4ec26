#include "common/sink/clickhouse/state.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdint.h>

static struct clickhouse_sink *sink_of(struct clickhouse_writer *writer)
{
    return (struct clickhouse_sink *)writer->writer.sink;
}

// With the lock held.
static void enqueue(struct clickhouse_sink *sink, struct clickhouse_batch *batch)
{
    sink->queue[(sink->queue_head + sink->queue_count++) % CLICKHOUSE_BATCHES] = batch;
    pthread_cond_signal(&sink->work);
}

static void hand_over(struct clickhouse_writer *writer)
{
    struct clickhouse_sink *sink = sink_of(writer);
    if (writer->open == NULL || writer->open->count == 0)
        return;
    pthread_mutex_lock(&sink->lock);
    enqueue(sink, writer->open);
    pthread_mutex_unlock(&sink->lock);
    writer->open = NULL;
}

static void unpark(struct clickhouse_writer *writer)
{
    struct clickhouse_sink *sink = sink_of(writer);
    if (!writer->is_parked)
        return;
    pthread_mutex_lock(&sink->lock);
    if (sink->parked == NULL)
        writer->open = NULL; // it was taken
    sink->parked = NULL;
    pthread_mutex_unlock(&sink->lock);
    writer->is_parked = false;
}

// An empty batch to fill, waited for while the server is behind; not before the table is known.
// False when the process ends.
static bool open_batch(struct clickhouse_writer *writer)
{
    struct clickhouse_sink *sink = sink_of(writer);
    if (writer->open != NULL)
        return true;
    pthread_mutex_lock(&sink->lock);
    while ((!sink->known || sink->idle_count == 0) && !sink->abandoned)
        clickhouse_wait(sink, &sink->moved, INT64_MAX);
    if (!writer->laid_out && sink->known) {
        clickhouse_layout_init(&writer->layout, sink->profile);
        writer->laid_out = true;
    }
    if (!sink->abandoned)
        writer->open = sink->idle[--sink->idle_count];
    clickhouse_writer_settle(writer);
    pthread_mutex_unlock(&sink->lock);
    if (writer->open == NULL)
        return false;
    clickhouse_batch_clear(writer->open);
    writer->open->due_ns = clock_steady_ns() + sink->options.linger_ns;
    return true;
}

// A place for what has none, so that at least this process knows what it sent.
static struct flow_origin origin_of(struct clickhouse_writer *writer, const struct flow_view *view)
{
    if (view->origin.stream != 0)
        return view->origin;
    return (struct flow_origin){.stream = sink_of(writer)->boot, .sequence = ++writer->sequence};
}

static void lose(struct clickhouse_writer *writer)
{
    if (writer->complete)
        writer->lost = writer->written - 1;
    writer->complete = false;
    ledger_count(writer->writer.ledger, REASON_OUTPUT_FAILED, 1);
}

uint8_t *clickhouse_writer_room(struct sink_writer *base, size_t len)
{
    (void)base;
    (void)len;
    return NULL; // it takes fields
}

int clickhouse_writer_write(struct sink_writer *base, const struct flow_view *view,
                            const uint8_t *bytes, size_t len)
{
    struct clickhouse_writer *writer = (struct clickhouse_writer *)base;
    struct clickhouse_sink *sink = sink_of(writer);
    (void)bytes;
    (void)len;
    unpark(writer);
    writer->written++;
    if (clickhouse_row_bound(view->flow) > sink->options.batch_bytes) {
        ledger_count(base->ledger, REASON_OUTPUT_TOO_LARGE, 1);
        return 0;
    }
    struct flow_origin origin = origin_of(writer, view);
    for (;;) {
        if (!open_batch(writer)) {
            lose(writer);
            return 0;
        }
        if (clickhouse_batch_add(writer->open, &writer->layout, view->flow, &origin))
            break;
        hand_over(writer);
    }
    writer->open->position = writer->written;
    base->ledger->flows_waiting++;
    if (writer->open->count == writer->open->max)
        hand_over(writer);
    return 0;
}

void clickhouse_writer_settle(struct clickhouse_writer *writer)
{
    struct clickhouse_sink *sink = sink_of(writer);
    struct ledger *ledger = writer->writer.ledger;
    struct clickhouse_account *account = &sink->account;
    if (ledger == NULL)
        return;
    ledger->flows_waiting -= account->settled;
    ledger->flows_delivered += account->settled - account->refused;
    ledger_count(ledger, REASON_ROW_REFUSED, account->refused);
    ledger_count(ledger, REASON_ROW_PRESENT, account->present);
    *account = (struct clickhouse_account){.settled = 0};
}

int clickhouse_writer_flush(struct sink_writer *base)
{
    struct clickhouse_writer *writer = (struct clickhouse_writer *)base;
    struct clickhouse_sink *sink = sink_of(writer);
    if (sink->options.linger_ns == 0 && !writer->is_parked)
        hand_over(writer);
    pthread_mutex_lock(&sink->lock);
    if (!writer->is_parked && writer->open != NULL && writer->open->count != 0) {
        sink->parked = writer->open;
        writer->is_parked = true;
        pthread_cond_signal(&sink->work);
    }
    clickhouse_writer_settle(writer);
    pthread_mutex_unlock(&sink->lock);
    return 0;
}

// With the lock held.
static bool anything_waits(const struct clickhouse_sink *sink)
{
    return sink->queue_count != 0 || sink->busy || sink->parked != NULL;
}

uint64_t clickhouse_writer_settled(struct sink_writer *base)
{
    struct clickhouse_writer *writer = (struct clickhouse_writer *)base;
    struct clickhouse_sink *sink = sink_of(writer);
    pthread_mutex_lock(&sink->lock);
    bool waits = anything_waits(sink) ||
                 (!writer->is_parked && writer->open != NULL && writer->open->count != 0);
    uint64_t settled = waits ? sink->settled : writer->written;
    clickhouse_writer_settle(writer);
    pthread_mutex_unlock(&sink->lock);
    return writer->complete || settled < writer->lost ? settled : writer->lost;
}

int clickhouse_writer_sync(struct sink_writer *base, int timeout_ms)
{
    struct clickhouse_writer *writer = (struct clickhouse_writer *)base;
    struct clickhouse_sink *sink = sink_of(writer);
    int64_t until_ns = timeout_ms < 0 ? INT64_MAX
                                      : clock_steady_ns() + timeout_ms * CLOCK_NS_PER_MS;
    unpark(writer);
    hand_over(writer);
    pthread_mutex_lock(&sink->lock);
    while (anything_waits(sink) && !sink->abandoned && clock_steady_ns() < until_ns)
        clickhouse_wait(sink, &sink->moved, until_ns);
    clickhouse_writer_settle(writer);
    bool waits = anything_waits(sink);
    pthread_mutex_unlock(&sink->lock);
    if (waits)
        return -ETIMEDOUT;
    return writer->complete ? 0 : -EPIPE;
}

struct sink_writer *clickhouse_writer_new(struct sink *base, struct ledger *ledger)
{
    struct clickhouse_sink *sink = (struct clickhouse_sink *)base;
    struct clickhouse_writer *writer = &sink->writer;
    if (writer->writer.sink != NULL)
        return NULL;
    pthread_mutex_lock(&sink->lock);
    writer->writer = (struct sink_writer){.sink = base, .ledger = ledger};
    writer->complete = true;
    pthread_mutex_unlock(&sink->lock);
    return &writer->writer;
}

// Its books are closed with the sink: its last rows are still on their way.
void clickhouse_writer_free(struct sink_writer *base)
{
    struct clickhouse_writer *writer = (struct clickhouse_writer *)base;
    unpark(writer);
    hand_over(writer);
}
