#include "enricher/monitor.h"

#include "common/base/http.h"
#include "common/base/ledger_metrics.h"
#include "common/base/log.h"
#include "enricher/source/source_report.h"

#include <stdatomic.h>
#include <stdlib.h>

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

static void put_snapshot(struct metrics *m, const struct reload_state *state)
{
    put(m, "goflow2plus_reloads_total", METRICS_COUNTER,
        "Times that context and databases were read again.", (double)state->built);
    put(m, "goflow2plus_reloads_failed_total", METRICS_COUNTER,
        "Times that a file was broken and what was read before stayed.", (double)state->failed);
    put(m, "goflow2plus_context_networks", METRICS_GAUGE, "Networks of the context file.",
        (double)state->facts.networks);
    metrics_family(m, "goflow2plus_database_prefixes", METRICS_GAUGE, "Prefixes of a database.");
    metrics_add(m, (double)state->facts.asn_prefixes, "database", "asn");
    metrics_add(m, (double)state->facts.country_prefixes, "database", "country");
    metrics_family(m, "goflow2plus_database_build_timestamp_seconds", METRICS_GAUGE,
                   "Unix time when a database was made, 0 without one.");
    metrics_add(m, (double)state->facts.asn_built, "database", "asn");
    metrics_add(m, (double)state->facts.country_built, "database", "country");
    put(m, "goflow2plus_snapshot_bytes", METRICS_GAUGE, "Memory of context and databases.",
        (double)state->facts.bytes);
}

static void put_source(struct metrics *m, struct source *source)
{
    static const char *const answers[] = {
        [SOURCE_DONE] = "done",
        [SOURCE_AGAIN] = "again",
        [SOURCE_LEFT] = "left",
        [SOURCE_BAD] = "bad",
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

static void answer_metrics(void *user, const struct http_request *request,
                           struct http_answer *answer)
{
    const struct monitor *monitor = user;
    struct reload_state state = {.facts = monitor->options.facts};
    struct ledger ledger;
    struct metrics *m = metrics_new();
    (void)request;
    if (m != NULL) {
        worker_report(monitor->options.worker, &ledger);
        reload_state(monitor->options.reload, &state);
        ledger_metrics_flows(m, &ledger);
        put_snapshot(m, &state);
        put_source(m, monitor->options.source);
        put(m, "goflow2plus_output_up", METRICS_GAUGE, "Whether the output takes what is written.",
            sink_healthy(monitor->options.sink));
        sink_report(monitor->options.sink, m);
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
    (void)request;
    if (!atomic_load(&monitor->ending) && sink_healthy(monitor->options.sink))
        http_answer_text(answer, 200, "OK\n");
    else
        http_answer_text(answer, 503, "Not OK\n");
}

static const struct http_route ROUTES[] = {{"/metrics", answer_metrics, false},
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
