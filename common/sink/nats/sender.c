#include "common/sink/nats/sender.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/nats/outcome.h"
#include "common/sink/nats/part.h"
#include "common/sink/nats/writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_NS    (5000 * CLOCK_NS_PER_MS) // how long an acknowledgement is waited for at first,
#define ANSWER_STEPS 6                        // and at most that many times as long
#define IDLE_NS      (1000 * CLOCK_NS_PER_MS) // how often the connection is looked at
#define LOOK_NS      (2000 * CLOCK_NS_PER_MS) // between questions about the stream
#define HORIZON_NS                                                                                 \
    (60000 * CLOCK_NS_PER_MS) // in which a message is sent again in the usual troubles
#define HEADER_ROOM 512       // of a message's size, for its id

bool nats_has_room(const struct nats_sink *sink)
{
    return sink->spool == NULL ? !window_full(&sink->window)
                               : !window_full(&sink->window) || !sink->spool_failed;
}

static void note_spool(struct nats_sink *sink, int result)
{
    bool failed = result != 0 && result != -ENOBUFS && result != -EFBIG;
    if (failed && !sink->spool_failed)
        log_error("the spool cannot be written", "directory", sink->options.spool, "error",
                  strerror(-result));
    sink->spool_failed = failed;
}

// 0, or the reason why there is no place for it.
static enum reason place(struct nats_sink *sink, struct nats_message *message, bool *placed)
{
    *placed = true;
    if (!window_full(&sink->window) && (sink->spool == NULL || spool_all_read(sink->spool))) {
        window_push(&sink->window, message);
        return REASON_OUTPUT_BLOCKED;
    }
    *placed = false;
    if (sink->spool == NULL)
        return REASON_OUTPUT_BLOCKED;
    int result = spool_push(sink->spool, message);
    note_spool(sink, result);
    *placed = result == 0;
    if (result == 0)
        free(message);
    return result == -ENOBUFS || result == -ENOSPC || result == -EFBIG ? REASON_SPOOL_FULL
                                                                       : REASON_OUTPUT_FAILED;
}

static void wait_room(struct nats_sink *sink)
{
    int64_t at = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(&sink->room, &sink->lock, &when);
}

void nats_hand_over(struct nats_sink *sink, struct nats_message *take, bool may_wait)
{
    for (;;) {
        bool placed;
        enum reason reason = place(sink, take, &placed);
        if (placed)
            break;
        if (!may_wait || !sink->blocking || sink->abandoned) {
            nats_count(sink, take->owner, reason, take->flows);
            free(take);
            return;
        }
        wait_room(sink);
    }
    pthread_cond_signal(&sink->work);
}

// Hands over what lingered long enough in the batches of writers that wait for flows. A blocking
// sink's flows stay with their writers when there is no room. Returns when the next is due.
static int64_t take_parked(struct nats_sink *sink, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    for (uint32_t i = 0; i < sink->writer_count; i++) {
        struct nats_writer *writer = sink->writers[i];
        for (unsigned k = 0; writer->parked && k < writer->set.count; k++) {
            struct nats_batch *batch = &writer->set.batches[k];
            if (batch->message == NULL)
                continue;
            bool due = sink->hurried || batch->due_ns <= now_ns;
            if (due && (!sink->blocking || nats_has_room(sink)))
                nats_hand_over(sink, nats_writer_close(writer, batch), false);
            else if (!due && batch->due_ns < next_ns)
                next_ns = batch->due_ns;
        }
    }
    return next_ns;
}

// Of those that came from the spool, the first that is not done: what stands before it there goes.
static const struct window_slot *find_spooled(const struct nats_sink *sink)
{
    const struct window_slot *slot = window_oldest(&sink->window);
    while (slot != NULL && slot->spool_end == 0)
        slot = window_after(&sink->window, slot);
    return slot;
}

// The last that stood in the spool was damaged, and nothing of it is left to wait for.
static void forget_damage(struct nats_sink *sink)
{
    if (spool_all_read(sink->spool) && find_spooled(sink) == NULL)
        spool_release(sink->spool, spool_read_end(sink->spool), 0);
}

static void refill(struct nats_sink *sink)
{
    if (sink->writer_count == 0) // whose books it would stand in
        return;
    while (sink->spool != NULL && !window_full(&sink->window) && !spool_all_read(sink->spool)) {
        uint64_t begin;
        uint64_t end;
        uint64_t lost;
        struct nats_message *message = spool_read(sink->spool, &begin, &end, &lost);
        if (lost != 0)
            nats_count(sink, 0, REASON_SPOOL_DAMAGED, lost);
        if (message == NULL) {
            forget_damage(sink);
            return;
        }
        struct window_slot *slot = window_push(&sink->window, message);
        slot->spool_at = begin;
        slot->spool_end = end;
        slot->spool_flows = message->flows;
    }
}

// What is done in the spool behind one that is not would otherwise come again after a kill.
static void release_spool(struct nats_sink *sink, const struct window_slot *was)
{
    const struct window_slot *first = find_spooled(sink);
    if (first != NULL && first->spool_at < was->spool_at)
        spool_cancel(sink->spool, was->spool_at, was->spool_flows);
    else
        spool_release(sink->spool, first != NULL ? first->spool_at : spool_read_end(sink->spool),
                      was->spool_flows);
}

void nats_sender_reap(struct nats_sink *sink)
{
    const struct window *window = &sink->window;
    struct window_slot was;
    bool spooled = false;
    bool any = false;
    while (window_reap(&sink->window, &was)) {
        any = true;
        spooled |= was.spool_end != 0;
        if (was.spool_end != 0)
            release_spool(sink, &was);
    }
    if (window_empty(window))
        pthread_cond_broadcast(&sink->moved);
    // Who waits for room is not woken for every message.
    if (any && (spooled || window->cap - window->used >= window->cap / 8))
        pthread_cond_broadcast(&sink->room);
}

// The answer names the message's number and where the part begins: a late one is not taken for the
// next part's.
static natsStatus publish(struct nats_sink *sink, const struct nats_message *message,
                          uint64_t number, size_t from, size_t len)
{
    natsMsg *out = NULL;
    char reply[sizeof sink->inbox + 48];
    char id[NATS_ID_MAX + 48];
    snprintf(reply, sizeof reply, "%s.%llu-%zu", sink->inbox, (unsigned long long)number, from);
    if (len == message->len)
        snprintf(id, sizeof id, "%s", message->id);
    else
        snprintf(id, sizeof id, "%s@%zu+%zu", message->id, from, len);
    natsStatus status = natsMsg_Create(&out, message->subject, reply,
                                       (const char *)message->data + from, (int)len);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(out, "Nats-Msg-Id", id);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(nats_link_connection(sink->link), out);
    natsMsg_Destroy(out);
    return status;
}

// With the lock held, which it gives back while the library has the message.
static void send_one(struct nats_sink *sink, struct window_slot *slot, int64_t now_ns)
{
    const struct nats_message *message = slot->message;
    uint64_t number = slot->number;
    if (!nats_outcome_silence(sink, slot))
        return;
    uint32_t steps = slot->sends < ANSWER_STEPS ? slot->sends + 1 : ANSWER_STEPS;
    if (slot->part_len == 0)
        nats_part_choose(slot, atomic_load(&sink->payload_max));
    size_t from = slot->from;
    size_t len = slot->part_len;
    nats_outcome_uncertain(sink, slot);
    slot->sends++;
    slot->answered = false;
    if (slot->message->sent_ms == 0) {
        slot->message->sent_ms = clock_unix_ms();
        slot->message->sent_steady_ms = clock_steady_ms();
    }
    window_delay(&sink->window, slot, now_ns + steps * ANSWER_NS);
    pthread_mutex_unlock(&sink->lock);
    natsStatus status = publish(sink, message, number, from, len);
    if (status != NATS_OK && status != NATS_CONNECTION_DISCONNECTED)
        nats_link_complain(sink->link, "NATS publishing failed", natsStatus_GetText(status));
    pthread_mutex_lock(&sink->lock);
    if (status != NATS_OK)
        nats_outcome_unsent(sink, number, from, status);
}

// What the server takes, or less when the stream does.
static void note_payload_max(struct nats_sink *sink, int64_t server_max, int64_t stream_max)
{
    int64_t bytes = stream_max > 0 && stream_max < server_max ? stream_max : server_max;
    if (bytes <= HEADER_ROOM)
        return;
    size_t payload_max = (size_t)bytes - HEADER_ROOM < NATS_PAYLOAD_MAX
                             ? (size_t)bytes - HEADER_ROOM
                             : NATS_PAYLOAD_MAX;
    if (atomic_exchange(&sink->payload_max, payload_max) != payload_max &&
        sink->options.batch_bytes > payload_max)
        log_warn("messages are made smaller than -transport.nats.batch.bytes: the server or the "
                 "stream takes no larger ones",
                 "bytes", log_unsigned(payload_max).text);
}

// Without the lock: asks the server. False while publishing would be in vain.
static bool look_at_stream(struct nats_sink *sink)
{
    struct nats_stream_facts facts = {.duplicates_ns = 0};
    uint64_t generation = nats_link_generation(sink->link);
    sink->stream_known &= generation == sink->generation;
    sink->stream_checked &= generation == sink->generation;
    sink->generation = generation;
    if (sink->stream_known || clock_steady_ns() < sink->look_ns)
        return !sink->stream_missing;
    struct nats_bound bound;
    enum nats_stream_state state = nats_stream_ensure(sink->link, &sink->options, &sink->subject,
                                                      &facts, &bound);
    sink->look_ns = clock_steady_ns() + LOOK_NS;
    if (state == NATS_STREAM_READY && !sink->stream_checked)
        nats_stream_check(&facts, &bound, &sink->options, &sink->subject, HORIZON_NS);
    sink->stream_checked = state == NATS_STREAM_READY;
    sink->stream_known = state == NATS_STREAM_READY;
    sink->stream_missing = state == NATS_STREAM_MISSING;
    note_payload_max(sink, natsConnection_GetMaxPayload(nats_link_connection(sink->link)),
                     facts.message_max);
    pthread_mutex_lock(&sink->lock);
    nats_refusals_look(&sink->refusals, &bound, clock_steady_ns());
    if (sink->stream_known)
        sink->duplicates_ms = facts.duplicates_ns / CLOCK_NS_PER_MS;
    pthread_mutex_unlock(&sink->lock);
    return !sink->stream_missing;
}

static void wait_work(struct nats_sink *sink, int64_t until_ns)
{
    int64_t latest_ns = clock_steady_ns() + IDLE_NS;
    int64_t at = until_ns < latest_ns ? until_ns : latest_ns;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(&sink->work, &sink->lock, &when);
}

// The server is to say anew how large a message may be, or what the stream takes, or that it is
// there.
static void forget_stream(struct nats_sink *sink)
{
    sink->stream_known &= !sink->limit_stale && !sink->refusals.look_again;
    sink->limit_stale = false;
}

// With the lock held: whether the oldest message waits in vain and the others do as well, or
// messages cannot be kept. One message whose subject was forged is no such sign.
static bool is_stuck(const struct nats_sink *sink)
{
    const struct window_slot *oldest = window_oldest(&sink->window);
    return (sink->spool_failed && window_full(&sink->window)) ||
           (oldest != NULL && oldest->refusals != 0 &&
            !nats_refusals_alone(&sink->refusals, oldest, clock_steady_ns()));
}

// Sends what is due, as far as the connection lasts, and for a short time: there is more to look
// after. Returns when something is due next.
static int64_t send_due(struct nats_sink *sink)
{
    int64_t end_ns = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
    for (;;) {
        int64_t next_ns;
        int64_t now_ns = clock_steady_ns();
        nats_sender_reap(sink);
        int64_t parked_ns = take_parked(sink, now_ns);
        refill(sink);
        struct window_slot *slot = window_due(&sink->window, now_ns, &next_ns);
        if (slot == NULL || sink->expired || sink->ending)
            return parked_ns < next_ns ? parked_ns : next_ns;
        if (natsConnection_Status(nats_link_connection(sink->link)) != NATS_CONN_STATUS_CONNECTED)
            return now_ns + NATS_SLICE_MS * CLOCK_NS_PER_MS;
        if (now_ns >= end_ns)
            return now_ns;
        send_one(sink, slot, now_ns);
    }
}

static void look_at_spool(struct nats_sink *sink)
{
    int64_t now_ns = clock_steady_ns();
    if (sink->spool == NULL || now_ns < sink->spool_look_ns)
        return;
    sink->spool_look_ns = now_ns + IDLE_NS;
    spool_look(sink->spool);
}

static void *run(void *user)
{
    struct nats_sink *sink = user;
    pthread_mutex_lock(&sink->lock);
    while (!sink->ending) {
        forget_stream(sink);
        pthread_mutex_unlock(&sink->lock);
        bool up = nats_link_up(sink->link);
        bool ready = up && look_at_stream(sink);
        pthread_mutex_lock(&sink->lock);
        look_at_spool(sink);
        if (sink->expired)
            window_expire(&sink->window);
        sink->expired = false;
        nats_outcome_complain(sink);
        int64_t next_ns;
        if (ready) {
            next_ns = send_due(sink);
        } else {
            nats_sender_reap(sink);
            next_ns = take_parked(sink, clock_steady_ns());
            int64_t soon_ns = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
            next_ns = soon_ns < next_ns ? soon_ns : next_ns;
        }
        atomic_store(&sink->up, ready && !is_stuck(sink));
        if (!sink->ending)
            wait_work(sink, next_ns);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

int nats_sender_start(struct nats_sink *sink)
{
    int error = pthread_create(&sink->thread, NULL, run, sink);
    sink->started = error == 0;
    return -error;
}

void nats_sender_stop(struct nats_sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    sink->ending = true;
    pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->lock);
    if (sink->started)
        pthread_join(sink->thread, NULL);
    sink->started = false;
}
