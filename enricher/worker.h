// The one thread from source to sink: takes blocks, enriches their flows, hands them on.
//
// Nothing reaches into it: a new snapshot is offered and taken up between blocks, and a stop is
// asked for. Everything else it owns from worker_start to worker_join.
#pragma once

#include "common/base/ledger.h"
#include "common/enrich/enrich.h"
#include "common/sink/sink.h"
#include "enricher/formatting.h"
#include "enricher/source/source.h"

struct worker_options {
    struct source *source;
    struct sink *sink;
    const struct format *format;
    const struct filter *filter; // NULL: every flow goes on
    struct enrich_options enrich;
    int drain_ms; // after worker_stop: how long the sink's reader is waited for
};

struct worker;

// Starts the thread with its first snapshot, whose reference it takes. NULL after having logged
// why; the snapshot is released then.
struct worker *worker_start(const struct worker_options *options, struct snapshot *take);

// Hands a newer snapshot over, reference included. Any thread.
void worker_offer(struct worker *worker, struct snapshot *take);

// Hands another format of the same kind and its filter over, and with them their memory. Any
// thread.
void worker_offer_formatting(struct worker *worker, struct formatting *take);

// Asks for the end: the block at hand is finished. Of a pipe the rest is read too, to its end or
// until nothing comes for a moment, for at most half of drain_ms; asked again, not even that. Any
// thread.
void worker_stop(struct worker *worker);

// Readable when the thread has come to its end.
int worker_done_fd(const struct worker *worker);

// Waits for the end. 0, or -1 when input or output failed, which has been logged.
int worker_join(struct worker *worker);

// A copy of the books as they were when the worker last came to the end of a block. Any thread.
void worker_report(struct worker *worker, struct ledger *report);

// The books; complete when the sink is closed, which is after worker_join and before worker_free.
const struct ledger *worker_ledger(const struct worker *worker);
void worker_free(struct worker *worker);
