#include "collector/monitor/watch.h"

#include "collector/alarm_log.h"
#include "collector/monitor/exporter_log.h"
#include "collector/monitor/stranger_list.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/pace.h"
#include "common/sink/sink_state.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTER_LOOKS_EVERY 10 // looks, between those at exporters

#define ANSWER_MS 200 // how long the lanes are waited for, all together

// The counters that have a pace; those of the listeners follow.
enum {
    PACE_DATAGRAMS,
    PACE_BYTES,
    PACE_MADE,
    PACE_DELIVERED,
    PACE_LISTENERS,
};

struct watch {
    struct watch_options options;
    struct alarm_log alarms;
    struct exporter_log exporters;
    unsigned looks;
    struct loss_watch *losses;
    uint64_t drops[LISTEN_URIS_MAX]; // of the kernel, seen by now
    pthread_mutex_t lock;            // guards all below
    struct lane_report sum;
    struct pace pace;
};

struct watch *watch_new(const struct watch_options *options)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch != NULL)
        watch->losses = loss_watch_new();
    if (watch == NULL || watch->losses == NULL) {
        log_error("cannot watch for losses", "error", "out of memory");
        free(watch);
        return NULL;
    }
    watch->options = *options;
    watch->alarms.mute = options->mute;
    watch->exporters = (struct exporter_log){.mute = options->mute,
                                             .looked_ns = (uint64_t)clock_unix_ns()};
    pthread_mutex_init(&watch->lock, NULL);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    loss_watch_free(watch->losses);
    exporter_log_fini(&watch->exporters);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void watch_add_report(struct lane_report *sum, const struct lane_report *part)
{
    ledger_add(&sum->ledger, &part->ledger);
    sum->kernel_drops += part->kernel_drops;
    for (int i = 0; i < LISTEN_URIS_MAX; i++) {
        sum->listener_drops[i] += part->listener_drops[i];
        sum->listener_datagrams[i] += part->listener_datagrams[i];
        sum->listener_refused[i] += part->listener_refused[i];
        if (part->listener_errors[i] != 0)
            sum->listener_errors[i] = part->listener_errors[i];
    }
    for (int i = 0; i < STRANGER_WHYS; i++)
        if (part->strangers[i].last_ns >= sum->strangers[i].last_ns)
            sum->strangers[i] = part->strangers[i];
    for (int i = 0; i < DECODE_SCHEMES; i++)
        metrics_merge(&sum->decoding[i], &part->decoding[i]);
}

const char *watch_listener_name(char room[static WATCH_LISTENER_MAX],
                                const struct listener *listener)
{
    const struct listen_uri *uri = &listener->uri;
    bool bracket = strchr(uri->host, ':') != NULL;
    snprintf(room, WATCH_LISTENER_MAX, "%s://%s%s%s:%u", listen_scheme_name(uri->scheme),
             bracket ? "[" : "", uri->host, bracket ? "]" : "", uri->port);
    return room;
}

static void ask_lanes(struct watch *watch, struct lane_report *sum)
{
    int64_t until_ms = clock_steady_ms() + ANSWER_MS;
    for (unsigned i = 0; i < watch->options.lane_count; i++) {
        struct lane_report report;
        int64_t left_ms = until_ms - clock_steady_ms();
        (void)lane_ask(watch->options.lanes[i], &report, left_ms < 0 ? 0 : (int)left_ms);
        watch_add_report(sum, &report);
        alarm_log_take(&watch->alarms, i, &report.alarms);
    }
}

// The socket where most was dropped since the last look is the one to name.
static void feed_drops(struct watch *watch, const struct lane_report *sum)
{
    char name[WATCH_LISTENER_MAX] = "";
    uint64_t most = 0;
    for (int i = 0; i < watch->options.listener_count; i++) {
        uint64_t fresh = sum->listener_drops[i] - watch->drops[i];
        watch->drops[i] = sum->listener_drops[i];
        if (fresh > most)
            watch_listener_name(name, &watch->options.listeners[i]);
        most = fresh > most ? fresh : most;
    }
    loss_watch_count(watch->losses, LOSS_KERNEL_DROPS, sum->kernel_drops, name);
}

static int why_of(enum reason reason)
{
    if (reason == REASON_SOURCE_REFUSED)
        return STRANGER_NOT_ALLOWED;
    return reason == REASON_PROTOCOL_UNKNOWN ? STRANGER_NOT_TAKEN : STRANGER_MALFORMED;
}

// With who sent the latest of each, so before the rest of the ledger.
static void feed_strangers(struct watch *watch, const struct lane_report *sum)
{
    char text[STRANGER_TEXT_MAX];
    for (int i = 0; i < LOSS_COUNT; i++) {
        struct loss_row row = loss_row((enum loss_kind)i);
        if (row.reason < 0 || reason_class((enum reason)row.reason) != REASON_CLASS_DATAGRAM)
            continue;
        const struct stranger *one = &sum->strangers[why_of((enum reason)row.reason)];
        if (one->count != 0)
            loss_watch_count(
                watch->losses, (enum loss_kind)i, sum->ledger.reasons[row.reason],
                stranger_text(text, one, watch->options.listeners, watch->options.listener_count));
    }
}

static void feed_listeners(struct watch *watch, const struct lane_report *sum)
{
    char name[WATCH_LISTENER_MAX];
    struct fault fault = {.text = ""};
    for (int i = 0; i < watch->options.listener_count; i++)
        if (sum->listener_errors[i] != 0)
            fault_set(&fault, "%s: %s", watch_listener_name(name, &watch->options.listeners[i]),
                      strerror(sum->listener_errors[i]));
    loss_watch_state(watch->losses, LOSS_LISTENER_DOWN, *fault.text != '\0', fault.text);
}

static void feed_sink(struct watch *watch)
{
    struct sink *sink = watch->options.sink;
    struct sink_state state = sink_state(sink);
    loss_watch_state(watch->losses, LOSS_OUTPUT_DOWN, !sink_healthy(sink), state.trouble.text);
}

static void take_pace(struct watch *watch, const struct lane_report *sum, int64_t steady_ns)
{
    uint64_t values[PACE_VALUES_MAX] = {
        [PACE_DATAGRAMS] = sum->ledger.datagrams_received,
        [PACE_BYTES] = sum->ledger.bytes_received,
        [PACE_MADE] = sum->ledger.flows_made,
        [PACE_DELIVERED] = sum->ledger.flows_delivered,
    };
    memcpy(values + PACE_LISTENERS, sum->listener_datagrams, sizeof sum->listener_datagrams);
    pace_take(&watch->pace, steady_ns, values, PACE_LISTENERS + LISTEN_URIS_MAX);
}

void watch_look(struct watch *watch)
{
    struct lane_report sum = {.kernel_drops = 0};
    ask_lanes(watch, &sum);
    int64_t steady_ns = clock_steady_ns();
    feed_strangers(watch, &sum);
    loss_watch_ledger(watch->losses, &sum.ledger);
    feed_drops(watch, &sum);
    feed_listeners(watch, &sum);
    feed_sink(watch);
    loss_watch_tick(watch->losses, steady_ns, clock_unix_ns());
    pthread_mutex_lock(&watch->lock);
    watch->sum = sum;
    take_pace(watch, &sum, steady_ns);
    pthread_mutex_unlock(&watch->lock);
    if (watch->options.listener_count != 0 && ++watch->looks % EXPORTER_LOOKS_EVERY == 0)
        exporter_log_look(&watch->exporters, watch->options.lanes, watch->options.lane_count);
}

void watch_copy(struct watch *watch, struct watch_view *view)
{
    loss_watch_copy(watch->losses, view->losses);
    pthread_mutex_lock(&watch->lock);
    view->sum = watch->sum;
    view->datagrams_per_second = pace_of(&watch->pace, PACE_DATAGRAMS);
    view->bits_per_second = 8 * pace_of(&watch->pace, PACE_BYTES);
    view->flows_per_second = pace_of(&watch->pace, PACE_MADE);
    view->delivered_per_second = pace_of(&watch->pace, PACE_DELIVERED);
    for (int i = 0; i < LISTEN_URIS_MAX; i++)
        view->listener_datagrams_per_second[i] = pace_of(&watch->pace,
                                                         PACE_LISTENERS + (unsigned)i);
    pthread_mutex_unlock(&watch->lock);
}
