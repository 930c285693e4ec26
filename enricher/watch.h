// The look that the main thread has once a second at what the worker has counted: losses are told
// of while they happen, and the pages get rates.
#pragma once

#include "common/base/loss.h"
#include "common/sink/sink.h"
#include "enricher/source/source_report.h"
#include "enricher/worker.h"

struct watch_options {
    struct worker *worker;
    struct source *source;
    struct sink *sink;
};

// What was seen last.
struct watch_view {
    struct ledger ledger;
    struct loss losses[LOSS_COUNT];
    bool has_report; // the source has something to say
    struct source_report report;
    double flows_per_second;
    double delivered_per_second;
    double messages_per_second; // received
};

struct watch;

// Everything that the options point to outlives it. NULL after having logged why.
struct watch *watch_new(const struct watch_options *options);
void watch_free(struct watch *watch); // NULL is allowed

// Main thread, once a second.
void watch_look(struct watch *watch);

// Any thread.
void watch_copy(struct watch *watch, struct watch_view *view);
