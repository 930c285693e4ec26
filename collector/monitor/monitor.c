#include "collector/monitor/monitor.h"

#include "collector/monitor/page.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/loss_page.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_S           1 // how long the lanes are waited for
#define TEMPLATE_BYTES     (32u << 20)
#define TEMPLATE_BYTES_FEW (1u << 20) // for the metrics

// What is asked of the lanes; the last copy of each is kept.
enum question {
    QUESTION_STATUS,
    QUESTION_METRICS,
    QUESTION_EXPORTERS,
    QUESTION_TEMPLATES,
    QUESTION_COUNT,
};

static const struct survey_limits LIMITS[QUESTION_COUNT] = {
    [QUESTION_STATUS] = {.strangers = STRANGERS_MAX},
    [QUESTION_METRICS] = {.exporters = MONITOR_SERIES_MAX,
                          .senders = MONITOR_SERIES_MAX,
                          .template_bytes = TEMPLATE_BYTES_FEW},
    [QUESTION_EXPORTERS] = {.exporters = MONITOR_EXPORTERS_MAX, .unused = true},
    [QUESTION_TEMPLATES] = {.template_bytes = TEMPLATE_BYTES},
};

#define ROUTES_MAX 5

struct monitor {
    struct monitor_options options;
    struct http_route routes[ROUTES_MAX];
    struct http *http;
    atomic_bool ending;
    struct survey *last[QUESTION_COUNT][LISTEN_SOCKETS_MAX];
};

static struct survey *send_survey(const struct monitor *monitor, enum question question,
                                  unsigned lane)
{
    struct survey *survey = survey_new(&LIMITS[question]);
    if (survey != NULL && lane_send(monitor->options.lanes[lane], &survey->errand) != 0) {
        survey_free(survey);
        return NULL;
    }
    return survey;
}

// The time that the latest datagram of a capture has.
static uint64_t latest_ns(const struct monitor_view *view)
{
    uint64_t latest = 0;
    for (unsigned i = 0; i < view->count; i++) {
        const struct survey *survey = view->surveys[i];
        for (size_t j = 0; j < survey->exporter_count; j++)
            if (survey->exporters[j].exporter.last_seen_ns > latest)
                latest = survey->exporters[j].exporter.last_seen_ns;
    }
    return latest;
}

static void fill_view(const struct monitor *monitor, enum question question,
                      struct monitor_view *view)
{
    view->now_ns = (uint64_t)clock_unix_ns();
    for (unsigned i = 0; i < monitor->options.lane_count; i++) {
        if (monitor->last[question][i] == NULL)
            continue;
        view->worker[view->count] = i;
        view->surveys[view->count++] = monitor->last[question][i];
    }
    if (monitor->options.capture)
        view->now_ns = latest_ns(view);
}

// All lanes are asked at once, so all of them together take no longer than one.
static void ask(struct monitor *monitor, enum question question, struct monitor_view *view)
{
    struct survey *sent[LISTEN_SOCKETS_MAX];
    struct timespec until = clock_steady_after(ANSWER_S * CLOCK_NS_PER_S);
    *view = (struct monitor_view){.options = &monitor->options};
    for (unsigned i = 0; i < monitor->options.lane_count; i++)
        sent[i] = send_survey(monitor, question, i);
    for (unsigned i = 0; i < monitor->options.lane_count; i++) {
        if (sent[i] == NULL || !lane_await(monitor->options.lanes[i], &sent[i]->errand, &until)) {
            view->late++;
            continue;
        }
        survey_free(monitor->last[question][i]);
        monitor->last[question][i] = sent[i];
    }
    fill_view(monitor, question, view);
}

void monitor_answer(struct http_answer *answer, FILE *out, char **body, size_t *len,
                    const char *type)
{
    bool failed = ferror(out) != 0;
    failed |= fclose(out) != 0;
    if (failed) {
        free(*body);
        http_answer_text(answer, 500, "out of memory\n");
        return;
    }
    answer->type = type;
    answer->body = *body;
    answer->len = *len;
}

static void answer_metrics(void *user, const struct http_request *request,
                           struct http_answer *answer)
{
    struct monitor_view view;
    (void)request;
    ask(user, QUESTION_METRICS, &view);
    monitor_metrics(&view, answer);
}

static void answer_exporters(void *user, const struct http_request *request,
                             struct http_answer *answer)
{
    struct monitor_view view;
    const char *format = http_query(request, "format");
    ask(user, QUESTION_EXPORTERS, &view);
    monitor_exporters(&view, format != NULL && strcmp(format, "text") == 0, answer);
}

static void answer_templates(void *user, const struct http_request *request,
                             struct http_answer *answer)
{
    struct monitor_view view;
    const struct monitor *monitor = user;
    bool netflow = monitor->options.capture;
    (void)request;
    for (int i = 0; i < monitor->options.listener_count; i++)
        netflow |= monitor->options.listeners[i].uri.scheme != DECODE_SFLOW;
    if (!netflow) {
        http_answer_text(answer, 404, "Not Found\n");
        return;
    }
    ask(user, QUESTION_TEMPLATES, &view);
    monitor_templates(&view, answer);
}

static void answer_status(void *user, const struct http_request *request,
                          struct http_answer *answer)
{
    struct monitor_view view;
    const char *format = http_query(request, "format");
    ask(user, QUESTION_STATUS, &view);
    monitor_status(&view, format != NULL && strcmp(format, "text") == 0, answer);
}

static void answer_health(void *user, const struct http_request *request,
                          struct http_answer *answer)
{
    const struct monitor *monitor = user;
    struct watch_view view;
    (void)request;
    if (atomic_load(&monitor->ending)) {
        http_answer_text(answer, 503, "Not OK: the process ends\n");
        return;
    }
    watch_copy(monitor->options.watch, &view);
    loss_answer_health(view.losses, answer);
}

struct monitor *monitor_start(const struct monitor_options *options)
{
    struct monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor == NULL) {
        log_error("cannot start the HTTP server", "error", "out of memory");
        return NULL;
    }
    size_t routes = 0;
    monitor->options = *options;
    monitor->routes[routes++] = (struct http_route){"/status", answer_status, false};
    monitor->routes[routes++] = (struct http_route){"/metrics", answer_metrics, false};
    monitor->routes[routes++] = (struct http_route){"/exporters", answer_exporters, false};
    monitor->routes[routes++] = (struct http_route){"/__health", answer_health, false};
    if (*options->templates_path != '\0')
        monitor->routes[routes++] = (struct http_route){options->templates_path, answer_templates,
                                                        .in_parts = true};
    const struct http_options http = {.address = options->address,
                                      .names = options->names,
                                      .routes = monitor->routes,
                                      .route_count = routes,
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
    for (int question = 0; question < QUESTION_COUNT; question++)
        for (unsigned i = 0; i < monitor->options.lane_count; i++)
            survey_free(monitor->last[question][i]);
    free(monitor);
}
