#include "collector/monitor/metrics.h"

#include "common/base/ledger_metrics.h"
#include "common/base/loss_page.h"
#include "common/sink/sink_page.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct metrics_place place_of(const struct listener *listener)
{
    struct metrics_place place = {.port = metrics_number(listener->uri.port),
                                  .scheme = listen_scheme_name(listener->uri.scheme)};
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    getsockname(listener->fds[0], (struct sockaddr *)&name, &len);
    memcpy(&v4, &name, sizeof v4);
    memcpy(&v6, &name, sizeof v6);
    size_t text_len = name.ss_family == AF_INET
                          ? addr_text(place.ip, (const uint8_t *)&v4.sin_addr, 4)
                          : addr_text(place.ip, v6.sin6_addr.s6_addr, 16);
    place.ip[text_len] = '\0';
    return place;
}

static void find_places(struct metrics_page *page)
{
    const struct monitor_options *options = page->view->options;
    for (int i = 0; i < LISTEN_URIS_MAX; i++) // a capture has no address
        page->places[i] = (struct metrics_place){.scheme = listen_scheme_name(DECODE_FLOW)};
    for (int i = 0; i < options->listener_count; i++)
        page->places[i] = place_of(&options->listeners[i]);
}

static void sum_reports(struct metrics_page *page)
{
    for (unsigned i = 0; i < page->view->count; i++)
        watch_add_report(&page->sum, &page->view->surveys[i]->report);
}

// What a family of the traffic shows of a sender.
typedef void put_sender(struct metrics *m, const struct metrics_place *place, const char *sender,
                        const struct traffic_counts *counts);

static void put_bytes(struct metrics *m, const struct metrics_place *place, const char *sender,
                      const struct traffic_counts *counts)
{
    metrics_add(m, (double)counts->bytes, "local_ip", place->ip, "local_port", place->port.text,
                "remote_ip", sender, "type", place->scheme);
}

static void put_packets(struct metrics *m, const struct metrics_place *place, const char *sender,
                        const struct traffic_counts *counts)
{
    metrics_add(m, (double)counts->datagrams, "local_ip", place->ip, "local_port", place->port.text,
                "remote_ip", sender, "type", place->scheme);
}

static void put_sizes(struct metrics *m, const struct metrics_place *place, const char *sender,
                      const struct traffic_counts *counts)
{
    metrics_add_sum(m, (double)counts->bytes, (double)counts->datagrams, "local_ip", place->ip,
                    "local_port", place->port.text, "remote_ip", sender, "type", place->scheme);
}

static void put_errors(struct metrics *m, const struct metrics_place *place, const char *sender,
                       const struct traffic_counts *counts)
{
    if (counts->errors != 0)
        metrics_add(m, (double)counts->errors, "name", place->scheme, "router", sender);
}

static void put_senders(const struct metrics_page *page, const char *name, enum metrics_type type,
                        const char *help, put_sender *put)
{
    const struct sender_list *list = &page->senders;
    metrics_family(page->metrics, name, type, help);
    for (size_t i = 0; i < list->count; i++) {
        char address[ADDR_TEXT_MAX];
        put(page->metrics, &page->places[list->items[i].listener],
            addr_string(address, &list->items[i].source), &list->items[i].counts);
    }
    for (int i = 0; i < LISTEN_URIS_MAX; i++)
        if (list->others[i].datagrams != 0)
            put(page->metrics, &page->places[i], "other", &list->others[i]);
}

static void put_traffic(const struct metrics_page *page)
{
    put_senders(page, "goflow2_flow_traffic_bytes_total", METRICS_COUNTER,
                "Bytes received by the application.", put_bytes);
    put_senders(page, "goflow2_flow_traffic_packets_total", METRICS_COUNTER,
                "Packets received by the application.", put_packets);
    put_senders(page, "goflow2_flow_traffic_size_bytes", METRICS_SUMMARY, "Summary of packet size.",
                put_sizes);
    put_senders(page, "goflow2_flow_decoder_error_total", METRICS_COUNTER,
                "NetFlow/sFlow processed errors.", put_errors);
    metrics_family(page->metrics, "goflow2_flow_decoding_time_seconds", METRICS_SUMMARY,
                   "Decoding time summary.");
    for (int i = 0; i < DECODE_SCHEMES; i++)
        if (page->sum.decoding[i].count != 0)
            metrics_add_summary(page->metrics, &page->sum.decoding[i], 1e-9, "name",
                                listen_scheme_name((enum decode_scheme)i));
}

static void put_listeners(const struct metrics_page *page)
{
    struct metrics *m = page->metrics;
    int count = page->view->options->listener_count;
    metrics_family(m, "goflow2_flow_dropped_packets_total", METRICS_COUNTER,
                   "Packets dropped before processing.");
    for (int i = 0; i < count; i++)
        metrics_add(m, (double)page->sum.listener_drops[i], "local_ip", page->places[i].ip,
                    "local_port", page->places[i].port.text);
    metrics_family(m, "goflow2plus_listener_up", METRICS_GAUGE,
                   "Whether the sockets of the listener can be read.");
    for (int i = 0; i < count; i++)
        metrics_add(m, page->sum.listener_errors[i] == 0, "local_ip", page->places[i].ip,
                    "local_port", page->places[i].port.text, "type", page->places[i].scheme);
    metrics_family(m, "goflow2plus_kernel_drops_total", METRICS_COUNTER,
                   "Datagrams that the sockets of a worker had no room for.");
    for (unsigned i = 0; i < page->view->count; i++)
        metrics_add(m, (double)page->view->surveys[i]->report.kernel_drops, "worker",
                    metrics_number(page->view->worker[i]).text);
}

static void put_state(const struct metrics_page *page)
{
    struct metrics *m = page->metrics;
    sink_put_metrics(m, page->view->options->sink);
    metrics_family(m, "goflow2plus_workers", METRICS_GAUGE, "Worker threads.");
    metrics_add(m, page->view->options->lane_count);
    metrics_family(m, "goflow2plus_workers_late", METRICS_GAUGE,
                   "Workers that did not answer in time: their values are older ones.");
    metrics_add(m, page->view->late);
}

static void put_losses(const struct metrics_page *page)
{
    struct watch_view seen;
    watch_copy(page->view->options->watch, &seen);
    loss_metrics(page->metrics, seen.losses);
}

static int init(struct metrics_page *page)
{
    const struct monitor_view *view = page->view;
    if (exporter_list_init(&page->exporters, view->surveys, view->count, MONITOR_SERIES_MAX) != 0 ||
        sender_list_init(&page->senders, view->surveys, view->count, MONITOR_SERIES_MAX) != 0)
        return -1;
    page->metrics = metrics_new();
    find_places(page);
    sum_reports(page);
    return page->metrics == NULL ? -1 : 0;
}

void monitor_metrics(const struct monitor_view *view, struct http_answer *answer)
{
    struct metrics_page page = {.view = view};
    if (init(&page) == 0) {
        put_traffic(&page);
        put_listeners(&page);
        monitor_metrics_exporters(&page);
        monitor_metrics_templates(&page);
        ledger_metrics_input(page.metrics, &page.sum.ledger);
        ledger_metrics_flows(page.metrics, &page.sum.ledger);
        put_state(&page);
        put_losses(&page);
        reload_put_metrics(page.metrics, &view->options->reloads);
        ledger_metrics_process(page.metrics);
        answer->body = metrics_finish(page.metrics, &answer->len);
    }
    exporter_list_fini(&page.exporters);
    sender_list_fini(&page.senders);
    if (answer->body == NULL)
        http_answer_text(answer, 500, "out of memory\n");
    else
        answer->type = "text/plain; version=0.0.4; charset=utf-8";
}
