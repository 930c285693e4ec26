#include "collector/monitor/metrics.h"

#include "collector/keep/template_json.h"

#include <string.h>

#define TEMPLATES_MAX 4096 // with metrics of their own

// One row of a family: an exporter, or the sum of those that have no row of their own.
struct row {
    char address[ADDR_TEXT_MAX]; // "other" for the sum
    char router[ADDR_TEXT_MAX];
    struct metrics_number domain; // "" for the sum
    enum flow_type type;
    struct exporter_sums sums;
    const struct exporter *exporter; // NULL for the sum
};

static struct row row_of(const struct exporter *exporter)
{
    struct row row = {.domain = metrics_number(exporter->key.id),
                      .type = exporter->key.type,
                      .exporter = exporter};
    addr_string(row.address, &exporter->key.source);
    addr_string(row.router, &exporter->router);
    exporter_sums_add(&row.sums, exporter);
    return row;
}

static struct row row_of_others(enum flow_type type, const struct exporter_sums *sums)
{
    return (struct row){.address = "other", .router = "other", .type = type, .sums = *sums};
}

typedef void put_row(struct metrics *m, const struct row *row);

static void put_rows(const struct metrics_page *page, const char *name, enum metrics_type type,
                     const char *help, put_row *put)
{
    const struct exporter_list *list = &page->exporters;
    metrics_family(page->metrics, name, type, help);
    for (size_t i = 0; i < list->count; i++) {
        const struct row row = row_of(&list->items[i].exporter);
        put(page->metrics, &row);
    }
    for (int i = 0; i < EXPORTER_TYPES; i++) {
        const struct row row = row_of_others((enum flow_type)i, &list->others[i]);
        if (row.sums.counts.datagrams != 0)
            put(page->metrics, &row);
    }
}

static bool is_sflow(const struct row *row)
{
    return row->type == FLOW_TYPE_SFLOW_5;
}

static const char *version_of(const struct row *row)
{
    return row->type == FLOW_TYPE_NETFLOW_V9 ? "9" : row->type == FLOW_TYPE_IPFIX ? "10" : "5";
}

static void put_nf_total(struct metrics *m, const struct row *row)
{
    if (!is_sflow(row))
        metrics_add(m, (double)row->sums.counts.datagrams, "router", row->address, "version",
                    version_of(row));
}

static void put_nf_errors(struct metrics *m, const struct row *row)
{
    if (row->sums.counts.template_missing != 0)
        metrics_add(m, (double)row->sums.counts.template_missing, "error", "template_not_found",
                    "router", row->address);
}

static const char *const SETS[] = {"TemplateFlowSet", "OptionsTemplateFlowSet", "DataFlowSet",
                                   "OptionsDataFlowSet"};
static const char *const SAMPLES[EXPORTER_PARTS] = {
    "FlowSample", "ExpandedFlowSample", "CounterSample", "ExpandedCounterSample", "unknown"};

static void put_nf_sets(struct metrics *m, const struct row *row)
{
    for (size_t i = 0; i < sizeof SETS / sizeof SETS[0] && !is_sflow(row); i++)
        if (row->sums.counts.parts[i] != 0)
            metrics_add(m, (double)row->sums.counts.parts[i], "router", row->address, "type",
                        SETS[i], "version", version_of(row));
}

static void put_nf_records(struct metrics *m, const struct row *row)
{
    for (size_t i = 0; i < sizeof SETS / sizeof SETS[0] && !is_sflow(row); i++)
        if (row->sums.counts.records[i] != 0)
            metrics_add(m, (double)row->sums.counts.records[i], "router", row->address, "type",
                        SETS[i], "version", version_of(row));
}

static void put_nf_delay(struct metrics *m, const struct row *row)
{
    bool has_times = row->type == FLOW_TYPE_NETFLOW_V9 || row->type == FLOW_TYPE_IPFIX;
    if (has_times && row->sums.counts.delays != 0)
        metrics_add_sum(m, row->sums.counts.delay_s, (double)row->sums.counts.delays, "router",
                        row->address, "version", version_of(row));
}

static void put_sf_total(struct metrics *m, const struct row *row)
{
    if (is_sflow(row))
        metrics_add(m, (double)row->sums.counts.datagrams, "agent", row->address, "router",
                    row->router, "version", "5");
}

static void put_sf_samples(struct metrics *m, const struct row *row)
{
    for (int i = 0; i < EXPORTER_PARTS && is_sflow(row); i++)
        if (row->sums.counts.parts[i] != 0)
            metrics_add(m, (double)row->sums.counts.parts[i], "agent", row->address, "router",
                        row->router, "type", SAMPLES[i], "version", "5");
}

static void put_sf_records(struct metrics *m, const struct row *row)
{
    for (int i = 0; i < EXPORTER_PARTS && is_sflow(row); i++)
        if (row->sums.counts.parts[i] != 0)
            metrics_add(m, (double)row->sums.counts.records[i], "agent", row->address, "router",
                        row->router, "type", SAMPLES[i], "version", "5");
}

static void put_upstream(const struct metrics_page *page)
{
    put_rows(page, "goflow2_flow_process_nf_total", METRICS_COUNTER, "NetFlows processed.",
             put_nf_total);
    put_rows(page, "goflow2_flow_process_nf_errors_total", METRICS_COUNTER,
             "NetFlows processed errors.", put_nf_errors);
    put_rows(page, "goflow2_flow_process_nf_flowset_total", METRICS_COUNTER,
             "NetFlows FlowSets sum.", put_nf_sets);
    put_rows(page, "goflow2_flow_process_nf_flowset_records_total", METRICS_COUNTER,
             "NetFlows FlowSets sum of records.", put_nf_records);
    put_rows(page, "goflow2_flow_process_nf_delay_seconds", METRICS_SUMMARY,
             "NetFlows time difference between time of flow and processing.", put_nf_delay);
    put_rows(page, "goflow2_flow_process_sf_total", METRICS_COUNTER, "sFlows processed.",
             put_sf_total);
    put_rows(page, "goflow2_flow_process_sf_samples_total", METRICS_COUNTER, "SFlows samples sum.",
             put_sf_samples);
    put_rows(page, "goflow2_flow_process_sf_samples_records_total", METRICS_COUNTER,
             "SFlows samples sum of records.", put_sf_records);
}

// Our own families of exporters: one value each.
enum value {
    VALUE_DATAGRAMS,
    VALUE_FLOWS,
    VALUE_FLOWS_LIMITED,
    VALUE_LOST,
    VALUE_DUPLICATES,
    VALUE_REORDERED,
    VALUE_RESETS,
    VALUE_UNITS_DROPPED,
    VALUE_TEMPLATE_CHANGES,
    VALUE_SAMPLING_MISSING,
    VALUE_GAUGES, // from here on of single exporters only
    VALUE_HELD = VALUE_GAUGES,
    VALUE_SAMPLING_RATE,
    VALUE_CLOCK,
    VALUE_LAST_SEEN,
};

static double value_of(const struct row *row, enum value value)
{
    const struct exporter_counts *counts = &row->sums.counts;
    switch (value) {
    case VALUE_DATAGRAMS:
        return (double)counts->datagrams;
    case VALUE_FLOWS:
        return (double)counts->flows;
    case VALUE_FLOWS_LIMITED:
        return (double)counts->flows_limited;
    case VALUE_LOST:
        return (double)row->sums.lost;
    case VALUE_DUPLICATES:
        return (double)row->sums.duplicates;
    case VALUE_REORDERED:
        return (double)row->sums.reordered;
    case VALUE_RESETS:
        return (double)row->sums.resets;
    case VALUE_UNITS_DROPPED:
        return (double)counts->units_dropped;
    case VALUE_TEMPLATE_CHANGES:
        return (double)counts->template_changes;
    case VALUE_SAMPLING_MISSING:
        return (double)counts->sampling_missing;
    case VALUE_HELD:
        return (double)row->exporter->held.count;
    case VALUE_SAMPLING_RATE:
        return (double)row->exporter->sampling_rate;
    case VALUE_CLOCK:
        return (double)row->exporter->skew_ns / 1e9;
    case VALUE_LAST_SEEN:
        return (double)row->exporter->last_seen_ns / 1e9;
    }
    return 0;
}

static const struct {
    enum value value;
    enum metrics_type type;
    const char *name;
    const char *help;
} FAMILIES[] = {
    {VALUE_DATAGRAMS, METRICS_COUNTER, "goflow2plus_exporter_datagrams_total",
     "Datagrams of an exporter."},
    {VALUE_FLOWS, METRICS_COUNTER, "goflow2plus_exporter_flows_total",
     "Flows decoded of an exporter."},
    {VALUE_FLOWS_LIMITED, METRICS_COUNTER, "goflow2plus_exporter_flows_limited_total",
     "Flows of an exporter left out by its limit."},
    // What comes late after all is taken off again, so it is no counter.
    {VALUE_LOST, METRICS_GAUGE, "goflow2plus_exporter_lost",
     "Units of its sequence numbers that never came: datagrams, or records where these are "
     "counted."},
    {VALUE_DUPLICATES, METRICS_COUNTER, "goflow2plus_exporter_duplicates_total",
     "Datagrams of an exporter that came again."},
    {VALUE_REORDERED, METRICS_COUNTER, "goflow2plus_exporter_reordered_total",
     "Datagrams of an exporter that came late."},
    {VALUE_RESETS, METRICS_COUNTER, "goflow2plus_exporter_resets_total",
     "Times that the sequence numbers of an exporter began anew."},
    {VALUE_UNITS_DROPPED, METRICS_COUNTER, "goflow2plus_exporter_units_dropped_total",
     "Sets and samples of an exporter that were dropped."},
    {VALUE_TEMPLATE_CHANGES, METRICS_COUNTER, "goflow2plus_exporter_template_changes_total",
     "Templates of an exporter announced again with another layout."},
    {VALUE_SAMPLING_MISSING, METRICS_COUNTER, "goflow2plus_exporter_sampling_missing_total",
     "Flows of an exporter whose sampling rate is not known."},
    {VALUE_HELD, METRICS_GAUGE, "goflow2plus_exporter_sets_held",
     "Sets of an exporter that wait for their template."},
    {VALUE_SAMPLING_RATE, METRICS_GAUGE, "goflow2plus_exporter_sampling_rate",
     "Sampling rate of the latest flow of an exporter, 0 when it is not known."},
    {VALUE_CLOCK, METRICS_GAUGE, "goflow2plus_exporter_clock_ahead_seconds",
     "The clock of an exporter against ours, by its latest datagram."},
    {VALUE_LAST_SEEN, METRICS_GAUGE, "goflow2plus_exporter_last_seen_timestamp_seconds",
     "Unix time of the latest datagram of an exporter."},
};

static void put_value(struct metrics *m, const struct row *row, enum value value)
{
    if (row->exporter == NULL && value >= VALUE_GAUGES)
        return;
    // Of one agent several senders may send.
    if (is_sflow(row) && strcmp(row->router, row->address) != 0)
        metrics_add(m, value_of(row, value), "domain", row->domain.text, "exporter", row->address,
                    "protocol", exporter_protocol(row->type), "router", row->router);
    else
        metrics_add(m, value_of(row, value), "domain", row->domain.text, "exporter", row->address,
                    "protocol", exporter_protocol(row->type));
}

static void put_own(const struct metrics_page *page)
{
    const struct exporter_list *list = &page->exporters;
    struct metrics *m = page->metrics;
    for (size_t f = 0; f < sizeof FAMILIES / sizeof FAMILIES[0]; f++) {
        metrics_family(m, FAMILIES[f].name, FAMILIES[f].type, FAMILIES[f].help);
        for (size_t i = 0; i < list->count; i++) {
            const struct row row = row_of(&list->items[i].exporter);
            put_value(m, &row, FAMILIES[f].value);
        }
        for (int i = 0; i < EXPORTER_TYPES; i++) {
            const struct row row = row_of_others((enum flow_type)i, &list->others[i]);
            if (row.sums.counts.datagrams != 0)
                put_value(m, &row, FAMILIES[f].value);
        }
    }
    metrics_family(m, "goflow2plus_exporters", METRICS_GAUGE,
                   "Exporters known: source address, protocol and domain.");
    metrics_add(m, (double)(list->count + list->left_out));
}

void monitor_metrics_exporters(const struct metrics_page *page)
{
    put_upstream(page);
    put_own(page);
}

typedef double template_value_of(const struct template_life *life);

static double announced_of(const struct template_life *life)
{
    return (double)life->announced;
}

static double added_of(const struct template_life *life)
{
    return (double)life->added_ns / 1e9;
}

static double updated_of(const struct template_life *life)
{
    return (double)life->updated_ns / 1e9;
}

static double used_of(const struct template_life *life)
{
    return (double)life->used_ns / 1e9;
}

static void put_template(struct metrics *m, const struct survey_template *template, double value)
{
    char router[TEMPLATE_ROUTER_MAX];
    template_json_router(router, &template->key);
    metrics_add(m, value, "obs_domain_id", metrics_number(template->key.id).text, "router", router,
                "template_id", metrics_number(template->id).text, "type",
                template->options ? "options_template" : "template", "version",
                metrics_number(template->key.version).text);
}

// A value of 0 never happened and has no series.
static void put_templates(const struct metrics_page *page, const char *name, enum metrics_type type,
                          const char *help, template_value_of *value)
{
    struct survey_template template;
    const struct template_field *fields;
    unsigned count = 0;
    metrics_family(page->metrics, name, type, help);
    for (unsigned i = 0; i < page->view->count; i++)
        for (size_t at = 0; survey_template_at(page->view->surveys[i], &at, &template, &fields);)
            if (value(&template.life) > 0 && count++ < TEMPLATES_MAX)
                put_template(page->metrics, &template, value(&template.life));
}

void monitor_metrics_templates(const struct metrics_page *page)
{
    put_templates(page, "goflow2_flow_process_nf_templates_total", METRICS_COUNTER,
                  "NetFlows Template count.", announced_of);
    put_templates(page, "goflow2_flow_process_nf_template_added_timestamp_seconds", METRICS_LATEST,
                  "Unix timestamp when a template was added.", added_of);
    put_templates(page, "goflow2_flow_process_nf_template_updated_timestamp_seconds",
                  METRICS_LATEST, "Unix timestamp when a template was updated.", updated_of);
    put_templates(page, "goflow2_flow_process_nf_template_accessed_timestamp_seconds",
                  METRICS_LATEST, "Unix timestamp when a template was last accessed.", used_of);
}
