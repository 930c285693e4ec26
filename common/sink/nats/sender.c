#include "common/sink/nats/writer.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/nats/answer.h"
#include "common/sink/nats/part.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ANSWER_NS    (5000 * CLOCK_NS_PER_MS) // how long an acknowledgement is waited for at first,
#define ANSWER_STEPS 6                        // and at most that many times as long
#define AGAIN_NS     (1000 * CLOCK_NS_PER_MS) // after a refusal
#define IDLE_NS      (1000 * CLOCK_NS_PER_MS) // how often the connection is looked at
#define LOOK_NS      (2000 * CLOCK_NS_PER_MS) // between questions about the stream
#define HORIZON_NS                                                                                 \
    (60000 * CLOCK_NS_PER_MS) // in which a message is sent again in the usual troubles
#define HEADER_ROOM 512       // of a message's size, for its id

static struct nats_account *account_of(struct nats_sink *sink, uint32_t owner)
{
    struct nats_writer *writer = sink->writers[owner];
    writer->touched = true;
    return &writer->account;
}

void nats_count(struct nats_sink *sink, uint32_t owner, enum reason reason, uint64_t flows)
{
    struct nats_account *account = account_of(sink, owner);
    account->lost[reason] += flows;
    account->settled += reason_class(reason) == REASON_CLASS_FLOW ? flows : 0;
}

static void count_delivered(struct nats_sink *sink, uint32_t owner, uint64_t flows)
{
    struct nats_account *account = account_of(sink, owner);
    account->delivered += flows;
    account->settled += flows;
}

// Wakes those up that waited for this message's writer. Each message alone would wake them often.
static void note_moved(struct nats_sink *sink, const struct nats_message *message)
{
    const struct nats_writer *writer = sink->writers[message->owner];
    if (writer->account.settled >= writer->awaited)
        pthread_cond_broadcast(&sink->moved);
}

// The server recognises a message for as long as its duplicates window, counted from when it came
// there first. A quarter is left for clocks and ways. Stored once more it is recognised for as long
// again.
static void note_uncertain(struct nats_sink *sink, struct window_slot *slot)
{
    struct nats_message *message = slot->message;
    int64_t now_ms = clock_unix_ms();
    if (message->sent_ms == 0 || now_ms - message->sent_ms < sink->duplicates_ms * 3 / 4)
        return;
    message->sent_ms = now_ms;
    nats_count(sink, message->owner, REASON_DELIVERY_UNCERTAIN, message->flows);
}

bool nats_has_room(const struct nats_sink *sink)
{
    return sink->spool == NULL ? !window_full(&sink->window)
                               : !window_full(&sink->window) || !sink->spool_failed;
}

static void note_spool(struct nats_sink *sink, int result)
{
    bool failed = result != 0 && result != -ENOSPC;
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
    return result == -ENOSPC || result == -EFBIG ? REASON_SPOOL_FULL : REASON_OUTPUT_FAILED;
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

static void refill(struct nats_sink *sink)
{
    while (sink->spool != NULL && !window_full(&sink->window) && !spool_all_read(sink->spool)) {
        uint64_t begin;
        uint64_t end;
        uint64_t lost;
        struct nats_message *message = spool_read(sink->spool, &begin, &end, &lost);
        if (lost != 0)
            nats_count(sink, 0, REASON_OUTPUT_FAILED, lost);
        if (message == NULL)
            return;
        struct window_slot *slot = window_push(&sink->window, message);
        slot->spool_at = begin;
        slot->spool_end = end;
    }
}

static void reap(struct nats_sink *sink)
{
    const struct window *window = &sink->window;
    uint64_t spool_end = window_reap(&sink->window);
    if (spool_end != 0)
        spool_release(sink->spool, spool_end);
    if (window_empty(window))
        pthread_cond_broadcast(&sink->moved);
    // Who waits for room is not woken for every message.
    if (spool_end != 0 || window->cap - (window->tail - window->head) >= window->cap / 8)
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

// The slot of a message whose part that begins at `from` is being sent, or NULL.
static struct window_slot *find_part(struct nats_sink *sink, uint64_t number, size_t from)
{
    struct window_slot *slot = window_find(&sink->window, number);
    return slot == NULL || slot->done || slot->from != from ? NULL : slot;
}

// The next part is due at once; behind the last one the message is done.
static void go_on(struct nats_sink *sink, struct window_slot *slot, uint64_t number)
{
    const struct nats_message *message = slot->message;
    if (!nats_part_was_last(slot)) {
        window_delay(&sink->window, number, clock_steady_ns());
        pthread_cond_signal(&sink->work);
        return;
    }
    window_settle(&sink->window, slot);
    count_delivered(sink, message->owner, message->flows - slot->too_large);
    nats_count(sink, message->owner, REASON_OUTPUT_TOO_LARGE, slot->too_large);
    note_moved(sink, message);
}

// Tries it again, in smaller parts when it is too large: anything else passes.
static void note_failure(struct nats_sink *sink, uint64_t number, size_t from, bool too_large)
{
    struct window_slot *slot = find_part(sink, number, from);
    if (slot == NULL)
        return;
    if (!too_large) {
        window_delay(&sink->window, number, clock_steady_ns() + AGAIN_NS);
        return;
    }
    sink->limit_stale = true;
    nats_part_refused(slot);
    go_on(sink, slot, number);
}

// With the lock held, which it gives back while the library has the message.
static void send_one(struct nats_sink *sink, struct window_slot *slot, uint64_t number,
                     int64_t now_ns)
{
    const struct nats_message *message = slot->message;
    uint32_t steps = slot->sends < ANSWER_STEPS ? slot->sends + 1 : ANSWER_STEPS;
    if (slot->part_len == 0)
        nats_part_choose(slot, atomic_load(&sink->payload_max));
    size_t from = slot->from;
    size_t len = slot->part_len;
    note_uncertain(sink, slot);
    slot->sends++;
    if (slot->message->sent_ms == 0)
        slot->message->sent_ms = clock_unix_ms();
    window_delay(&sink->window, number, now_ns + steps * ANSWER_NS);
    pthread_mutex_unlock(&sink->lock);
    natsStatus status = publish(sink, message, number, from, len);
    if (status != NATS_OK && status != NATS_CONNECTION_DISCONNECTED)
        nats_link_complain(sink->link, "NATS publishing failed", natsStatus_GetText(status));
    pthread_mutex_lock(&sink->lock);
    if (status != NATS_OK)
        note_failure(sink, number, from, status == NATS_MAX_PAYLOAD);
}

void nats_sender_answer(natsConnection *connection, natsSubscription *subscription,
                        natsMsg *message, void *user)
{
    struct nats_sink *sink = user;
    char error[NATS_ANSWER_TEXT_MAX] = "no stream takes the subject";
    const char *status = NULL;
    enum nats_answer answer = NATS_ANSWER_AGAIN;
    (void)connection;
    (void)subscription;
    char *end;
    uint64_t number = strtoull(strrchr(natsMsg_GetSubject(message), '.') + 1, &end, 10);
    size_t from = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
    if (natsMsgHeader_Get(message, "Status", &status) != NATS_OK)
        answer = nats_answer_read(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message),
                                  error);
    pthread_mutex_lock(&sink->lock);
    struct window_slot *slot = find_part(sink, number, from);
    if (slot != NULL && answer == NATS_ANSWER_STORED) {
        if (slot->sends > 1)
            note_uncertain(sink, slot);
        nats_part_stored(slot);
        go_on(sink, slot, number);
    } else if (slot != NULL) {
        note_failure(sink, number, from, answer == NATS_ANSWER_REFUSED);
        memcpy(sink->refusal, error, sizeof error);
    }
    // A sink that blocks can wait for its room; another would drop flows meanwhile.
    if (!sink->blocking || answer != NATS_ANSWER_STORED || window_ripe(&sink->window))
        pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->lock);
    natsMsg_Destroy(message);
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
    sink->generation = generation;
    int64_t now_ns = clock_steady_ns();
    if (sink->stream_known || now_ns < sink->look_ns)
        return !sink->stream_missing;
    enum nats_stream_state state = nats_stream_ensure(sink->link, &sink->options, &sink->subject,
                                                      HORIZON_NS, &facts);
    sink->look_ns = clock_steady_ns() + LOOK_NS;
    sink->stream_known = state == NATS_STREAM_READY;
    sink->stream_missing = state == NATS_STREAM_MISSING;
    note_payload_max(sink, natsConnection_GetMaxPayload(nats_link_connection(sink->link)),
                     facts.message_max);
    if (sink->stream_known) {
        pthread_mutex_lock(&sink->lock);
        sink->duplicates_ms = facts.duplicates_ns / CLOCK_NS_PER_MS;
        pthread_mutex_unlock(&sink->lock);
    }
    return !sink->stream_missing;
}

static void wait_work(struct nats_sink *sink, int64_t until_ns)
{
    int64_t latest_ns = clock_steady_ns() + IDLE_NS;
    int64_t at = until_ns < latest_ns ? until_ns : latest_ns;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(&sink->work, &sink->lock, &when);
}

// The server is to say anew how large a message may be.
static void forget_limit(struct nats_sink *sink)
{
    sink->stream_known &= !sink->limit_stale;
    sink->limit_stale = false;
}

static void complain_refused(struct nats_sink *sink)
{
    char error[sizeof sink->refusal];
    if (sink->refusal[0] == '\0')
        return;
    memcpy(error, sink->refusal, sizeof error);
    sink->refusal[0] = '\0';
    pthread_mutex_unlock(&sink->lock);
    nats_link_complain(sink->link, "messages are not stored, trying again", error);
    pthread_mutex_lock(&sink->lock);
}

// Sends what is due, as far as the connection lasts. Returns when something is due next.
static int64_t send_due(struct nats_sink *sink)
{
    for (;;) {
        uint64_t number;
        int64_t next_ns;
        int64_t now_ns = clock_steady_ns();
        reap(sink);
        int64_t parked_ns = take_parked(sink, now_ns);
        refill(sink);
        struct window_slot *slot = window_due(&sink->window, now_ns, &number, &next_ns);
        if (slot == NULL || sink->expired || sink->ending)
            return parked_ns < next_ns ? parked_ns : next_ns;
        if (natsConnection_Status(nats_link_connection(sink->link)) != NATS_CONN_STATUS_CONNECTED)
            return now_ns + NATS_SLICE_MS * CLOCK_NS_PER_MS;
        send_one(sink, slot, number, now_ns);
    }
}

static void *run(void *user)
{
    struct nats_sink *sink = user;
    pthread_mutex_lock(&sink->lock);
    while (!sink->ending) {
        pthread_mutex_unlock(&sink->lock);
        bool up = nats_link_up(sink->link);
        bool ready = up && look_at_stream(sink);
        atomic_store(&sink->up, ready);
        pthread_mutex_lock(&sink->lock);
        if (sink->expired)
            window_expire(&sink->window);
        sink->expired = false;
        forget_limit(sink);
        complain_refused(sink);
        int64_t next_ns;
        if (ready) {
            next_ns = send_due(sink);
        } else {
            reap(sink);
            next_ns = take_parked(sink, clock_steady_ns());
            int64_t soon_ns = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
            next_ns = soon_ns < next_ns ? soon_ns : next_ns;
        }
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
