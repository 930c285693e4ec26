#include "common/sink/nats/writer.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/siphash.h"
#include "common/sink/nats/sender.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct nats_sink *sink_of(struct nats_writer *writer)
{
    return (struct nats_sink *)writer->writer.sink;
}

// The flows of a message are known by where it stands in its own stream.
static bool is_republished(const struct nats_writer *writer)
{
    return writer->origin.stream != 0;
}

// A stream that is deleted and made again under its name has the same sequences: the time at which
// it stored the message tells them apart.
static uint64_t hash_origin(const struct flow_origin *origin)
{
    const uint64_t words[] = {origin->stream, (uint64_t)origin->time_ns};
    return siphash_words(UINT64_C(0x6d65737361676564), words, 2);
}

static void make_id(struct nats_writer *writer, const struct nats_batch *batch)
{
    struct nats_message *message = batch->message;
    if (!is_republished(writer)) {
        snprintf(message->id, NATS_ID_MAX, "%016llx-%x-%llx",
                 (unsigned long long)sink_of(writer)->boot, writer->number,
                 (unsigned long long)++writer->messages);
        return;
    }
    const struct flow_origin *origin = &writer->origin;
    // Never longer than its room: four numbers of 16 digits, two of 8.
    int len = snprintf(message->id, NATS_ID_MAX, "%llx-%llx-%x-%llx-%x",
                       (unsigned long long)hash_origin(origin),
                       (unsigned long long)origin->sequence, origin->index,
                       (unsigned long long)batch->hash, writer->part);
    if (batch->split)
        snprintf(message->id + len, NATS_ID_MAX - (size_t)len, ".%x+%x", message->first,
                 message->flows);
}

// Whoever was given the message before may have sent this as soon as it was stored. By a clock that
// is behind the server's nobody knows how long ago that was: very long.
static int64_t first_sent_ms(const struct flow_origin *origin)
{
    return origin->time_ns > clock_unix_ns() ? 1 : origin->time_ns / CLOCK_NS_PER_MS;
}

struct nats_message *nats_writer_close(struct nats_writer *writer, struct nats_batch *batch)
{
    struct nats_message *message = batch->message;
    make_id(writer, batch);
    if (is_republished(writer) && writer->origin.again)
        message->sent_ms = first_sent_ms(&writer->origin);
    memcpy(message->subject, batch->subject, sizeof message->subject);
    batch->message = NULL;
    return message;
}

static void hand_over(struct nats_writer *writer, struct nats_batch *batch)
{
    struct nats_sink *sink = sink_of(writer);
    if (batch->message == NULL)
        return;
    struct nats_message *message = nats_writer_close(writer, batch);
    pthread_mutex_lock(&sink->lock);
    nats_hand_over(sink, message, true);
    pthread_mutex_unlock(&sink->lock);
}

static void hand_over_all(struct nats_writer *writer)
{
    for (unsigned i = 0; i < writer->set.count; i++)
        hand_over(writer, &writer->set.batches[i]);
}

static void unpark(struct nats_writer *writer)
{
    struct nats_sink *sink = sink_of(writer);
    if (!writer->is_parked)
        return;
    pthread_mutex_lock(&sink->lock);
    writer->parked = false;
    pthread_mutex_unlock(&sink->lock);
    writer->is_parked = false;
}

uint8_t *nats_writer_room(struct sink_writer *base, size_t len)
{
    struct nats_writer *writer = (struct nats_writer *)base;
    return len > NATS_FRAME_MAX ? NULL : writer->scratch;
}

// A chunk is what stands between two multiples of batch.flows in one message of the other stream.
// When another one begins, all that is open belongs to the old one.
static void follow_origin(struct nats_writer *writer, const struct flow_origin *origin)
{
    const struct nats_sink *sink = sink_of(writer);
    struct flow_origin chunk = *origin;
    chunk.index -= chunk.index % (uint32_t)sink->options.batch_flows;
    if (flow_origin_same_message(&chunk, &writer->origin) && chunk.index == writer->origin.index) {
        writer->origin.again |= origin->again;
        return;
    }
    hand_over_all(writer);
    nats_batch_clear(&writer->set);
    writer->origin = chunk;
    writer->part = 0;
    atomic_store_explicit(&sink_of(writer)->republishes, true, memory_order_relaxed);
}

// The batch that takes this flow's subject.
static struct nats_batch *find_batch(struct nats_writer *writer, const struct flow_view *view)
{
    char subject[SUBJECT_TEXT_MAX];
    if (!sink_of(writer)->sink.wants_fields && writer->set.count != 0)
        return &writer->set.batches[0]; // all flows have the same
    size_t len = subject_render(&sink_of(writer)->subject, view->flow, view->key, subject);
    struct nats_batch *batch = nats_batch_of(&writer->set, subject, len);
    if (batch != NULL)
        return batch;
    hand_over_all(writer);
    nats_batch_clear(&writer->set);
    writer->part++; // the same subject in the same chunk: another id
    return nats_batch_of(&writer->set, subject, len);
}

// How large a message may become: republished ones are not cut by size while the server takes them.
static size_t limit_of(const struct nats_writer *writer, const struct nats_sink *sink)
{
    size_t payload_max = atomic_load_explicit(&sink->payload_max, memory_order_relaxed);
    size_t limit = sink->options.batch_bytes;
    return is_republished(writer) || limit > payload_max ? payload_max : limit;
}

// The rest of a chunk that had to be cut by size gets ids of its own. Enriched differently after a
// reload it would be cut elsewhere, and its flows come twice.
static void split(struct nats_writer *writer, struct nats_batch *batch)
{
    struct nats_sink *sink = sink_of(writer);
    batch->split |= is_republished(writer);
    if (batch->split && !atomic_exchange(&sink->split_told, true))
        log_warn("flows are too large for one message: exactly once does not hold across a "
                 "reload, lower -transport.nats.batch.flows of the enrichers");
    if (batch->split)
        ledger_count(writer->writer.ledger, REASON_DELIVERY_UNCERTAIN, batch->message->flows);
    hand_over(writer, batch);
}

// Makes room for `len` more bytes in the batch's message: 0, or a reason's loss.
static int make_room(struct nats_writer *writer, struct nats_batch *batch, size_t len)
{
    const struct nats_sink *sink = sink_of(writer);
    size_t limit = limit_of(writer, sink);
    if (batch->message != NULL && batch->message->len + len > limit)
        split(writer, batch);
    size_t cap = sink->options.batch_bytes < limit ? sink->options.batch_bytes : limit;
    if (batch->message == NULL) {
        batch->message = nats_message_new(len > cap ? len : cap);
        if (batch->message == NULL)
            return -ENOMEM;
        batch->message->owner = writer->number;
        batch->due_ns = clock_steady_ns() + sink->options.linger_ns;
        return 0;
    }
    if (batch->message->len + len <= batch->message->cap)
        return 0;
    cap = 2 * batch->message->cap + len;
    struct nats_message *grown = realloc(batch->message, sizeof *grown + cap);
    if (grown == NULL)
        return -ENOMEM;
    grown->cap = cap;
    batch->message = grown;
    return 0;
}

// Another try would end in the same way.
static bool is_final(enum reason reason)
{
    return reason == REASON_OUTPUT_TOO_LARGE || reason == REASON_SUBJECT_REFUSED;
}

static void refuse(struct nats_writer *writer, enum reason reason)
{
    ledger_count(writer->writer.ledger, reason, 1);
    writer->lossy |= !is_final(reason);
}

int nats_writer_write(struct sink_writer *base, const struct flow_view *view, const uint8_t *bytes,
                      size_t len)
{
    struct nats_writer *writer = (struct nats_writer *)base;
    const struct nats_sink *sink = sink_of(writer);
    unpark(writer);
    if (view->origin.stream != 0 || is_republished(writer))
        follow_origin(writer, &view->origin);
    if (len > atomic_load_explicit(&sink->payload_max, memory_order_relaxed)) {
        refuse(writer, REASON_OUTPUT_TOO_LARGE);
        return 0;
    }
    struct nats_batch *batch = find_batch(writer, view);
    if (make_room(writer, batch, len) != 0) {
        refuse(writer, REASON_OUTPUT_FAILED);
        return 0;
    }
    struct nats_message *message = batch->message;
    memcpy(message->data + message->len, bytes, len);
    message->len += len;
    if (message->flows++ == 0)
        message->first = view->origin.index;
    base->ledger->flows_waiting++;
    if (message->flows >= sink->options.batch_flows && !is_republished(writer))
        hand_over(writer, batch);
    return 0;
}

void nats_writer_settle(struct nats_writer *writer)
{
    struct ledger *ledger = writer->writer.ledger;
    struct nats_account *account = &writer->account;
    if (!writer->touched)
        return;
    ledger->flows_delivered += account->delivered;
    ledger->flows_waiting -= account->delivered;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        ledger_count(ledger, (enum reason)i, account->lost[i]);
        if (reason_class((enum reason)i) != REASON_CLASS_FLOW)
            continue;
        ledger->flows_waiting -= account->lost[i];
        writer->lossy |= account->lost[i] != 0 && !is_final((enum reason)i);
    }
    *account = (struct nats_account){.delivered = 0};
    writer->touched = false;
}

int nats_writer_flush(struct sink_writer *base)
{
    struct nats_writer *writer = (struct nats_writer *)base;
    struct nats_sink *sink = sink_of(writer);
    if (sink->options.linger_ns == 0 && !writer->is_parked)
        hand_over_all(writer);
    pthread_mutex_lock(&sink->lock);
    if (!writer->is_parked)
        pthread_cond_signal(&sink->work);
    writer->parked = writer->is_parked = true;
    nats_writer_settle(writer);
    pthread_mutex_unlock(&sink->lock);
    return 0;
}

// With the lock held.
static void wait_moved(struct nats_sink *sink, int64_t until_ns)
{
    int64_t slice_ns = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
    int64_t at = until_ns < slice_ns ? until_ns : slice_ns;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(&sink->moved, &sink->lock, &when);
}

int nats_writer_sync(struct sink_writer *base, int timeout_ms)
{
    struct nats_writer *writer = (struct nats_writer *)base;
    struct nats_sink *sink = sink_of(writer);
    int64_t until_ns = timeout_ms < 0 ? INT64_MAX
                                      : clock_steady_ns() + timeout_ms * CLOCK_NS_PER_MS;
    unpark(writer);
    hand_over_all(writer);
    pthread_mutex_lock(&sink->lock);
    nats_writer_settle(writer);
    while (base->ledger->flows_waiting != 0 && !sink->abandoned && clock_steady_ns() < until_ns) {
        writer->awaited = base->ledger->flows_waiting;
        wait_moved(sink, until_ns);
        nats_writer_settle(writer);
    }
    writer->awaited = 0;
    pthread_mutex_unlock(&sink->lock);
    int result = writer->lossy ? -ENOBUFS : 0;
    writer->lossy = false;
    return base->ledger->flows_waiting != 0 ? -ETIMEDOUT : result;
}

void nats_writer_release(struct nats_writer *writer)
{
    nats_batch_fini(&writer->set);
    free(writer->scratch);
    writer->scratch = NULL;
}

// The account stays with the sink: messages of this writer are still on their way.
void nats_writer_free(struct sink_writer *base)
{
    struct nats_writer *writer = (struct nats_writer *)base;
    unpark(writer);
    hand_over_all(writer);
    nats_writer_release(writer);
}

// With the lock held. What an earlier process left in the spool stands in the books of the first.
static int enlist(struct nats_sink *sink, struct nats_writer *writer)
{
    size_t bytes = (sink->writer_count + 1) * sizeof sink->writers[0];
    struct nats_writer **grown = realloc(sink->writers, bytes);
    if (grown == NULL)
        return -ENOMEM;
    sink->writers = grown;
    writer->number = sink->writer_count;
    sink->writers[sink->writer_count++] = writer;
    if (writer->number == 0) {
        writer->writer.ledger->flows_made += sink->inherited + sink->damaged;
        ledger_count(writer->writer.ledger, REASON_SPOOL_DAMAGED, sink->damaged);
        writer->writer.ledger->flows_waiting += sink->inherited;
    }
    pthread_cond_signal(&sink->work);
    return 0;
}

struct sink_writer *nats_writer_new(struct sink *base, struct ledger *ledger)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    struct nats_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->writer = (struct sink_writer){.sink = base, .ledger = ledger};
    writer->scratch = malloc(NATS_FRAME_MAX);
    int result = nats_batch_init(&writer->set);
    pthread_mutex_lock(&sink->lock);
    if (result == 0 && writer->scratch != NULL)
        result = enlist(sink, writer);
    pthread_mutex_unlock(&sink->lock);
    if (result == 0 && writer->scratch != NULL)
        return &writer->writer;
    nats_writer_release(writer);
    free(writer);
    return NULL;
}
