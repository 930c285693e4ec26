// Messages that the server does not store while it stores others: when they are given up.
//
// A subject may be made of what a packet says, and packets can be forged. So a message that is
// refused for its subject must cost itself alone: it is tried some times, then given up. What the
// server refuses of all messages (its store is full, the stream is gone, nobody may publish) is
// held instead, for as long as it takes: that passes, or the operator mends it.
//
// Whether it is the subject that is refused is known from the stream, which does not take it but
// may take others of ours; or from a message of another subject that was stored since. No lock: the
// sink's mutex guards it.
#pragma once

#include "common/sink/nats/answer.h"
#include "common/sink/nats/subject.h"
#include "common/sink/nats/window.h"

#define NATS_GIVEN_BACK_MAX 8 // subjects of messages given back that are remembered

enum nats_refusal {
    NATS_REFUSAL_ANY,       // of any message, as far as the server says
    NATS_REFUSAL_UNBOUND,   // no stream takes the subject
    NATS_REFUSAL_SILENT,    // no answer: another subscriber may take the subject, and no stream
    NATS_REFUSAL_FORBIDDEN, // by permissions
    NATS_REFUSAL_QUOTA,     // the stream holds as many of the subject as it may
};

// The subjects that a stream is bound to.
struct nats_bound {
    bool known;
    unsigned count;
    char (*subjects)[SUBJECT_TEXT_MAX];
};

enum nats_verdict {
    NATS_HOLD,      // try it again
    NATS_GIVE_UP,   // its flows are lost and counted
    NATS_GIVE_BACK, // to the stream that it was made of, for another time
};

// When something happened to a message of that subject; 0: never.
struct nats_moment {
    int64_t ns;
    char subject[SUBJECT_TEXT_MAX];
};

struct nats_refusals {
    const struct subject *subject;   // the sink's: borrowed
    size_t cap;                      // of the window
    bool republishes;                // what it sends is made of messages of another stream
    size_t held;                     // messages in the window that were refused and are not done
    int64_t gave_up_ns;              // when one was last; 0: none
    char said[NATS_ANSWER_TEXT_MAX]; // of the last refusal
    struct nats_bound bound;
    int64_t looked_ns;            // when that was
    bool look_again;              // that may have changed
    int64_t stored_ns;            // when any message was stored last; 0: never
    struct nats_moment stored[2]; // a message was, last; of two different subjects, the later first
    struct nats_moment given_back[NATS_GIVEN_BACK_MAX]; // and when it was refused first
    unsigned given_back_next;
};

void nats_refusals_init(struct nats_refusals *refusals, const struct subject *subject, size_t cap);
void nats_refusals_fini(struct nats_refusals *refusals);

// What the stream is bound to, as it said at that time; takes it over.
void nats_refusals_look(struct nats_refusals *refusals, struct nats_bound *take, int64_t now_ns);

// A message of that subject was stored.
void nats_refusals_stored(struct nats_refusals *refusals, const char *subject, int64_t now_ns);

// The message was refused: what is to become of it.
enum nats_verdict nats_refusals_judge(struct nats_refusals *refusals, struct window_slot *slot,
                                      enum nats_refusal refusal, int64_t now_ns);

// The message is done, one way or another.
void nats_refusals_done(struct nats_refusals *refusals, const struct window_slot *slot);

// Whether that message waits in vain and others do not: it was refused, and they were stored since,
// the last of them a moment ago.
bool nats_refusals_alone(const struct nats_refusals *refusals, const struct window_slot *slot,
                         int64_t now_ns);

// What an operator can do about it.
const char *nats_refusal_cure(enum nats_refusal refusal);
