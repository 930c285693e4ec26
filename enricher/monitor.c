#include "enricher/monitor.h"

#include "common/base/build.h"
#include "common/base/clock.h"
#include "common/base/http_page.h"
#include "common/base/ledger_metrics.h"
#include "common/base/log.h"
#include "common/base/loss_page.h"
#include "common/sink/sink_page.h"
#include "enricher/source/source_report.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct monitor {
    struct monitor_options options;
    struct http *http;
    atomic_bool ending;
};

static void put(struct metrics *m, const char *name, enum metrics_type type, const char *help,
                double value)
{
    metrics_family(m, name, type, help);
    metrics_add(m, value);
}

static void put_source(struct metrics *m, struct source *source)
{
    static const char *const answers[] = {
        [SOURCE_DONE] = "done", [SOURCE_AGAIN] = "again", [SOURCE_LEFT] = "left",
        [SOURCE_BAD] = "bad",   [SOURCE_KNOWN] = "known",
    };
    struct source_report report;
    if (!source_report(source, &report))
        return;
    put(m, "goflow2plus_source_up", METRICS_GAUGE, "Whether the input can be read.", report.up);
    put(m, "goflow2plus_source_messages_total", METRICS_COUNTER, "Messages received.",
        (double)report.received);
    metrics_family(m, "goflow2plus_source_answers_total", METRICS_COUNTER,
                   "Messages by what the server was told of them.");
    for (size_t i = 0; i < SOURCE_ANSWERS; i++)
        metrics_add(m, (double)report.answered[i], "answer", answers[i]);
    put(m, "goflow2plus_source_behind_messages", METRICS_GAUGE,
        "Messages of the stream that no enricher was given yet.", (double)report.behind);
    put(m, "goflow2plus_source_unacknowledged_messages", METRICS_GAUGE,
        "Messages given to any enricher and not acknowledged.", (double)report.unacknowledged);
}

static void put_losses(struct metrics *m, struct watch *watch)
{
    struct watch_view view;
    watch_copy(watch, &view);
    loss_metrics(m, view.losses);
}

static void answer_metrics(void *user, const struct http_request *request,
                           struct http_answer *answer)
{
    const struct monitor *monitor = user;
    const struct reload_books reloads = {.reload = monitor->options.reload,
                                         .facts = monitor->options.facts,
                                         .mapping = monitor->options.mapping};
    struct ledger ledger;
    struct metrics *m = metrics_new();
    (void)request;
    if (m != NULL) {
        worker_report(monitor->options.worker, &ledger);
        ledger_metrics_flows(m, &ledger);
        reload_put_metrics(m, &reloads);
        put_source(m, monitor->options.source);
        sink_put_metrics(m, monitor->options.sink);
        put_losses(m, monitor->options.watch);
        ledger_metrics_process(m);
        answer->body = metrics_finish(m, &answer->len);
    }
    if (answer->body == NULL)
        http_answer_text(answer, 500, "out of memory\n");
    else
        answer->type = "text/plain; version=0.0.4; charset=utf-8";
}

static void answer_health(void *user, const struct http_request *request,
                          struct http_answer *answer)
{
    struct monitor *monitor = user;
    struct watch_view view;
    (void)request;
    if (atomic_load(&monitor->ending)) {
        http_answer_text(answer, 503, "Not OK: the process ends\n");
        return;
    }
    watch_copy(monitor->options.watch, &view);
    loss_answer_health(view.losses, answer);
}

static void put_source_text(FILE *out, const char *name, const struct watch_view *view)
{
    const struct source_report *report = &view->report;
    fprintf(out, "input   %s", name);
    if (view->has_report)
        fprintf(out,
                " %s, %.1f messages/s, %llu messages behind, %llu not acknowledged, at all "
                "enrichers",
                report->up ? "up" : "DOWN", view->messages_per_second,
                (unsigned long long)report->behind, (unsigned long long)report->unacknowledged);
    fprintf(out, ", %.1f flows/s\n", view->flows_per_second);
}

static void put_source_json(FILE *out, const char *name, const struct watch_view *view)
{
    const struct source_report *report = &view->report;
    fprintf(out, "{\"source\":\"%s\"", name);
    if (view->has_report)
        fprintf(out,
                ",\"up\":%s,\"messages_per_second\":%.1f,\"messages\":%llu,\"behind\":%llu,"
                "\"unacknowledged\":%llu",
                report->up ? "true" : "false", view->messages_per_second,
                (unsigned long long)report->received, (unsigned long long)report->behind,
                (unsigned long long)report->unacknowledged);
    fprintf(out, ",\"flows_per_second\":%.1f}", view->flows_per_second);
}

static void put_status(FILE *out, const struct monitor_options *options, bool as_text)
{
    struct watch_view view;
    const char *name = options->source->ops->name;
    watch_copy(options->watch, &view);
    const struct sink_books books = {.ledger = &view.ledger,
                                     .delivered_per_second = view.delivered_per_second};
    if (as_text) {
        fprintf(out, "enricher %s\n", build_version());
        put_source_text(out, name, &view);
        sink_put_text(out, options->sink, &books);
        loss_put_text(out, view.losses, clock_unix_ns());
        return;
    }
    fprintf(out, "{\"program\":\"enricher\",\"version\":\"%s\",\n\"input\":", build_version());
    put_source_json(out, name, &view);
    fputs(",\n\"output\":", out);
    sink_put_json(out, options->sink, &books);
    fputs(",\n\"losses\":", out);
    loss_put_json(out, view.losses);
    fputs("}\n", out);
}

static void answer_status(void *user, const struct http_request *request,
                          struct http_answer *answer)
{
    const struct monitor *monitor = user;
    const char *format = http_query(request, "format");
    bool as_text = format != NULL && strcmp(format, "text") == 0;
    FILE *out = http_page_open(answer);
    if (out != NULL)
        put_status(out, &monitor->options, as_text);
    http_page_close(answer, out, as_text ? NULL : "application/json");
}

static const struct http_route ROUTES[] = {{"/status", answer_status, false},
                                           {"/metrics", answer_metrics, false},
                                           {"/__health", answer_health, false}};

struct monitor *monitor_start(const struct monitor_options *options)
{
    struct monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor == NULL) {
        log_error("cannot start the HTTP server", "error", "out of memory");
        return NULL;
    }
    monitor->options = *options;
    const struct http_options http = {.address = options->address,
                                      .names = options->names,
                                      .routes = ROUTES,
                                      .route_count = sizeof ROUTES / sizeof ROUTES[0],
                                      .user = monitor};
    monitor->http = http_start(&http);
    if (monitor->http != NULL)
        return monitor;
    free(monitor);
    return NULL;
}

void monitor_ending(struct monitor *monitor)
{
    if (monitor != NULL)
        atomic_store(&monitor->ending, true);
}

void monitor_stop(struct monitor *monitor)
{
    if (monitor == NULL)
        return;
    http_stop(monitor->http);
    free(monitor);
}
