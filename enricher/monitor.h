// What operators may ask a running enricher over HTTP: /status, /metrics and /__health.
//
// Handlers run in the server's thread, the functions below in the main thread.
#pragma once

#include "common/enrich/reload_metrics.h"
#include "common/sink/sink.h"
#include "enricher/watch.h"
#include "enricher/worker.h"

struct monitor_options {
    const char *address; // -addr
    const char *names;   // -addr.names
    struct worker *worker;
    struct source *source;
    struct reload *reload;
    const struct reload_tally *mapping; // NULL: there is none
    struct sink *sink;
    struct watch *watch;
    struct snapshot_facts facts; // of the first snapshot
};

struct monitor;

// Everything that the options point to outlives it. NULL after having logged why.
struct monitor *monitor_start(const struct monitor_options *options);

// The process ends: /__health says so from now on. NULL is allowed.
void monitor_ending(struct monitor *monitor);

// Before the worker is freed. NULL is allowed.
void monitor_stop(struct monitor *monitor);
