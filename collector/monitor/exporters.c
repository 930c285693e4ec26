#include "collector/monitor/page.h"

#include "collector/monitor/exporter_list.h"
#include "collector/monitor/verdict.h"

#include <stdlib.h>
#include <time.h>

static void put_time(FILE *out, const char *name, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    char text[40];
    if (ns == 0 || gmtime_r(&seconds, &parts) == NULL) {
        fprintf(out, ",\"%s\":null", name);
        return;
    }
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    fprintf(out, ",\"%s\":\"%s\"", name, text);
}

static void put_count(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_counted(FILE *out, const struct sequence *sequence)
{
    bool known = sequence_has_rule(sequence);
    fprintf(out, ",\"sequence_counts\":\"%s\",\"sequence_incl\":%s,\"sequence_by_port\":%s",
            exporter_counted(sequence), known && (sequence->rule & SEQUENCE_OWN) ? "true" : "false",
            known && (sequence->rule & SEQUENCE_SHARED) ? "true" : "false");
}

static void put_counts(FILE *out, const struct exporter *e)
{
    put_count(out, "datagrams", e->counts.datagrams);
    put_count(out, "bytes", e->counts.bytes);
    put_count(out, "flows", e->counts.flows);
    put_count(out, "flows_limited", e->counts.flows_limited);
    put_count(out, "lost", e->sequence.lost);
    put_count(out, "duplicates", e->sequence.duplicates);
    put_count(out, "reordered", e->sequence.reordered);
    put_count(out, "resets", e->sequence.resets);
    put_counted(out, &e->sequence);
    put_count(out, "units_dropped", e->counts.units_dropped);
    put_count(out, "sampling_rate", e->sampling_rate);
    fprintf(out, ",\"sampling_source\":\"%s\"", exporter_sampling_text(e->sampling));
    put_count(out, "sampling_announced", e->sampling_said);
    fprintf(out, ",\"sampling_announced_by\":\"%s\"", exporter_sampling_text(e->sampling_said_by));
    put_count(out, "sampling_missing", e->counts.sampling_missing);
    put_count(out, "elements_unused", e->elements_unused);
    put_count(out, "held_sets", e->held.count);
    put_count(out, "held_bytes", e->held.bytes);
    put_count(out, "template_missing", e->counts.template_missing);
    put_count(out, "template_changes", e->counts.template_changes);
}

static const char *verdict_of(char room[static VERDICT_TEXT_MAX], const struct exporter *e,
                              uint64_t now_ns)
{
    struct buf text = buf_over(room, VERDICT_TEXT_MAX - 1);
    verdict_write(&text, e, now_ns);
    room[text.len] = '\0';
    return room;
}

static void put_exporter(FILE *out, const struct survey_exporter *one, uint64_t now_ns)
{
    const struct exporter *e = &one->exporter;
    char address[ADDR_TEXT_MAX];
    char router[ADDR_TEXT_MAX];
    char verdict[VERDICT_TEXT_MAX];
    struct verdict_rates rates = verdict_rates(e, now_ns);
    fprintf(out, "{\"exporter\":\"%s\",\"protocol\":\"%s\",\"domain\":%u",
            addr_string(address, &e->key.source), exporter_protocol(e->key.type), e->key.id);
    fprintf(out, ",\"router\":\"%s\",\"port\":%u", addr_string(router, &e->router), e->port);
    put_counts(out, e);
    fprintf(out, ",\"flows_per_second\":%.1f,\"lost_share\":%.4f,\"clock_ahead_seconds\":%.3f",
            rates.flows_per_second, rates.lost_share, (double)e->skew_ns / 1e9);
    put_count(out, "templates", one->templates);
    put_time(out, "first_seen", e->first_seen_ns);
    put_time(out, "last_seen", e->last_seen_ns);
    put_time(out, "last_flow", e->last_flow_ns);
    put_time(out, "last_template", e->last_template_ns);
    fprintf(out, ",\"verdict\":\"%s\"}", verdict_of(verdict, e, now_ns));
}

static void put_json(FILE *out, const struct exporter_list *list, uint64_t now_ns)
{
    fputc('[', out);
    for (size_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "\n" : ",\n", out);
        put_exporter(out, &list->items[i], now_ns);
    }
    fputs(list->count == 0 ? "]\n" : "\n]\n", out);
}

static const char *duration_of(char room[static 24], uint64_t ns, const char *sign)
{
    struct buf text = buf_over(room, 23);
    buf_text(&text, sign);
    verdict_duration(&text, ns);
    room[text.len] = '\0';
    return room;
}

static const char *skew_of(char room[static 24], const struct exporter *e)
{
    if (e->key.type == FLOW_TYPE_SFLOW_5) // its datagrams say no time
        return "-";
    uint64_t skew_ns = e->skew_ns < 0 ? -(uint64_t)e->skew_ns : (uint64_t)e->skew_ns;
    return duration_of(room, skew_ns, e->skew_ns < 0 ? "-" : "+");
}

#define SAMPLING_TEXT_MAX 80

// The rate in use and where it was found, and what the exporter says when that is another one.
static const char *sampling_of(char room[static SAMPLING_TEXT_MAX], const struct exporter *e)
{
    if (!exporter_sampling_known(e->sampling))
        return e->counts.flows == 0 ? "-" : exporter_sampling_text(e->sampling);
    int len = snprintf(room, SAMPLING_TEXT_MAX, "%llu %s", (unsigned long long)e->sampling_rate,
                       exporter_sampling_text(e->sampling));
    if (e->sampling_said != 0 && e->sampling_said != e->sampling_rate)
        snprintf(room + len, SAMPLING_TEXT_MAX - (size_t)len, ", says %llu",
                 (unsigned long long)e->sampling_said);
    return room;
}

static const char *counted_of(char room[static 48], const struct exporter *e)
{
    struct buf text = buf_over(room, 47);
    exporter_write_counted(&text, &e->sequence);
    room[text.len] = '\0';
    return room;
}

static void put_row(FILE *out, int width, const struct survey_exporter *one, uint64_t now_ns)
{
    const struct exporter *e = &one->exporter;
    char address[ADDR_TEXT_MAX];
    char skew[24];
    char seen[24];
    char sampling[SAMPLING_TEXT_MAX];
    char counted[48];
    char verdict[VERDICT_TEXT_MAX];
    uint64_t ago_ns = now_ns > e->last_seen_ns ? now_ns - e->last_seen_ns : 0;
    fprintf(out, "%-*s %-10s %10u %9zu %10.1f %10llu %-14s %8s %-15s %7llu %9s  %s\n", width,
            addr_string(address, &e->key.source), exporter_protocol(e->key.type), e->key.id,
            one->templates, verdict_rates(e, now_ns).flows_per_second,
            (unsigned long long)e->sequence.lost, counted_of(counted, e), skew_of(skew, e),
            sampling_of(sampling, e), (unsigned long long)e->elements_unused,
            duration_of(seen, ago_ns, ""), verdict_of(verdict, e, now_ns));
}

static void put_table(FILE *out, const struct exporter_list *list, uint64_t now_ns)
{
    int width = (int)sizeof "EXPORTER" - 1;
    for (size_t i = 0; i < list->count; i++) {
        char address[ADDR_TEXT_MAX];
        const struct addr *source = &list->items[i].exporter.key.source;
        int len = (int)addr_text(address, source->bytes, source->len);
        width = len > width ? len : width;
    }
    fprintf(out, "%-*s %-10s %10s %9s %10s %10s %-14s %8s %-15s %7s %9s  %s\n", width, "EXPORTER",
            "PROTOCOL", "DOMAIN", "TEMPLATES", "FLOWS/S", "LOST", "OF", "CLOCK", "SAMPLING",
            "UNUSED", "LAST SEEN", "VERDICT");
    for (size_t i = 0; i < list->count; i++)
        put_row(out, width, &list->items[i], now_ns);
    if (list->left_out != 0)
        fprintf(out, "and %zu more\n", list->left_out);
}

void monitor_exporters(const struct monitor_view *view, bool as_table, struct http_answer *answer)
{
    struct exporter_list list;
    char *body = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&body, &len);
    if (out == NULL ||
        exporter_list_init(&list, view->surveys, view->count, MONITOR_EXPORTERS_MAX) != 0) {
        if (out != NULL)
            fclose(out);
        free(body);
        http_answer_text(answer, 500, "out of memory\n");
        return;
    }
    if (as_table)
        put_table(out, &list, view->now_ns);
    else
        put_json(out, &list, view->now_ns);
    answer->shown = list.count;
    answer->all = list.count + list.left_out;
    exporter_list_fini(&list);
    monitor_answer(answer, out, &body, &len, as_table ? NULL : "application/json");
}
