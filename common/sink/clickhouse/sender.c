#include "common/sink/clickhouse/state.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/loss.h"
#include "common/sink/clickhouse/insert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS  5000
#define COMPLAINT_NS   (30 * CLOCK_NS_PER_S)
#define REPEAT_NS      (60 * CLOCK_NS_PER_S) // the table remembers a token for far longer
#define OLD_NS         (INT64_C(86400) * CLOCK_NS_PER_S * 7)
#define FIRST_BATCHES  3  // that are asked for before it is believed that they are new
#define RANGES_MAX     40 // halves of halves of a million rows, and one more each

struct clickhouse_sender {
    struct clickhouse_sink *sink;
    struct clickhouse_http *http;
    struct clickhouse_server server;
    struct clickhouse_insert insert;
    bool known;   // the server's table is as it was when it was looked at
    bool failing; // the last insert failed: that the table is there says nothing then
    int pause_ms;
    char complaint[256];
    int64_t complained_ns;
    unsigned unsure; // batches to ask for although they are delivered for the first time
    uint64_t refused_told;
    bool old_told;
    pthread_t thread;
};

// Of a batch that is being sent.
struct progress {
    uint64_t refused;
    uint64_t present;
};

static bool is_over(const struct clickhouse_sender *sender)
{
    return atomic_load(&sender->sink->abandoned);
}

// The same complaint comes once in a while only.
static void complain(struct clickhouse_sender *sender, const struct clickhouse_reply *reply)
{
    int64_t now = clock_steady_ns();
    const char *advice = clickhouse_answer_advice(reply->code);
    atomic_store(&sender->sink->up, false);
    if (is_over(sender) || (strcmp(reply->error, sender->complaint) == 0 &&
                            now - sender->complained_ns < COMPLAINT_NS))
        return;
    memcpy(sender->complaint, reply->error, sizeof sender->complaint);
    sender->complained_ns = now;
    if (reply->verdict == CLICKHOUSE_SETUP)
        log_error("ClickHouse takes no flows, waiting until it does", "url",
                  sender->sink->options.access.url, "error", reply->error, "do",
                  advice == NULL ? "see docs/clickhouse.md" : advice);
    else
        log_warn("ClickHouse does not answer as it should, trying again", "url",
                 sender->sink->options.access.url, "error", reply->error);
}

static void pause_after(struct clickhouse_sender *sender, const struct clickhouse_reply *reply)
{
    struct clickhouse_sink *sink = sender->sink;
    complain(sender, reply);
    int64_t until_ns = clock_steady_ns() + sender->pause_ms * CLOCK_NS_PER_MS;
    sender->pause_ms *= 2;
    if (sender->pause_ms > PAUSE_LAST_MS)
        sender->pause_ms = PAUSE_LAST_MS;
    pthread_mutex_lock(&sink->lock);
    while (!sink->abandoned && clock_steady_ns() < until_ns)
        clickhouse_wait(sink, &sink->work, until_ns);
    pthread_mutex_unlock(&sink->lock);
}

static void note_success(struct clickhouse_sender *sender)
{
    sender->pause_ms = PAUSE_FIRST_MS;
    if (sender->complaint[0] != '\0')
        log_info("ClickHouse answers again", "url", sender->sink->options.access.url);
    sender->complaint[0] = '\0';
    atomic_store(&sender->sink->up, true);
}

// The table is another than rows were written for.
static bool is_changed(struct clickhouse_sender *sender, struct clickhouse_reply *reply)
{
    struct clickhouse_sink *sink = sender->sink;
    pthread_mutex_lock(&sink->lock);
    bool changed = sink->known && sink->profile != sender->server.table;
    sink->profile = changed ? sink->profile : sender->server.table;
    sink->known = true;
    pthread_cond_broadcast(&sink->moved);
    pthread_mutex_unlock(&sink->lock);
    if (!changed)
        return false;
    snprintf(reply->error, sizeof reply->error,
             "the table was made anew by another profile: start this process again");
    reply->verdict = CLICKHOUSE_SETUP;
    return true;
}

// Finds out how the table is. False when it is not to be had; that was complained of, and waited.
static bool look(struct clickhouse_sender *sender)
{
    struct fault fault = {.text = ""};
    struct clickhouse_layout layout;
    struct clickhouse_reply reply = {.verdict = CLICKHOUSE_SETUP};
    const struct clickhouse_options *o = &sender->sink->options;
    if (sender->known)
        return true;
    if (clickhouse_http_password(sender->http, &fault) != 0) {
        snprintf(reply.error, sizeof reply.error, "%.255s", fault.text);
    } else if (clickhouse_server_meet(sender->http, o->timeout_ns / CLOCK_NS_PER_MS,
                                      &sender->server, &reply) == CLICKHOUSE_DONE &&
               clickhouse_server_look(sender->http, o, &sender->server, &reply) ==
                   CLICKHOUSE_DONE &&
               !is_changed(sender, &reply)) {
        clickhouse_layout_init(&layout, sender->server.table);
        clickhouse_insert_init(&sender->insert, &layout);
        if (!sender->failing) {
            log_info("ClickHouse connected", "url", o->access.url, "version",
                     sender->server.version, "table", o->table, "tokens",
                     sender->server.recognises ? "yes" : "no");
            note_success(sender);
        }
        sender->known = true;
        return true;
    }
    pause_after(sender, &reply);
    return false;
}

static void count_insert(struct clickhouse_sender *sender, int64_t begun_ns, bool done)
{
    struct clickhouse_sink *sink = sender->sink;
    const struct clickhouse_insert *insert = &sender->insert;
    pthread_mutex_lock(&sink->lock);
    sink->stats.inserts++;
    sink->stats.repeated += insert->begun_ns != begun_ns;
    sink->stats.sent_bytes += insert->len;
    sink->stats.inserted += done ? insert->rows : 0;
    if (done)
        metrics_observe(&sink->stats.insert_us, (uint64_t)(clock_steady_ns() - begun_ns) / 1000, 1);
    pthread_mutex_unlock(&sink->lock);
}

static enum clickhouse_verdict send_once(struct clickhouse_sender *sender,
                                         struct clickhouse_reply *reply)
{
    int64_t now = clock_steady_ns();
    if (sender->insert.begun_ns == 0)
        sender->insert.begun_ns = now;
    enum clickhouse_verdict verdict = clickhouse_insert_send(&sender->insert, &sender->server,
                                                             reply);
    count_insert(sender, now, verdict == CLICKHOUSE_DONE);
    return verdict;
}

// Whether the very same insert may be sent again without harm.
static bool repeats(const struct clickhouse_sender *sender)
{
    return sender->server.recognises && !sender->sink->options.async &&
           clock_steady_ns() - sender->insert.begun_ns < REPEAT_NS;
}

// What an insert in the making has to find out before it is sent.
struct doubt {
    bool unknown;     // what became of the last attempt; it may be sent again as it was
    bool stop;        // the server may still work on it
    bool ask;         // rows may be there
    int64_t fresh_ns; // when it was known that they are not
};

// An insert that was gathered on the server is seen by nobody until it is written.
static void wait_gathering(struct clickhouse_sender *sender)
{
    struct clickhouse_sink *sink = sender->sink;
    int64_t until_ns = clock_steady_ns() + sink->options.timeout_ns;
    if (!sink->options.async)
        return;
    pthread_mutex_lock(&sink->lock);
    while (!sink->abandoned && clock_steady_ns() < until_ns)
        clickhouse_wait(sink, &sink->work, until_ns);
    pthread_mutex_unlock(&sink->lock);
}

// Clears the doubt. DONE: what is to be sent is known.
static enum clickhouse_verdict prepare(struct clickhouse_sender *sender,
                                       const struct clickhouse_batch *batch,
                                       struct clickhouse_range range, struct doubt *doubt,
                                       struct clickhouse_reply *reply)
{
    if (doubt->stop) {
        wait_gathering(sender);
        if (clickhouse_insert_stop(&sender->insert, reply) != CLICKHOUSE_DONE)
            return reply->verdict;
        doubt->stop = false;
    }
    if (!doubt->ask)
        return CLICKHOUSE_DONE;
    enum clickhouse_verdict verdict = clickhouse_insert_missing(&sender->insert, &sender->server,
                                                                batch, range, reply);
    doubt->ask = verdict != CLICKHOUSE_DONE;
    return verdict;
}

static bool comes_again(const struct clickhouse_batch *batch, struct clickhouse_range range)
{
    if (range.all)
        return true;
    for (uint32_t i = range.first; i < range.first + range.count; i++)
        if (batch->places[i].again)
            return true;
    return false;
}

// The token of an attempt is not remembered for ever; and what waits for long may have come to
// another enricher meanwhile, when the stream could not be told that it is in progress.
static void doubt_again(struct clickhouse_sender *sender, struct clickhouse_range *range,
                        struct doubt *doubt)
{
    bool waited = clock_steady_ns() - doubt->fresh_ns > sender->sink->options.timeout_ns;
    if (doubt->unknown ? repeats(sender) : !waited)
        return;
    doubt->stop |= doubt->unknown;
    doubt->unknown = false;
    doubt->ask = range->all = true;
    doubt->fresh_ns = clock_steady_ns();
}

// Sends what is known to be missing. False when that has to be tried again.
static bool try_once(struct clickhouse_sender *sender, const struct clickhouse_batch *batch,
                     struct clickhouse_range *range, struct doubt *doubt,
                     struct clickhouse_reply *reply)
{
    doubt_again(sender, range, doubt);
    if (prepare(sender, batch, *range, doubt, reply) != CLICKHOUSE_DONE)
        return false;
    if (sender->insert.rows == 0 || send_once(sender, reply) == CLICKHOUSE_DONE) {
        sender->failing = false;
        note_success(sender);
        reply->verdict = CLICKHOUSE_DONE;
        return true;
    }
    sender->failing = reply->verdict != CLICKHOUSE_REFUSED;
    doubt->unknown |= reply->verdict == CLICKHOUSE_UNKNOWN;
    return reply->verdict == CLICKHOUSE_REFUSED;
}

// Inserts the range: DONE, REFUSED, or anything else when the process ends.
static enum clickhouse_verdict put(struct clickhouse_sender *sender,
                                   const struct clickhouse_batch *batch,
                                   struct clickhouse_range range, struct clickhouse_reply *reply)
{
    struct doubt doubt = {.ask = comes_again(batch, range), .fresh_ns = batch->due_ns};
    while (clickhouse_insert_all(&sender->insert, batch, range) != 0 && !is_over(sender))
        pause_after(sender, &(struct clickhouse_reply){.error = "out of memory"});
    while (!is_over(sender)) {
        if (!look(sender))
            continue;
        if (try_once(sender, batch, &range, &doubt, reply))
            return reply->verdict;
        if (reply->verdict == CLICKHOUSE_SETUP || reply->verdict == CLICKHOUSE_AWAY)
            sender->known = false;
        pause_after(sender, reply);
    }
    return CLICKHOUSE_AWAY;
}

// A stream may have been read before by a consumer that is no more: its first batches are asked
// for, and the next ones as long as any row is found.
static bool is_unsure(const struct clickhouse_sender *sender, const struct clickhouse_batch *batch)
{
    return sender->unsure != 0 && batch->stream != sender->sink->boot;
}

static void learn(struct clickhouse_sender *sender, const struct progress *progress)
{
    if (progress->present != 0)
        sender->unsure = FIRST_BATCHES;
    else if (sender->unsure != 0)
        sender->unsure--;
}

static void refuse_row(struct clickhouse_sender *sender, const struct clickhouse_place *place,
                       const struct clickhouse_reply *reply)
{
    if (sender->refused_told++ == 0)
        log_error("ClickHouse refuses a flow; others like it are only counted", "sequence",
                  log_unsigned(place->sequence).text, "index", log_unsigned(place->index).text,
                  "error", reply->error);
}

// A table forgets by the time at which flows were received: those of an old capture at once.
static void look_at_time(struct clickhouse_sender *sender, const struct clickhouse_batch *batch)
{
    if (sender->old_told || clock_unix_ns() - batch->first_ns < OLD_NS)
        return;
    sender->old_told = true;
    log_warn("flows were received long ago: a table may be made to keep none so old, see TTL in "
             "docs/clickhouse.md",
             "received", loss_time(batch->first_ns).text);
}

// Cuts what is refused in two until the row at fault stands alone. What comes after a refusal may
// have been inserted in part.
static bool deliver(struct clickhouse_sender *sender, const struct clickhouse_batch *batch,
                    struct progress *progress)
{
    struct clickhouse_range ranges[RANGES_MAX] = {
        {.first = 0, .count = batch->count, .all = is_unsure(sender, batch)}};
    struct clickhouse_reply reply;
    look_at_time(sender, batch);
    for (unsigned count = 1; count != 0;) {
        struct clickhouse_range range = ranges[--count];
        enum clickhouse_verdict verdict = put(sender, batch, range, &reply);
        if (verdict == CLICKHOUSE_DONE) {
            progress->present += range.count - sender->insert.rows;
        } else if (verdict != CLICKHOUSE_REFUSED) {
            return false;
        } else if (range.count == 1) {
            refuse_row(sender, &batch->places[range.first], &reply);
            progress->refused++;
        } else {
            uint32_t half = range.count / 2;
            ranges[count++] = (struct clickhouse_range){range.first + half, range.count - half,
                                                        true};
            ranges[count++] = (struct clickhouse_range){range.first, half, true};
        }
    }
    return true;
}

// With the lock held: the next batch to send, NULL when there is none yet.
static struct clickhouse_batch *next_batch(struct clickhouse_sink *sink)
{
    struct clickhouse_batch *batch = sink->parked;
    if (sink->queue_count != 0) {
        batch = sink->queue[sink->queue_head];
        sink->queue_head = (sink->queue_head + 1) % CLICKHOUSE_BATCHES;
        sink->queue_count--;
        return batch;
    }
    if (batch == NULL || batch->due_ns > clock_steady_ns())
        return NULL;
    sink->parked = NULL;
    return batch;
}

// With the lock held: enters what became of a batch.
static void settle(struct clickhouse_sink *sink, struct clickhouse_batch *batch,
                   const struct progress *progress)
{
    sink->settled = batch->position;
    sink->account.settled += batch->count;
    sink->account.refused += progress->refused;
    sink->account.present += progress->present;
    sink->stats.refused += progress->refused;
    sink->stats.present += progress->present;
    sink->idle[sink->idle_count++] = batch;
    pthread_cond_broadcast(&sink->moved);
    (void)!write(sink->settled_fd, &(uint64_t){1}, sizeof(uint64_t));
}

// With the lock held. A batch that is not delivered when the process ends stays in the books as
// waiting, for close.
static void send_batch(struct clickhouse_sender *sender, struct clickhouse_batch *batch)
{
    struct clickhouse_sink *sink = sender->sink;
    struct progress progress = {.refused = 0};
    sink->busy = true;
    pthread_mutex_unlock(&sink->lock);
    bool delivered = deliver(sender, batch, &progress);
    learn(sender, &progress);
    pthread_mutex_lock(&sink->lock);
    if (delivered)
        settle(sink, batch, &progress);
    else
        clickhouse_batch_free(batch);
    sink->busy = !delivered;
}

static void *run(void *user)
{
    struct clickhouse_sender *sender = user;
    struct clickhouse_sink *sink = sender->sink;
    while (!is_over(sender) && !look(sender))
        continue;
    pthread_mutex_lock(&sink->lock);
    while (!sink->abandoned) {
        struct clickhouse_batch *batch = next_batch(sink);
        if (batch != NULL)
            send_batch(sender, batch);
        else
            clickhouse_wait(sink, &sink->work,
                            sink->parked == NULL ? INT64_MAX : sink->parked->due_ns);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

static void release(struct clickhouse_sender *sender)
{
    clickhouse_insert_fini(&sender->insert);
    clickhouse_http_free(sender->http);
    free(sender);
}

int clickhouse_sender_start(struct clickhouse_sink *sink)
{
    struct clickhouse_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        return -ENOMEM;
    sender->sink = sink;
    sender->pause_ms = PAUSE_FIRST_MS;
    sender->unsure = FIRST_BATCHES;
    sender->http = clickhouse_http_new(&sink->options.access, &sink->abandoned);
    sender->insert.http = sender->http;
    sender->insert.options = &sink->options;
    sender->insert.boot = sink->boot;
    int error = sender->http == NULL ? ENOMEM : pthread_create(&sender->thread, NULL, run, sender);
    if (error == 0)
        sink->sender = sender;
    else
        release(sender);
    return -error;
}

void clickhouse_sender_stop(struct clickhouse_sink *sink)
{
    if (sink->sender == NULL)
        return;
    pthread_join(sink->sender->thread, NULL);
    release(sink->sender);
}
