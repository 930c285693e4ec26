#include "common/sink/nats/outcome.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/nats/part.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_NS (1000 * CLOCK_NS_PER_MS) // after a refusal

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

// Clocks are set while the process runs, and between two of them. One that was set back says
// nothing of what another process sent: that may be long ago.
static bool is_long_ago(const struct nats_message *message, int64_t ms)
{
    int64_t ago_ms = clock_unix_ms() - message->sent_ms;
    if (message->sent_steady_ms != 0)
        return clock_steady_ms() - message->sent_steady_ms >= ms;
    return ago_ms < 0 || ago_ms >= ms;
}

// The server recognises a message for as long as its duplicates window, counted from when it came
// there first. A quarter is left for clocks and ways. Stored once more it is recognised for as long
// again.
void nats_outcome_uncertain(struct nats_sink *sink, struct window_slot *slot)
{
    struct nats_message *message = slot->message;
    if (message->sent_ms == 0 || !is_long_ago(message, sink->duplicates_ms * 3 / 4))
        return;
    message->sent_ms = clock_unix_ms();
    message->sent_steady_ms = clock_steady_ms();
    nats_count(sink, message->owner, REASON_DELIVERY_UNCERTAIN, message->flows);
}

// The slot of a message whose part that begins at `from` is being sent, or NULL.
static struct window_slot *find_part(struct nats_sink *sink, uint64_t number, size_t from)
{
    struct window_slot *slot = window_find(&sink->window, number);
    return slot == NULL || slot->done || slot->from != from ? NULL : slot;
}

// The message is done. Its parts so far were delivered or too large; the rest is lost for that
// reason, if there is one.
static void settle(struct nats_sink *sink, struct window_slot *slot, enum reason reason)
{
    const struct nats_message *message = slot->message;
    nats_refusals_done(&sink->refusals, slot);
    window_settle(&sink->window, slot);
    count_delivered(sink, message->owner, slot->passed - slot->too_large);
    nats_count(sink, message->owner, REASON_OUTPUT_TOO_LARGE, slot->too_large);
    nats_count(sink, message->owner, reason, message->flows - slot->passed);
    note_moved(sink, message);
}

// The next part is due at once; behind the last one the message is done.
static void go_on(struct nats_sink *sink, struct window_slot *slot)
{
    if (nats_part_was_last(slot)) {
        settle(sink, slot, REASON_OUTPUT_FAILED); // of no flow
        return;
    }
    window_delay(&sink->window, slot, clock_steady_ns());
    pthread_cond_signal(&sink->work);
}

static void note_too_large(struct nats_sink *sink, struct window_slot *slot)
{
    sink->limit_stale = true;
    nats_part_refused(slot);
    go_on(sink, slot);
}

static void note_given_up(struct nats_sink *sink, const struct window_slot *slot,
                          enum nats_refusal refusal, const char *error)
{
    struct nats_complaint *given_up = &sink->given_up;
    given_up->refusal = refusal;
    given_up->flows += slot->message->flows - slot->passed;
    memcpy(given_up->subject, slot->message->subject, sizeof given_up->subject);
    snprintf(given_up->error, sizeof given_up->error, "%s", error);
}

// Refused, but for its size: it is tried again, unless that is in vain. Returns whether it is.
static bool note_refused(struct nats_sink *sink, struct window_slot *slot,
                         enum nats_refusal refusal, const char *error)
{
    int64_t now_ns = clock_steady_ns();
    sink->refusals.republishes = atomic_load_explicit(&sink->republishes, memory_order_relaxed);
    enum nats_verdict verdict = nats_refusals_judge(&sink->refusals, slot, refusal, now_ns);
    snprintf(sink->refusal, sizeof sink->refusal, "%s", error);
    snprintf(sink->refusals.said, sizeof sink->refusals.said, "%s", error);
    pthread_cond_signal(&sink->work);
    slot->answered = true;
    if (verdict == NATS_HOLD) {
        window_delay(&sink->window, slot, now_ns + AGAIN_NS);
        return true;
    }
    note_given_up(sink, slot, refusal, error);
    settle(sink, slot, verdict == NATS_GIVE_UP ? REASON_SUBJECT_REFUSED : REASON_OUTPUT_FAILED);
    return false;
}

bool nats_outcome_silence(struct nats_sink *sink, struct window_slot *slot)
{
    bool silent = slot->sends != 0 && slot->due_ns != 0 && !slot->answered;
    return !silent || note_refused(sink, slot, NATS_REFUSAL_SILENT, "no answer");
}

void nats_outcome_unsent(struct nats_sink *sink, uint64_t number, size_t from, natsStatus status)
{
    struct window_slot *slot = find_part(sink, number, from);
    if (slot == NULL)
        return;
    if (status == NATS_MAX_PAYLOAD) {
        note_too_large(sink, slot);
        return;
    }
    slot->answered = true; // there is nothing to wait for
    window_delay(&sink->window, slot, clock_steady_ns() + AGAIN_NS);
}

static void note_stored(struct nats_sink *sink, struct window_slot *slot)
{
    if (slot->sends > 1)
        nats_outcome_uncertain(sink, slot);
    nats_refusals_stored(&sink->refusals, slot->message->subject, clock_steady_ns());
    nats_part_stored(slot);
    go_on(sink, slot);
}

static void take_answer(struct nats_sink *sink, struct window_slot *slot, enum nats_answer answer,
                        const char *error)
{
    switch (answer) {
    case NATS_ANSWER_STORED:
        note_stored(sink, slot);
        return;
    case NATS_ANSWER_REFUSED:
        note_too_large(sink, slot);
        memcpy(sink->refusal, error, sizeof sink->refusal);
        return;
    case NATS_ANSWER_UNBOUND:
        (void)note_refused(sink, slot, NATS_REFUSAL_UNBOUND, "no stream takes the subject");
        return;
    case NATS_ANSWER_QUOTA:
        (void)note_refused(sink, slot, NATS_REFUSAL_QUOTA, error);
        return;
    case NATS_ANSWER_AGAIN:
        (void)note_refused(sink, slot, NATS_REFUSAL_ANY, error);
        return;
    }
}

void nats_outcome_answer(natsConnection *connection, natsSubscription *subscription,
                         natsMsg *message, void *user)
{
    struct nats_sink *sink = user;
    char error[NATS_ANSWER_TEXT_MAX] = "";
    const char *status = NULL;
    enum nats_answer answer = NATS_ANSWER_UNBOUND;
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
    if (slot != NULL)
        take_answer(sink, slot, answer, error);
    // A sink that blocks can wait for its room; another would drop flows meanwhile.
    if (!sink->blocking || answer != NATS_ANSWER_STORED || window_ripe(&sink->window))
        pthread_cond_signal(&sink->work);
    pthread_mutex_unlock(&sink->lock);
    natsMsg_Destroy(message);
}

// The server says it once for each message, and does not say which: of all that were sent.
void nats_outcome_forbidden(void *user, const char *subject)
{
    struct nats_sink *sink = user;
    pthread_mutex_lock(&sink->lock);
    struct window_slot *slot = window_oldest(&sink->window);
    while (slot != NULL) {
        struct window_slot *after = window_after(&sink->window, slot);
        if (slot->sends != 0 && !slot->answered && strcmp(slot->message->subject, subject) == 0)
            (void)note_refused(sink, slot, NATS_REFUSAL_FORBIDDEN, "no right to publish");
        slot = after;
    }
    pthread_mutex_unlock(&sink->lock);
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

static void complain_given_up(struct nats_sink *sink)
{
    struct nats_complaint what = sink->given_up;
    uint64_t skipped;
    if (what.flows == 0 ||
        mute_ask(&sink->given_up_mute, clock_steady_ns(), &skipped) != MUTE_WRITE)
        return;
    sink->given_up.flows = 0;
    pthread_mutex_unlock(&sink->lock);
    log_warn("messages of this subject are not stored while others are: given up", "subject",
             what.subject, "flows", log_unsigned(what.flows).text, "error", what.error, "wanted",
             nats_refusal_cure(what.refusal));
    pthread_mutex_lock(&sink->lock);
}

void nats_outcome_complain(struct nats_sink *sink)
{
    complain_refused(sink);
    complain_given_up(sink);
}
