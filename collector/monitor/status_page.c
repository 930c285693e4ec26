// /status: inputs, output, totals and losses of what the watch saw last, and who is refused.
#include "collector/monitor/page.h"

#include "collector/monitor/stranger_list.h"
#include "common/base/build.h"
#include "common/base/clock.h"
#include "common/base/http_page.h"
#include "common/base/loss_page.h"
#include "common/sink/sink_page.h"

static void put_listeners_text(FILE *out, const struct monitor_options *options,
                               const struct watch_view *view)
{
    char name[WATCH_LISTENER_MAX];
    for (int i = 0; i < options->listener_count; i++)
        fprintf(out,
                "input   %s %s, %.1f datagrams/s, %llu dropped by the kernel, %llu refused since "
                "the start\n",
                watch_listener_name(name, &options->listeners[i]),
                view->sum.listener_errors[i] == 0 ? "up" : "DOWN",
                view->listener_datagrams_per_second[i],
                (unsigned long long)view->sum.listener_drops[i],
                (unsigned long long)view->sum.listener_refused[i]);
}

static void put_text(FILE *out, const struct monitor_options *options,
                     const struct watch_view *view, const struct stranger_list *strangers)
{
    const struct sink_books books = {.ledger = &view->sum.ledger,
                                     .delivered_per_second = view->delivered_per_second};
    fprintf(out, "goflow2plus %s\n", build_version());
    put_listeners_text(out, options, view);
    fprintf(out, "total   %.1f datagrams/s, ", view->datagrams_per_second);
    sink_put_scaled(out, view->bits_per_second, 1000);
    fprintf(out, "bit/s, %.1f flows/s\n", view->flows_per_second);
    sink_put_text(out, options->sink, &books);
    loss_put_text(out, view->losses, clock_unix_ns());
    stranger_put_text(out, strangers, options->listeners, options->listener_count);
}

static void put_listeners_json(FILE *out, const struct monitor_options *options,
                               const struct watch_view *view)
{
    char name[WATCH_LISTENER_MAX];
    for (int i = 0; i < options->listener_count; i++) {
        fputs(i == 0 ? "{\"listener\":" : ",{\"listener\":", out);
        loss_put_string(out, watch_listener_name(name, &options->listeners[i]));
        fprintf(out,
                ",\"up\":%s,\"datagrams_per_second\":%.1f,\"datagrams\":%llu,"
                "\"kernel_drops\":%llu,\"refused\":%llu}",
                view->sum.listener_errors[i] == 0 ? "true" : "false",
                view->listener_datagrams_per_second[i],
                (unsigned long long)view->sum.listener_datagrams[i],
                (unsigned long long)view->sum.listener_drops[i],
                (unsigned long long)view->sum.listener_refused[i]);
    }
}

static void put_json(FILE *out, const struct monitor_options *options,
                     const struct watch_view *view, const struct stranger_list *strangers)
{
    const struct sink_books books = {.ledger = &view->sum.ledger,
                                     .delivered_per_second = view->delivered_per_second};
    fprintf(out, "{\"program\":\"goflow2plus\",\"version\":\"%s\",\n\"inputs\":[", build_version());
    put_listeners_json(out, options, view);
    fprintf(out,
            "],\n\"datagrams_per_second\":%.1f,\"bits_per_second\":%.0f,"
            "\"flows_per_second\":%.1f,\n\"output\":",
            view->datagrams_per_second, view->bits_per_second, view->flows_per_second);
    sink_put_json(out, options->sink, &books);
    fputs(",\n\"losses\":", out);
    loss_put_json(out, view->losses);
    fputs(",\n\"senders_refused\":", out);
    stranger_put_json(out, strangers, options->listeners, options->listener_count);
    fputs("}\n", out);
}

void monitor_status(const struct monitor_view *view, bool as_text, struct http_answer *answer)
{
    const struct monitor_options *options = view->options;
    struct watch_view seen;
    struct stranger_list strangers;
    if (stranger_list_init(&strangers, view->surveys, view->count, MONITOR_STRANGERS_MAX) != 0) {
        http_answer_text(answer, 500, "out of memory\n");
        return;
    }
    FILE *out = http_page_open(answer);
    watch_copy(options->watch, &seen);
    if (out != NULL)
        (as_text ? put_text : put_json)(out, options, &seen, &strangers);
    http_page_close(answer, out, as_text ? NULL : "application/json");
    stranger_list_fini(&strangers);
}
