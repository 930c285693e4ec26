#include "collector/monitor/page.h"

#include "collector/monitor/exporter_list.h"
#include "collector/monitor/verdict.h"

#include <stdlib.h>
#include <string.h>
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
    put_count(out, "held_sets", e->held.count);
    put_count(out, "held_bytes", e->held.bytes);
    put_count(out, "template_missing", e->counts.template_missing);
    put_count(out, "template_changes", e->counts.template_changes);
}

static void put_verdict(FILE *out, const struct verdict *verdict)
{
    char room[VERDICT_TEXT_MAX];
    struct buf text = buf_over(room, sizeof room - 1);
    verdict_write(&text, verdict);
    fprintf(out, ",\"verdict\":\"%.*s\",\"faults\":[", (int)text.len, room);
    for (unsigned i = 0; i < verdict->count; i++) {
        const struct verdict_fault *fault = &verdict->faults[i];
        fprintf(out, "%s{\"reason\":\"%s\",\"says\":\"%s\",\"cure\":\"%s\"}", i == 0 ? "" : ",",
                verdict_code(fault->reason), fault->says, fault->cure);
    }
    fputc(']', out);
}

// As mapping.yaml names them.
static void put_unused(FILE *out, const struct survey_exporter *one)
{
    put_count(out, "elements_unused", one->unused_count);
    fputs(",\"elements_not_used\":[", out);
    for (unsigned i = 0; i < one->unused_count; i++) {
        const struct template_field *field = &one->unused[i];
        fprintf(out, "%s{\"element\":%u,\"enterprise\":%u}", i == 0 ? "" : ",", field->element,
                field->enterprise);
    }
    fputc(']', out);
}

static void put_exporter(FILE *out, const struct survey_exporter *one, uint64_t now_ns)
{
    const struct exporter *e = &one->exporter;
    char address[ADDR_TEXT_MAX];
    char router[ADDR_TEXT_MAX];
    struct verdict_rates rates = verdict_rates(e, now_ns);
    const struct verdict verdict = verdict_of(e, one->flows_elsewhere, now_ns);
    fprintf(out, "{\"exporter\":\"%s\",\"protocol\":\"%s\",\"domain\":%u",
            addr_string(address, &e->key.source), exporter_protocol(e->key.type), e->key.id);
    fprintf(out, ",\"router\":\"%s\",\"port\":%u", addr_string(router, &e->router), e->port);
    put_counts(out, e);
    fprintf(out, ",\"flows_per_second\":%.1f,\"bits_per_second\":%.0f,\"lost_share\":%.4f",
            rates.flows_per_second, rates.bits_per_second, rates.lost_share);
    fprintf(out, ",\"clock_ahead_seconds\":%.3f", (double)e->skew_ns / 1e9);
    put_count(out, "templates", one->templates);
    put_unused(out, one);
    put_time(out, "first_seen", e->first_seen_ns);
    put_time(out, "last_seen", e->last_seen_ns);
    put_time(out, "last_flow", e->last_flow_ns);
    put_time(out, "last_template", e->last_template_ns);
    put_verdict(out, &verdict);
    fputc('}', out);
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

// One row of the table, as text: what all columns hold.
enum column {
    COLUMN_EXPORTER,
    COLUMN_PROTOCOL,
    COLUMN_DOMAIN,
    COLUMN_TEMPLATES,
    COLUMN_FLOWS,
    COLUMN_BITS,
    COLUMN_LOST,
    COLUMN_COUNTED,
    COLUMN_CLOCK,
    COLUMN_SAMPLING,
    COLUMN_NOT_USED,
    COLUMN_SEEN,
    COLUMN_VERDICT,
    COLUMNS,
};

#define CELL_MAX 80

static const struct {
    const char *head;
    bool left; // aligned
} HEADS[COLUMNS] = {
    [COLUMN_EXPORTER] = {"EXPORTER", true},  [COLUMN_PROTOCOL] = {"PROTOCOL", true},
    [COLUMN_DOMAIN] = {"DOMAIN", false},     [COLUMN_TEMPLATES] = {"TEMPLATES", false},
    [COLUMN_FLOWS] = {"FLOWS/S", false},     [COLUMN_BITS] = {"BITS/S", false},
    [COLUMN_LOST] = {"LOST", false},         [COLUMN_COUNTED] = {"OF", true},
    [COLUMN_CLOCK] = {"CLOCK", false},       [COLUMN_SAMPLING] = {"SAMPLING", true},
    [COLUMN_NOT_USED] = {"NOT USED", false}, [COLUMN_SEEN] = {"LAST SEEN", false},
    [COLUMN_VERDICT] = {"VERDICT", true},
};

struct cells {
    char text[COLUMN_VERDICT][CELL_MAX];
};

static void fill(char cell[static CELL_MAX], struct buf *text)
{
    cell[text->len] = '\0';
}

static void write_bits(struct buf *out, double bits)
{
    static const char units[] = " kMGT";
    unsigned unit = 0;
    for (; bits >= 1000 && units[unit + 1] != '\0'; unit++)
        bits /= 1000;
    buf_printf(out, unit == 0 ? "%.0f" : "%.1f %c", bits, units[unit]);
}

// Less than a second is the way and the reading.
static void write_skew(struct buf *out, const struct exporter *e)
{
    uint64_t skew_ns = e->skew_ns < 0 ? -(uint64_t)e->skew_ns : (uint64_t)e->skew_ns;
    if (e->key.type == FLOW_TYPE_SFLOW_5) { // its datagrams say no time
        buf_text(out, "-");
        return;
    }
    if (skew_ns >= 1000000000)
        buf_text(out, e->skew_ns < 0 ? "-" : "+");
    verdict_duration(out, skew_ns);
}

// The rate in use and where it was found, and what the exporter says when that is another one.
static void write_sampling(struct buf *out, const struct exporter *e)
{
    if (exporter_sampling_known(e->sampling))
        buf_printf(out, "%llu ", (unsigned long long)e->sampling_rate);
    if (e->counts.flows == 0 && !exporter_sampling_known(e->sampling))
        buf_text(out, "-");
    else
        buf_text(out, exporter_sampling_text(e->sampling));
    if (exporter_sampling_known(e->sampling) && e->sampling_said != 0 &&
        e->sampling_said != e->sampling_rate)
        buf_printf(out, ", says %llu", (unsigned long long)e->sampling_said);
}

static void write_cell(struct buf *out, enum column column, const struct survey_exporter *one,
                       uint64_t now_ns)
{
    const struct exporter *e = &one->exporter;
    char address[ADDR_TEXT_MAX];
    switch (column) {
    case COLUMN_EXPORTER:
        buf_text(out, addr_string(address, &e->key.source));
        break;
    case COLUMN_PROTOCOL:
        buf_text(out, exporter_protocol(e->key.type));
        break;
    case COLUMN_DOMAIN:
        buf_printf(out, "%u", e->key.id);
        break;
    case COLUMN_TEMPLATES:
        buf_printf(out, "%zu", one->templates);
        break;
    case COLUMN_FLOWS:
        buf_printf(out, "%.1f", verdict_rates(e, now_ns).flows_per_second);
        break;
    case COLUMN_BITS:
        write_bits(out, verdict_rates(e, now_ns).bits_per_second);
        break;
    case COLUMN_LOST:
        buf_printf(out, "%llu", (unsigned long long)e->sequence.lost);
        break;
    case COLUMN_COUNTED:
        exporter_write_counted(out, &e->sequence);
        break;
    case COLUMN_CLOCK:
        write_skew(out, e);
        break;
    case COLUMN_SAMPLING:
        write_sampling(out, e);
        break;
    case COLUMN_NOT_USED:
        buf_printf(out, "%u", one->unused_count);
        break;
    case COLUMN_SEEN:
        verdict_duration(out, now_ns > e->last_seen_ns ? now_ns - e->last_seen_ns : 0);
        break;
    case COLUMN_VERDICT:
    case COLUMNS:
        break;
    }
}

static void write_cells(struct cells *cells, const struct survey_exporter *one, uint64_t now_ns)
{
    for (int i = 0; i < COLUMN_VERDICT; i++) {
        struct buf text = buf_over(cells->text[i], CELL_MAX - 1);
        write_cell(&text, (enum column)i, one, now_ns);
        fill(cells->text[i], &text);
    }
}

static void widen(int widths[static COLUMN_VERDICT], const struct cells *cells)
{
    for (int i = 0; i < COLUMN_VERDICT; i++) {
        int len = (int)strlen(cells->text[i]);
        widths[i] = len > widths[i] ? len : widths[i];
    }
}

static void put_cells(FILE *out, const int widths[static COLUMN_VERDICT], const struct cells *cells)
{
    for (int i = 0; i < COLUMN_VERDICT; i++)
        fprintf(out, HEADS[i].left ? "%-*s  " : "%*s  ", widths[i], cells->text[i]);
}

static void put_row(FILE *out, const int widths[static COLUMN_VERDICT],
                    const struct survey_exporter *one, uint64_t now_ns)
{
    const struct verdict verdict = verdict_of(&one->exporter, one->flows_elsewhere, now_ns);
    char room[VERDICT_TEXT_MAX];
    struct buf text = buf_over(room, sizeof room - 1);
    struct cells cells;
    write_cells(&cells, one, now_ns);
    put_cells(out, widths, &cells);
    verdict_write(&text, &verdict);
    fprintf(out, "%.*s\n", (int)text.len, room);
}

static void put_table(FILE *out, const struct exporter_list *list, uint64_t now_ns)
{
    int widths[COLUMN_VERDICT] = {0};
    struct cells cells;
    for (size_t i = 0; i < list->count; i++) {
        write_cells(&cells, &list->items[i], now_ns);
        widen(widths, &cells);
    }
    for (int i = 0; i < COLUMN_VERDICT; i++)
        snprintf(cells.text[i], CELL_MAX, "%s", HEADS[i].head);
    widen(widths, &cells);
    put_cells(out, widths, &cells);
    fprintf(out, "%s\n", HEADS[COLUMN_VERDICT].head);
    for (size_t i = 0; i < list->count; i++)
        put_row(out, widths, &list->items[i], now_ns);
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
