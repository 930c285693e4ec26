#include "common/sink/nats/refusal.h"

#include "common/base/clock.h"

#include <string.h>

#define TRIES     3                         // before a message is given up, or only one
#define RECENT_NS (60000 * CLOCK_NS_PER_MS) // after another one was
#define LOOK_NS   (10000 * CLOCK_NS_PER_MS) // how long what the stream says is believed
#define ABOUT_NS  (10000 * CLOCK_NS_PER_MS) // "about then"
#define RECALL_NS (600000 * CLOCK_NS_PER_MS)
#define BLIND_NS  (5000 * CLOCK_NS_PER_MS) // how long nothing else need pass

void nats_refusals_init(struct nats_refusals *refusals, const struct subject *subject, size_t cap)
{
    *refusals = (struct nats_refusals){.subject = subject, .cap = cap};
}

void nats_refusals_fini(struct nats_refusals *refusals)
{
    free(refusals->bound.subjects);
    refusals->bound = (struct nats_bound){.known = false};
}

void nats_refusals_look(struct nats_refusals *refusals, struct nats_bound *take, int64_t now_ns)
{
    nats_refusals_fini(refusals);
    refusals->bound = *take;
    refusals->looked_ns = now_ns;
    refusals->look_again = false;
    *take = (struct nats_bound){.known = false};
}

// All messages have one subject: what is refused of one is refused of all.
static bool is_constant(const struct nats_refusals *refusals)
{
    return !refusals->subject->wants_fields && !refusals->subject->wants_key;
}

void nats_refusals_stored(struct nats_refusals *refusals, const char *subject, int64_t now_ns)
{
    refusals->stored_ns = now_ns;
    if (is_constant(refusals))
        return;
    if (strcmp(refusals->stored[0].subject, subject) != 0) {
        refusals->stored[1] = refusals->stored[0];
        memcpy(refusals->stored[0].subject, subject, strlen(subject) + 1);
    }
    refusals->stored[0].ns = now_ns;
}

static bool is_within(int64_t then_ns, int64_t now_ns, int64_t ns)
{
    return then_ns != 0 && now_ns - then_ns < ns;
}

static bool gave_up_lately(const struct nats_refusals *refusals, int64_t now_ns)
{
    return is_within(refusals->gave_up_ns, now_ns, RECENT_NS);
}

// Others pass: one was stored after this one was refused; when the like happened a moment ago, one
// that was stored about then will do.
static bool others_pass(const struct nats_refusals *refusals, const struct window_slot *slot,
                        int64_t now_ns)
{
    bool same = strcmp(refusals->stored[0].subject, slot->message->subject) == 0;
    int64_t stored_ns = refusals->stored[same ? 1 : 0].ns;
    return stored_ns > slot->refused_ns ||
           (is_within(stored_ns, now_ns, ABOUT_NS) && gave_up_lately(refusals, now_ns));
}

// The stream takes some of our subjects, and not this one.
static bool is_left_out(const struct nats_refusals *refusals, const char *subject)
{
    bool takes_some = false;
    for (unsigned i = 0; i < refusals->bound.count; i++) {
        const char *bound = refusals->bound.subjects[i];
        if (subject_covers(bound, subject))
            return false;
        takes_some |= subject_meets(bound, refusals->subject->wildcard);
    }
    return takes_some;
}

static bool is_the_subject(const struct nats_refusals *refusals, const struct window_slot *slot,
                           enum nats_refusal refusal, int64_t now_ns)
{
    if (refusal == NATS_REFUSAL_ANY)
        return false;
    bool stream_decides = refusal == NATS_REFUSAL_UNBOUND || refusal == NATS_REFUSAL_SILENT;
    if (!stream_decides || !refusals->bound.known)
        return others_pass(refusals, slot, now_ns);
    bool fresh = refusals->looked_ns >= slot->refused_ns ||
                 (is_within(refusals->looked_ns, now_ns, RECENT_NS) &&
                  gave_up_lately(refusals, now_ns));
    return fresh && is_left_out(refusals, slot->message->subject);
}

// Nothing else is there to pass, since whoever feeds the sink waits for this message.
static bool is_blind(const struct nats_refusals *refusals, const struct window_slot *slot,
                     enum nats_refusal refusal, int64_t now_ns)
{
    bool may_be_subject = refusal == NATS_REFUSAL_FORBIDDEN || refusal == NATS_REFUSAL_QUOTA ||
                          (refusal != NATS_REFUSAL_ANY && !refusals->bound.known);
    return refusals->republishes && may_be_subject && slot->refusals >= TRIES &&
           now_ns - slot->refused_ns >= BLIND_NS;
}

static struct nats_moment *find_given_back(struct nats_refusals *refusals, const char *subject)
{
    for (unsigned i = 0; i < NATS_GIVEN_BACK_MAX; i++)
        if (strcmp(refusals->given_back[i].subject, subject) == 0)
            return &refusals->given_back[i];
    return NULL;
}

// When messages of the subject were refused first: one that was given back comes again.
static int64_t recall(struct nats_refusals *refusals, const char *subject, int64_t now_ns)
{
    struct nats_moment *moment = find_given_back(refusals, subject);
    return moment != NULL && is_within(moment->ns, now_ns, RECALL_NS) ? moment->ns : now_ns;
}

static void give_back(struct nats_refusals *refusals, const struct window_slot *slot)
{
    const char *subject = slot->message->subject;
    struct nats_moment *moment = find_given_back(refusals, subject);
    if (moment == NULL)
        moment = &refusals->given_back[refusals->given_back_next++ % NATS_GIVEN_BACK_MAX];
    moment->ns = slot->refused_ns;
    memcpy(moment->subject, subject, strlen(subject) + 1);
}

enum nats_verdict nats_refusals_judge(struct nats_refusals *refusals, struct window_slot *slot,
                                      enum nats_refusal refusal, int64_t now_ns)
{
    if (slot->refusals++ == 0) {
        slot->refused_ns = recall(refusals, slot->message->subject, now_ns);
        refusals->held++;
    }
    refusals->look_again |= refusals->looked_ns < slot->refused_ns ||
                            now_ns - refusals->looked_ns >= LOOK_NS;
    if (is_constant(refusals))
        return NATS_HOLD;
    // When many are held, they take the place of those that pass.
    bool once = gave_up_lately(refusals, now_ns) || refusals->held > refusals->cap / 8;
    if (slot->refusals >= (once ? 1 : TRIES) && is_the_subject(refusals, slot, refusal, now_ns)) {
        refusals->gave_up_ns = now_ns;
        return NATS_GIVE_UP;
    }
    if (!is_blind(refusals, slot, refusal, now_ns))
        return NATS_HOLD;
    give_back(refusals, slot);
    return NATS_GIVE_BACK;
}

void nats_refusals_done(struct nats_refusals *refusals, const struct window_slot *slot)
{
    refusals->held -= slot->refusals != 0;
}

// One in flight may still be stored after the first that all are refused like.
bool nats_refusals_alone(const struct nats_refusals *refusals, const struct window_slot *slot,
                         int64_t now_ns)
{
    return slot->refusals != 0 && refusals->stored_ns > slot->refused_ns &&
           is_within(refusals->stored_ns, now_ns, ABOUT_NS);
}

const char *nats_refusal_cure(enum nats_refusal refusal)
{
    switch (refusal) {
    case NATS_REFUSAL_FORBIDDEN:
        return "a user that may publish to it";
    case NATS_REFUSAL_QUOTA:
        return "a stream that keeps more of each subject, or readers that take them";
    case NATS_REFUSAL_UNBOUND:
    case NATS_REFUSAL_SILENT:
    case NATS_REFUSAL_ANY:
        break;
    }
    return "a stream that is bound to it, or a -transport.nats.subject of other fields";
}
