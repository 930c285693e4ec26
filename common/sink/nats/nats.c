#include "common/sink/nats/nats.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/nats/check.h"
#include "common/sink/nats/outcome.h"
#include "common/sink/nats/sender.h"
#include "common/sink/nats/writer.h"
#include "common/sink/sink_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PAYLOAD_MAX_ASSUMED ((1u << 20) - 512) // before a server says: its default
#define GIVEN_UP_LINES      8                  // that are logged of messages given up, in so long
#define GIVEN_UP_NS         (60000 * CLOCK_NS_PER_MS)

static int nats_poll_fd(struct sink *base)
{
    (void)base;
    return -1; // the sink has a thread of its own for that
}

static bool anything_waits(const struct nats_sink *sink)
{
    return !window_empty(&sink->window) || (sink->spool != NULL && !spool_all_read(sink->spool));
}

static int nats_drain(struct sink *base, int timeout_ms)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    int64_t until_ns = timeout_ms < 0 ? INT64_MAX
                                      : clock_steady_ns() + timeout_ms * CLOCK_NS_PER_MS;
    pthread_mutex_lock(&sink->lock);
    while (anything_waits(sink) && timeout_ms != 0 && clock_steady_ns() < until_ns) {
        int64_t slice_ns = clock_steady_ns() + NATS_SLICE_MS * CLOCK_NS_PER_MS;
        int64_t at = until_ns < slice_ns ? until_ns : slice_ns;
        struct timespec when = clock_timespec(at);
        pthread_cond_timedwait(&sink->moved, &sink->lock, &when);
    }
    int result = anything_waits(sink) ? -EAGAIN : 0;
    pthread_mutex_unlock(&sink->lock);
    return result;
}

static int nats_reopen(struct sink *base)
{
    (void)base;
    return 0;
}

static void nats_abandon(struct sink *base)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    atomic_store(&sink->abandoned, true);
    pthread_mutex_lock(&sink->lock);
    pthread_cond_broadcast(&sink->moved);
    pthread_cond_broadcast(&sink->room);
    pthread_mutex_unlock(&sink->lock);
}

static bool nats_healthy(const struct sink *base)
{
    return atomic_load(&((const struct nats_sink *)base)->up);
}

static void nats_state(struct sink *base, struct sink_state *state)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    struct spool_facts facts = {.bytes = 0};
    pthread_mutex_lock(&sink->lock);
    if (sink->spool != NULL) {
        spool_facts(sink->spool, &facts);
        state->spool.limit = spool_capacity(sink->spool);
    }
    const struct window_slot *oldest = window_oldest(&sink->window);
    if (oldest != NULL && oldest->refusals != 0 &&
        !nats_refusals_alone(&sink->refusals, oldest, clock_steady_ns()))
        fault_set(&state->trouble, "%s: messages are not stored: %s", nats_link_servers(sink->link),
                  sink->refusals.said);
    pthread_mutex_unlock(&sink->lock);
    state->spool.bytes = facts.bytes;
    if (!atomic_load(&sink->up) && state->trouble.text[0] == '\0')
        fault_set(&state->trouble, "%s: no connection, or no stream: the log says which",
                  nats_link_servers(sink->link));
}

// A message that is not done goes back to the disk before what is there, last one first. Those that
// come from there stay where they are, unless one that does not stands behind them in the window.
// Without a spool it is lost. Returns whether the message was put before the others.
static bool save(struct nats_sink *sink, struct window_slot *slot, bool moves)
{
    bool there = slot->spool_end != 0;
    bool stays = there && !moves;
    int result = 0;
    if (!stays)
        result = sink->spool == NULL ? -ENOENT : spool_push_front(sink->spool, slot->message);
    if (there && !stays && result == 0)
        spool_cancel(sink->spool, slot->spool_at, slot->spool_flows);
    if (result != 0 && !there)
        nats_count(sink, slot->message->owner,
                   result == -ENOBUFS || result == -ENOSPC ? REASON_SPOOL_FULL
                                                           : REASON_OUTPUT_FAILED,
                   slot->message->flows);
    return !stays && result == 0;
}

static void save_all(struct nats_sink *sink)
{
    struct spool_facts facts;
    bool moves = false;
    nats_sender_reap(sink);
    for (struct window_slot *slot = window_newest(&sink->window); slot != NULL;
         slot = window_before(&sink->window, slot))
        moves |= save(sink, slot, moves);
    if (sink->spool == NULL)
        return;
    spool_facts(sink->spool, &facts);
    if (facts.bytes != 0)
        log_info("flows wait in the spool for the next start", "directory", sink->options.spool,
                 "bytes", log_unsigned(facts.bytes).text);
}

static void release(struct nats_sink *sink)
{
    nats_link_close(sink->link);
    window_fini(&sink->window);
    nats_refusals_fini(&sink->refusals);
    spool_close(sink->spool);
    pthread_mutex_destroy(&sink->lock);
    pthread_cond_destroy(&sink->work);
    pthread_cond_destroy(&sink->moved);
    pthread_cond_destroy(&sink->room);
    free(sink->writers);
    free(sink);
}

static void nats_close(struct sink *base)
{
    struct nats_sink *sink = (struct nats_sink *)base;
    nats_sender_stop(sink);
    nats_link_stop(sink->link); // a late acknowledgement would count for a writer that is gone
    pthread_mutex_lock(&sink->lock);
    save_all(sink);
    for (uint32_t i = 0; i < sink->writer_count; i++)
        nats_writer_settle(sink->writers[i]);
    pthread_mutex_unlock(&sink->lock);
    struct nats_writer **writers = sink->writers;
    uint32_t count = sink->writer_count;
    sink->writers = NULL;
    release(sink);
    for (uint32_t i = 0; i < count; i++)
        free(writers[i]);
    free(writers);
}

static void on_reconnected(void *user)
{
    struct nats_sink *sink = user;
    pthread_mutex_lock(&sink->lock);
    sink->expired = true;
    pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->lock);
}

static void init_lock(struct nats_sink *sink)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->work, &monotonic);
    pthread_cond_init(&sink->moved, &monotonic);
    pthread_cond_init(&sink->room, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static int open_link(struct nats_sink *sink)
{
    char *inbox = NULL;
    if (natsInbox_Create(&inbox) != NATS_OK)
        return -ENOMEM;
    snprintf(sink->inbox, sizeof sink->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(sink->answers, sizeof sink->answers, "%s.*", sink->inbox);
    const struct nats_link_user user = {.name = "goflow2plus",
                                        .what = "output",
                                        .reconnected = on_reconnected,
                                        .forbidden = nats_outcome_forbidden,
                                        .user = sink,
                                        .subject = sink->answers,
                                        .handler = nats_outcome_answer};
    sink->link = nats_link_open(&sink->options.access, &user);
    return sink->link == NULL ? -EINVAL : 0;
}

static int open_spool(struct nats_sink *sink)
{
    struct fault fault = {.text = ""};
    struct spool_facts facts;
    if (*sink->options.spool == '\0')
        return 0;
    sink->spool = spool_open(sink->options.spool, sink->options.stream, sink->options.spool_bytes,
                             &fault);
    if (sink->spool == NULL) {
        log_error("cannot open the spool", "error", fault.text);
        return -EINVAL;
    }
    spool_facts(sink->spool, &facts);
    sink->inherited = facts.flows;
    sink->damaged = facts.lost;
    if (facts.lost != 0)
        log_error("flows of an earlier run are lost: their spool is damaged", "directory",
                  sink->options.spool, "flows", log_unsigned(facts.lost).text);
    if (facts.messages != 0)
        log_info("flows of an earlier run wait in the spool", "messages",
                 log_unsigned(facts.messages).text, "flows", log_unsigned(facts.flows).text);
    return 0;
}

static int init(struct nats_sink *sink, const struct sink_options *options)
{
    struct fault fault = {.text = ""};
    sink->sink.ops = &SINK_NATS;
    sink->options = *options->nats;
    sink->blocking = options->blocking;
    sink->duplicates_ms = sink->options.making.duplicates_ns / CLOCK_NS_PER_MS;
    atomic_init(&sink->payload_max, PAYLOAD_MAX_ASSUMED);
    if (subject_parse(&sink->subject, sink->options.subject, &fault) != 0) {
        log_error("-transport.nats.subject", "error", fault.text);
        return -EINVAL;
    }
    nats_refusals_init(&sink->refusals, &sink->subject, (size_t)sink->options.window);
    sink->given_up_mute = (struct mute){.lines = GIVEN_UP_LINES, .interval_ns = GIVEN_UP_NS};
    sink->sink.wants_fields = sink->subject.wants_fields || sink->subject.wants_key;
    if (getrandom(&sink->boot, sizeof sink->boot, 0) < 0 ||
        window_init(&sink->window, (size_t)sink->options.window) != 0) {
        log_error("cannot open the output", "error", strerror(ENOMEM));
        return -ENOMEM;
    }
    int result = open_spool(sink);
    return result != 0 ? result : open_link(sink);
}

static struct sink *nats_sink_open(const struct sink_options *options)
{
    struct nats_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return NULL;
    // Signals are the main thread's, which may not have blocked them yet: no thread that begins
    // here, the library's included, is to get them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    init_lock(sink);
    signal(SIGPIPE, SIG_IGN); // the library's writes to a server that went away
    int result = init(sink, options);
    if (result == 0)
        result = nats_sender_start(sink);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0)
        return &sink->sink;
    release(sink);
    return NULL;
}

const struct sink_ops SINK_NATS = {
    .name = "nats",
    .open = nats_sink_open,
    .check = nats_check,
    .writer_new = nats_writer_new,
    .writer_free = nats_writer_free,
    .room = nats_writer_room,
    .write = nats_writer_write,
    .flush = nats_writer_flush,
    .sync = nats_writer_sync,
    .poll_fd = nats_poll_fd,
    .drain = nats_drain,
    .reopen = nats_reopen,
    .abandon = nats_abandon,
    .healthy = nats_healthy,
    .state = nats_state,
    .close = nats_close,
};
