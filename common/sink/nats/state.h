// What nats.c (the sink), writer.c (its writers), sender.c (its thread) and outcome.c share.
#pragma once

#include "common/sink/nats/nats.h"
#include "common/base/mute.h"
#include "common/sink/nats/answer.h"
#include "common/sink/nats/batch.h"
#include "common/sink/nats/link.h"
#include "common/sink/nats/refusal.h"
#include "common/sink/nats/stream.h"
#include "common/sink/nats/spool.h"
#include "common/sink/nats/window.h"

#include <pthread.h>
#include <stdatomic.h>

#define NATS_SLICE_MS 100 // how often who waits looks whether to go on

struct nats_writer;

// A message that was given up, and its flows.
struct nats_complaint {
    enum nats_refusal refusal;
    uint64_t flows; // since the last was logged; 0: none
    char subject[SUBJECT_TEXT_MAX];
    char error[NATS_ANSWER_TEXT_MAX];
};

struct nats_sink {
    struct sink sink;
    struct nats_options options; // its texts are the caller's
    struct subject subject;
    bool blocking;
    uint64_t boot; // random: part of the ids of this process
    struct nats_link *link;
    char inbox[64];   // where acknowledgements go, up to the number
    char answers[72]; // all of them
    atomic_bool abandoned;
    atomic_bool up;
    atomic_size_t payload_max; // what the server takes, headers left out
    atomic_bool split_told;
    atomic_bool republishes; // some flows come from another stream

    pthread_mutex_t lock; // guards all below, and the writers' accounts
    pthread_cond_t work;  // for the sender
    pthread_cond_t moved; // for who waits until all is acknowledged, or the sink abandoned
    pthread_cond_t room;  // for writers of a blocking sink
    struct window window;
    struct nats_refusals refusals;
    struct nats_complaint given_up; // the last one, until it is logged
    struct spool *spool;            // NULL: none
    uint64_t inherited;             // flows that were in it at the start,
    uint64_t damaged;               // and that should have been
    struct nats_writer **writers;
    uint32_t writer_count;
    bool ending;
    bool hurried;      // nothing lingers any more
    bool expired;      // the connection is new: what was sent is to be sent again
    bool spool_failed; // the last write to it did
    int64_t duplicates_ms;
    char refusal[128]; // what the server said last of a message it did not store
    bool limit_stale;  // a message was refused as too large that should not have been

    pthread_t thread; // the rest is its own
    bool started;
    uint64_t generation; // of the link, that the stream was looked up for
    bool stream_known;
    bool stream_missing;
    bool stream_checked; // since the connection or the stream is new
    struct mute given_up_mute;
    int64_t look_ns; // when it is looked up next
    int64_t spool_look_ns;
};

// What became of a writer's flows since it last looked, by reason.
struct nats_account {
    uint64_t settled; // flows, delivered or lost
    uint64_t delivered;
    uint64_t lost[REASON_COUNT];
};

struct nats_writer {
    struct sink_writer writer;
    uint32_t number;
    struct nats_account account; // guarded by the sink's mutex
    uint64_t awaited;            // flows that it waits for in nats_writer_sync; guarded likewise
    bool touched;                // the account is not zero; guarded likewise
    bool parked;                 // the sender may take batches; guarded likewise
    bool is_parked;              // the same, as the writer knows it

    struct nats_batch_set set; // the writer's, the sender's while it is parked
    struct flow_origin origin; // of the chunk that is being filled
    uint32_t part;             // of that chunk: how often there were too many subjects
    uint64_t messages;         // made
    uint8_t *scratch;          // NATS_FRAME_MAX
    bool lossy;                // flows failed since the last sync
};

// With the lock held: counts flows of that writer as lost, or as something worth knowing.
void nats_count(struct nats_sink *sink, uint32_t owner, enum reason reason, uint64_t flows);
