// A page of metrics in the Prometheus text format, made on request.
//
//   struct metrics *m = metrics_new();
//   metrics_family(m, "goflow2_flow_process_nf_total", METRICS_COUNTER, "NetFlows processed.");
//   metrics_add(m, 12, "router", "192.0.2.1", "version", "9");
//   char *text = metrics_finish(m, &len);
//
// There is no registry: who is asked gathers the values and adds them. What is added twice under
// the same labels is summed, so that no series ever stands there twice. One thread.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <stddef.h>
#include <stdint.h>

enum metrics_type {
    METRICS_COUNTER,
    METRICS_GAUGE,
    METRICS_SUMMARY,
    METRICS_LATEST, // a gauge; of what is added twice the larger value counts
};

// A distribution of unsigned values, in steps of a factor of two.
#define METRICS_STEPS 40

struct metrics_summary {
    uint64_t count;
    uint64_t sum;
    uint64_t steps[METRICS_STEPS]; // step n holds values of n bits
};

// Adds `count` values of that size.
void metrics_observe(struct metrics_summary *summary, uint64_t value, uint64_t count);
void metrics_merge(struct metrics_summary *sum, const struct metrics_summary *part);

// The value that the share `quantile` of all does not exceed, to within a factor of two; NaN when
// there is none.
double metrics_quantile(const struct metrics_summary *summary, double quantile);

struct metrics;

struct metrics *metrics_new(void); // NULL without memory

// Begins a family. `name` and `help` are borrowed until metrics_finish.
void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help);

// Adds to a series of that family. The labels are pairs of strings, name then value, ended by NULL;
// in the order of their names, as the page is usually read.
void metrics_add_labels(struct metrics *m, double value, ...) __attribute__((sentinel));
#define metrics_add(...) metrics_add_labels(__VA_ARGS__, (char *)0)

// Adds a whole summary with one label, its values multiplied by `unit`: quantiles 0.5, 0.9 and
// 0.99, sum and count. Only once for each label value.
void metrics_add_summary(struct metrics *m, const struct metrics_summary *summary, double unit,
                         const char *label, const char *value);

// Adds sum and count of a summary without quantiles.
void metrics_add_sum_labels(struct metrics *m, double sum, double count, ...)
    __attribute__((sentinel));
#define metrics_add_sum(...) metrics_add_sum_labels(__VA_ARGS__, (char *)0)

// A number as the value of a label: metrics_add(m, 1, "worker", metrics_number(n).text).
struct metrics_number {
    char text[24];
};
struct metrics_number metrics_number(uint64_t value);

// The page, from malloc and terminated by NUL, or NULL without memory; the metrics are freed.
char *metrics_finish(struct metrics *m, size_t *len);
