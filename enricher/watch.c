#include "enricher/watch.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/pace.h"
#include "common/sink/sink_state.h"

#include <pthread.h>
#include <stdlib.h>

#define BEHIND_SECONDS 60   // so much of the input at the present pace
#define BEHIND_MIN     1000 // messages; fewer come and go

enum {
    PACE_MADE,
    PACE_DELIVERED,
    PACE_MESSAGES,
    PACE_COUNT,
};

struct watch {
    struct watch_options options;
    struct loss_watch *losses;
    pthread_mutex_t lock; // guards all below
    struct ledger ledger;
    struct source_report report;
    bool has_report;
    struct pace pace;
};

struct watch *watch_new(const struct watch_options *options)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch != NULL)
        watch->losses = loss_watch_new();
    if (watch == NULL || watch->losses == NULL) {
        log_error("losses cannot be watched", "error", "out of memory");
        free(watch);
        return NULL;
    }
    watch->options = *options;
    pthread_mutex_init(&watch->lock, NULL);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    loss_watch_free(watch->losses);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

static void feed_source(struct watch *watch, bool has_report, const struct source_report *report,
                        double messages_per_second)
{
    struct fault fault = {.text = ""};
    bool behind = has_report && report->behind >= BEHIND_MIN &&
                  (double)report->behind > BEHIND_SECONDS * messages_per_second;
    if (behind)
        fault_set(&fault, "%llu messages behind, %.1f messages a second are read",
                  (unsigned long long)report->behind, messages_per_second);
    loss_watch_state(watch->losses, LOSS_SOURCE_DOWN, has_report && !report->up, NULL);
    loss_watch_state(watch->losses, LOSS_SOURCE_BEHIND, behind, fault.text);
}

static void feed_sink(struct watch *watch)
{
    struct sink *sink = watch->options.sink;
    struct sink_state state = sink_state(sink);
    loss_watch_state(watch->losses, LOSS_OUTPUT_DOWN, !sink_healthy(sink), state.trouble.text);
}

void watch_look(struct watch *watch)
{
    struct ledger ledger;
    struct source_report report = {.up = false};
    int64_t steady_ns = clock_steady_ns();
    bool has_report = source_report(watch->options.source, &report);
    worker_report(watch->options.worker, &ledger);
    const uint64_t values[PACE_COUNT] = {[PACE_MADE] = ledger.flows_made,
                                         [PACE_DELIVERED] = ledger.flows_delivered,
                                         [PACE_MESSAGES] = report.received};
    pthread_mutex_lock(&watch->lock);
    watch->ledger = ledger;
    watch->has_report = has_report;
    watch->report = report;
    pace_take(&watch->pace, steady_ns, values, PACE_COUNT);
    double messages_per_second = pace_of(&watch->pace, PACE_MESSAGES);
    pthread_mutex_unlock(&watch->lock);
    loss_watch_ledger(watch->losses, &ledger);
    feed_source(watch, has_report, &report, messages_per_second);
    feed_sink(watch);
    loss_watch_tick(watch->losses, steady_ns, clock_unix_ns());
}

void watch_copy(struct watch *watch, struct watch_view *view)
{
    loss_watch_copy(watch->losses, view->losses);
    pthread_mutex_lock(&watch->lock);
    view->ledger = watch->ledger;
    view->has_report = watch->has_report;
    view->report = watch->report;
    view->flows_per_second = pace_of(&watch->pace, PACE_MADE);
    view->delivered_per_second = pace_of(&watch->pace, PACE_DELIVERED);
    view->messages_per_second = pace_of(&watch->pace, PACE_MESSAGES);
    pthread_mutex_unlock(&watch->lock);
}
