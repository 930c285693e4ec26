#include "enricher/source/nats.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/siphash.h"
#include "common/sink/nats/link.h"
#include "common/sink/nats/stream.h"
#include "enricher/source/nats_consumer.h"
#include "enricher/source/nats_queue.h"
#include "enricher/source/source_report.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_NS  (2000 * CLOCK_NS_PER_MS) // how long the server keeps a request for messages
#define LATE_NS     (1000 * CLOCK_NS_PER_MS) // after that one that was not filled is given up
#define LOOK_NS     (2000 * CLOCK_NS_PER_MS) // between questions about the consumer
#define LAG_NS      (5000 * CLOCK_NS_PER_MS) // between questions how much is behind
#define TICK_NS     (250 * CLOCK_NS_PER_MS)
#define UNHEARD_MAX 2 // requests in a row without any answer: then the consumer is looked for
#define FLUSH_MS    1000
#define AGAIN_DELAY "-NAK {\"delay\": 1000000000}"

struct nats_source {
    struct source source;
    struct nats_source_options options;
    struct nats_link *link;
    char inbox[64]; // where messages are sent to
    int event_fd;   // readable while the queue has a message for the worker
    atomic_ullong overrun;

    pthread_mutex_t lock; // guards all below
    pthread_cond_t work;
    struct nats_queue queue;
    int64_t wanted; // of the request that is open, messages still to come
    int64_t request_ns;
    unsigned unheard; // requests in a row that nothing was heard of
    bool ending;
    char status[64]; // what the server said of a request
    struct source_report report;

    pthread_t thread; // the rest is its own
    bool started;
    uint64_t generation;
    bool consumer_known;
    int64_t look_ns;
    int64_t touch_ns; // when messages are looked through next
    int64_t lag_ns;
    struct nats_consumer consumer;
};

static bool is_plain(const struct nats_source *in)
{
    return *in->options.queue != '\0';
}

static void wake_worker(struct nats_source *in)
{
    // Fails only when the count is at its maximum: then it is readable as it is.
    (void)!write(in->event_fd, &(uint64_t){1}, sizeof(uint64_t));
}

// A message without data whose headers say what became of the request, ADR-13.
static void take_status(struct nats_source *in, const char *status, natsMsg *message)
{
    const char *text = "";
    pthread_mutex_lock(&in->lock);
    in->wanted = 0;
    in->unheard = 0;
    // 404 and 408 are the usual ends of a request without messages.
    if (strcmp(status, "404") != 0 && strcmp(status, "408") != 0) {
        (void)natsMsgHeader_Get(message, "Description", &text);
        snprintf(in->status, sizeof in->status, "%s %s", status, text);
    }
    pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
    natsMsg_Destroy(message);
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                       void *user)
{
    struct nats_source *in = user;
    const char *status = NULL;
    (void)connection;
    (void)subscription;
    if (natsMsg_GetDataLength(message) == 0 &&
        natsMsgHeader_Get(message, "Status", &status) == NATS_OK) {
        take_status(in, status, message);
        return;
    }
    pthread_mutex_lock(&in->lock);
    in->report.received++;
    in->unheard = 0;
    bool first = in->queue.next == in->queue.tail;
    bool taken = nats_queue_put(&in->queue, message, clock_steady_ns());
    if (in->wanted > 0 && --in->wanted == 0)
        pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
    if (taken && first) // one that is known too: the queue's next place is behind it then
        wake_worker(in);
    if (taken)
        return;
    // With a consumer it comes again; without one it is lost.
    if (is_plain(in))
        atomic_fetch_add(&in->overrun, 1);
    natsMsg_Destroy(message);
}

static void on_reconnected(void *user)
{
    struct nats_source *in = user;
    pthread_mutex_lock(&in->lock);
    in->wanted = 0;
    pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
}

// Not of the time at which the stream was made: its replicas may have different ones.
static uint64_t hash_of(const char *stream)
{
    uint64_t words[32] = {0};
    size_t len = strlen(stream);
    memcpy(words, stream, len < sizeof words ? len : sizeof words);
    uint64_t hash = siphash_words(UINT64_C(0x73747265616d6964), words, 32);
    return hash == 0 ? 1 : hash; // 0 is no stream
}

// Without the lock: finds the stream and the consumer, which is made when it is not there.
static bool look(struct nats_source *in)
{
    struct nats_stream_facts facts;
    uint64_t generation = nats_link_generation(in->link);
    in->consumer_known &= generation == in->generation;
    in->generation = generation;
    if (is_plain(in) || in->consumer_known)
        return true;
    if (clock_steady_ns() < in->look_ns)
        return false;
    in->look_ns = clock_steady_ns() + LOOK_NS;
    enum nats_stream_state state = nats_stream_look(in->link, in->options.stream, &facts);
    if (state == NATS_STREAM_MISSING)
        nats_link_complain(in->link, "the input's stream is not there, waiting for it",
                           in->options.stream);
    if (state != NATS_STREAM_READY ||
        nats_consumer_ensure(in->link, &in->options, &in->consumer) != 0)
        return false;
    in->consumer_known = true;
    pthread_mutex_lock(&in->lock);
    in->wanted = 0;
    in->unheard = 0;
    pthread_mutex_unlock(&in->lock);
    return true;
}

static void send_text(struct nats_source *in, const char *subject, const char *reply,
                      const char *text)
{
    natsConnection *connection = nats_link_connection(in->link);
    natsStatus status = reply == NULL
                            ? natsConnection_PublishString(connection, subject, text)
                            : natsConnection_PublishRequestString(connection, subject, reply, text);
    if (status != NATS_OK)
        nats_link_complain(in->link, "NATS publishing failed", natsStatus_GetText(status));
}

// With the lock held, which it gives back while the library sends. Answers are sent in order of
// their messages; those before one that the worker still has wait for it.
static void send_answers(struct nats_source *in)
{
    static const char *const texts[] = {[SOURCE_DONE] = "+ACK",
                                        [SOURCE_AGAIN] = AGAIN_DELAY,
                                        [SOURCE_LEFT] = NULL,
                                        [SOURCE_BAD] = "+TERM",
                                        [SOURCE_KNOWN] = "+ACK"};
    struct nats_queue_entry entry;
    bool spoken;
    while (nats_queue_take_answered(&in->queue, &entry, &spoken)) {
        in->report.answered[entry.answer]++;
        pthread_mutex_unlock(&in->lock);
        if (!is_plain(in) && spoken && texts[entry.answer] != NULL)
            send_text(in, natsMsg_GetReply(entry.message), NULL, texts[entry.answer]);
        natsMsg_Destroy(entry.message);
        pthread_mutex_lock(&in->lock);
    }
}

// With the lock held: for messages that are here for long, that they are not forgotten. The copies
// of their reply subjects are sent without it.
static void send_progress(struct nats_source *in)
{
    int64_t now = clock_steady_ns();
    int64_t patience_ns = in->consumer.ack_wait_ns / 3;
    if (is_plain(in) || now < in->touch_ns)
        return;
    in->touch_ns = now + patience_ns / 4;
    for (uint64_t i = in->queue.head; i < in->queue.tail; i++) {
        char reply[NATS_REPLY_MAX];
        if (!nats_queue_touch(&in->queue, i, now, patience_ns, reply))
            continue;
        pthread_mutex_unlock(&in->lock);
        send_text(in, reply, NULL, "+WPI");
        pthread_mutex_lock(&in->lock);
    }
}

// With the lock held: asks for as many messages as there is room for, when nothing is under way.
static void request(struct nats_source *in)
{
    int64_t now = clock_steady_ns();
    int64_t room = (int64_t)(in->queue.cap - (in->queue.tail - in->queue.head));
    int64_t batch = room < in->options.fetch ? room : in->options.fetch;
    char text[96];
    char reply[sizeof in->inbox];
    char subject[NATS_REPLY_MAX];
    if (is_plain(in) || batch * 2 < in->options.fetch || batch == 0 ||
        (in->wanted > 0 && now < in->request_ns + REQUEST_NS + LATE_NS))
        return;
    // One that was deleted while none was open answers none; nor does a server that stands still.
    if (in->wanted > 0 && ++in->unheard == UNHEARD_MAX)
        in->consumer_known = false;
    in->wanted = batch;
    in->request_ns = now;
    pthread_mutex_unlock(&in->lock);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", in->options.stream,
             in->options.durable);
    snprintf(reply, sizeof reply, "%s", in->inbox);
    snprintf(text, sizeof text, "{\"batch\":%lld,\"expires\":%lld}", (long long)batch,
             (long long)REQUEST_NS);
    send_text(in, subject, reply, text);
    pthread_mutex_lock(&in->lock);
}

// With the lock held.
static void complain_status(struct nats_source *in)
{
    char status[sizeof in->status];
    if (in->status[0] == '\0')
        return;
    memcpy(status, in->status, sizeof status);
    in->status[0] = '\0';
    in->consumer_known = false; // it may have been deleted
    pthread_mutex_unlock(&in->lock);
    nats_link_complain(in->link, "the server does not deliver, trying again", status);
    pthread_mutex_lock(&in->lock);
}

// With the lock held, which it gives back while the server is asked.
static void ask_lag(struct nats_source *in)
{
    uint64_t behind = in->report.behind;
    uint64_t unacknowledged = in->report.unacknowledged;
    if (is_plain(in) || clock_steady_ns() < in->lag_ns)
        return;
    pthread_mutex_unlock(&in->lock);
    if (nats_consumer_lag(in->link, &in->options, &behind, &unacknowledged) != 0)
        in->consumer_known = false;
    in->lag_ns = clock_steady_ns() + LAG_NS;
    pthread_mutex_lock(&in->lock);
    in->report.behind = behind;
    in->report.unacknowledged = unacknowledged;
}

static void wait_work(struct nats_source *in)
{
    int64_t at = clock_steady_ns() + TICK_NS;
    struct timespec when = clock_timespec(at);
    pthread_cond_timedwait(&in->work, &in->lock, &when);
}

// What was not handed to the worker goes to another enricher.
static void give_back(struct nats_source *in)
{
    nats_queue_give_up(&in->queue);
    if (!nats_link_up(in->link))
        return;
    send_answers(in);
    pthread_mutex_unlock(&in->lock);
    (void)natsConnection_FlushTimeout(nats_link_connection(in->link), FLUSH_MS);
    pthread_mutex_lock(&in->lock);
}

static void *run(void *user)
{
    struct nats_source *in = user;
    pthread_mutex_lock(&in->lock);
    while (!in->ending) {
        pthread_mutex_unlock(&in->lock);
        bool ready = nats_link_up(in->link) && look(in);
        pthread_mutex_lock(&in->lock);
        in->report.up = ready;
        if (ready) {
            complain_status(in);
            send_answers(in);
            send_progress(in);
            request(in);
            ask_lag(in);
        }
        if (!in->ending && (!ready || !nats_queue_has_answered(&in->queue)))
            wait_work(in);
    }
    give_back(in);
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

static enum source_result nats_next(struct source *source, struct source_block *block)
{
    struct nats_source *in = (struct nats_source *)source;
    uint64_t overrun = atomic_exchange(&in->overrun, 0);
    if (overrun != 0)
        ledger_count(source->ledger, REASON_MESSAGE_OVERRUN, overrun);
    pthread_mutex_lock(&in->lock);
    bool found = nats_queue_next(&in->queue, block);
    if (!found) // within the lock: a message that comes later makes it readable again
        (void)!read(in->event_fd, &(uint64_t){0}, sizeof(uint64_t));
    pthread_mutex_unlock(&in->lock);
    return found ? SOURCE_BLOCK : SOURCE_IDLE;
}

static void nats_answer(struct source *source, const struct source_block *block,
                        enum source_answer answer)
{
    struct nats_source *in = (struct nats_source *)source;
    pthread_mutex_lock(&in->lock);
    nats_queue_answer(&in->queue, block->token, answer);
    pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
}

static int nats_fd(const struct source *source)
{
    return ((const struct nats_source *)source)->event_fd;
}

static void nats_report(struct source *source, struct source_report *report)
{
    struct nats_source *in = (struct nats_source *)source;
    pthread_mutex_lock(&in->lock);
    *report = in->report;
    pthread_mutex_unlock(&in->lock);
}

static void release(struct nats_source *in)
{
    if (in->link != NULL)
        nats_link_stop(in->link);
    nats_queue_fini(&in->queue);
    nats_link_close(in->link);
    if (in->event_fd >= 0)
        close(in->event_fd);
    pthread_mutex_destroy(&in->lock);
    pthread_cond_destroy(&in->work);
    free(in);
}

static void nats_close(struct source *source)
{
    struct nats_source *in = (struct nats_source *)source;
    pthread_mutex_lock(&in->lock);
    in->ending = true;
    pthread_cond_signal(&in->work);
    pthread_mutex_unlock(&in->lock);
    if (in->started)
        pthread_join(in->thread, NULL);
    release(in);
}

static const struct source_ops NATS = {
    .name = "nats",
    .acknowledges = true,
    .messages = true,
    .next = nats_next,
    .answer = nats_answer,
    .fd = nats_fd,
    .report = nats_report,
    .close = nats_close,
};

// What nobody stores is not worth waiting for.
static const struct source_ops NATS_PLAIN = {
    .name = "nats",
    .acknowledges = false,
    .messages = true,
    .next = nats_next,
    .answer = nats_answer,
    .fd = nats_fd,
    .report = nats_report,
    .close = nats_close,
};

int nats_source_check(const struct nats_source_options *o, const struct settings *settings)
{
    if (nats_access_check(&o->access, settings, "source.nats.") != 0)
        return -1;
    if (*o->queue != '\0')
        return *o->subject == '\0' ? settings_refuse(settings, "source.nats.subject",
                                                     "a subject, which a queue needs")
                                   : 0;
    if (*o->stream == '\0' || strpbrk(o->stream, ".*>/\\ \t") != NULL || strlen(o->stream) > 128)
        return settings_refuse(settings, "source.nats.stream",
                               "a name without space, dot, slash, * and >");
    if (*o->durable == '\0' || strpbrk(o->durable, ".*>/\\ \t") != NULL || strlen(o->durable) > 128)
        return settings_refuse(settings, "source.nats.durable",
                               "a name without space, dot, slash, * and >");
    if (o->fetch < 1 || o->fetch > 65536)
        return settings_refuse(settings, "source.nats.fetch", "1 to 65536");
    if (o->ack_wait_ns < 1000 * CLOCK_NS_PER_MS)
        return settings_refuse(settings, "source.nats.ack-wait", "1s or more");
    if (o->max_ack_pending < 2 * o->fetch)
        return settings_refuse(settings, "source.nats.max-ack-pending",
                               "at least twice -source.nats.fetch");
    return 0;
}

static int open_link(struct nats_source *in)
{
    char *inbox = NULL;
    if (natsInbox_Create(&inbox) != NATS_OK)
        return -1;
    snprintf(in->inbox, sizeof in->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    const struct nats_link_user user = {
        .name = "enricher",
        .what = "input",
        .reconnected = on_reconnected,
        .user = in,
        .subject = is_plain(in) ? in->options.subject : in->inbox,
        .queue = is_plain(in) ? in->options.queue : NULL,
        .handler = on_message,
    };
    in->link = nats_link_open(&in->options.access, &user);
    return in->link == NULL ? -1 : 0;
}

struct source *nats_source_open(const struct nats_source_options *options)
{
    struct nats_source *in = calloc(1, sizeof *in);
    if (in == NULL)
        return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&in->lock, NULL);
    pthread_cond_init(&in->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    in->options = *options;
    in->source.blocks_max = 2 * (size_t)options->fetch;
    in->source.ops = is_plain(in) ? &NATS_PLAIN : &NATS;
    in->consumer.ack_wait_ns = options->ack_wait_ns;
    in->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = nats_queue_init(&in->queue, in->source.blocks_max);
    in->queue.stream = hash_of(options->stream);
    if (error == 0 && in->event_fd >= 0 && open_link(in) == 0)
        error = pthread_create(&in->thread, NULL, run, in);
    else
        error = error != 0 ? error : EINVAL;
    in->started = error == 0;
    if (in->started)
        return &in->source;
    log_error("the input cannot be opened", "source", "nats");
    release(in);
    return NULL;
}
