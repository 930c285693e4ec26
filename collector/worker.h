// A worker: the thread that owns one socket of each listener and all that comes through them, up to
// the output.
#pragma once

#include "collector/lane.h"
#include "collector/listener.h"

struct worker;

// What the workers are made for; borrowed for their lives.
struct worker_options {
    struct sink *sink;
    bool blocking;    // read nothing while the output's reader is behind
    int64_t drain_ns; // what is in the sockets is read for half of this after a stop
};

// Starts worker `number`, which takes the sockets of that number. NULL after having logged why.
struct worker *worker_start(const struct worker_options *options, struct lane *lane,
                            const struct listener *listeners, int listener_count, unsigned number);

// Waits until the thread has ended, which lane_stop asks for, at most until that time of the steady
// clock: 0, or -ETIMEDOUT.
int worker_join(struct worker *worker, int64_t until_ns);

// After the join: counts what is in its sockets still, which there was no time to decode or which
// came since.
void worker_count_rest(struct worker *worker);
void worker_free(struct worker *worker);
