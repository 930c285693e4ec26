#include "common/base/metrics.h"

#include "common/base/buf.h"
#include "common/base/decimal.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 1024 // bytes of a series' labels

// A series of the current family. The texts are one allocation, name suffix and labels.
struct series {
    char *text;
    double value;
};

struct metrics {
    FILE *out;
    char *page;
    size_t page_len;
    bool failed;
    const char *name;
    enum metrics_type type;
    struct series *series;
    size_t count;
    size_t room;
};

void metrics_observe(struct metrics_summary *summary, uint64_t value, uint64_t count)
{
    int bits = value == 0 ? 0 : 64 - __builtin_clzll(value);
    summary->count += count;
    summary->sum += value * count;
    summary->steps[bits < METRICS_STEPS ? bits : METRICS_STEPS - 1] += count;
}

void metrics_merge(struct metrics_summary *sum, const struct metrics_summary *part)
{
    sum->count += part->count;
    sum->sum += part->sum;
    for (int i = 0; i < METRICS_STEPS; i++)
        sum->steps[i] += part->steps[i];
}

double metrics_quantile(const struct metrics_summary *summary, double quantile)
{
    double wanted = quantile * (double)summary->count;
    double below = 0;
    if (summary->count == 0)
        return NAN;
    for (int i = 0; i < METRICS_STEPS; i++) {
        double here = (double)summary->steps[i];
        if (here > 0 && below + here >= wanted) {
            double low = i == 0 ? 0 : ldexp(1, i - 1);
            double high = i == 0 ? 0 : ldexp(1, i);
            return low + (high - low) * (wanted - below) / here;
        }
        below += here;
    }
    return ldexp(1, METRICS_STEPS - 1);
}

struct metrics *metrics_new(void)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->out = open_memstream(&m->page, &m->page_len);
    if (m->out != NULL)
        return m;
    free(m);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct series *)a)->text, ((const struct series *)b)->text);
}

static void put_value(FILE *out, double value)
{
    if (isnan(value))
        fputs(" NaN\n", out);
    else if (value >= 0 && value < 9007199254740992.0 && floor(value) == value)
        fprintf(out, " %.0f\n", value);
    else
        fprintf(out, " %.17g\n", value);
}

static double combine(enum metrics_type type, double a, double b)
{
    if (type == METRICS_LATEST)
        return a > b ? a : b;
    return a + b;
}

// Writes the series collected and frees them.
static void end_family(struct metrics *m)
{
    if (m->count != 0)
        qsort(m->series, m->count, sizeof m->series[0], compare);
    for (size_t i = 0; i < m->count;) {
        size_t same = i + 1;
        double value = m->series[i].value;
        for (; same < m->count && compare(&m->series[i], &m->series[same]) == 0; same++)
            value = combine(m->type, value, m->series[same].value);
        fprintf(m->out, "%s%s", m->name, m->series[i].text);
        put_value(m->out, value);
        for (; i < same; i++)
            free(m->series[i].text);
    }
    m->count = 0;
}

void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "summary", "gauge"};
    end_family(m);
    m->name = name;
    m->type = type;
    fprintf(m->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_text(out, "\\n");
            continue;
        }
        if (*text == '"' || *text == '\\')
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
}

// The text of a series: a suffix of its name, then its labels.
static char *text_of(const char *suffix, va_list labels)
{
    char room[LABELS_MAX];
    struct buf out = buf_over(room, sizeof room);
    char separator = '{';
    buf_text(&out, suffix);
    for (const char *name = va_arg(labels, const char *); name != NULL;
         name = va_arg(labels, const char *)) {
        buf_byte(&out, separator);
        buf_text(&out, name);
        buf_text(&out, "=\"");
        put_escaped(&out, va_arg(labels, const char *));
        buf_byte(&out, '"');
        separator = ',';
    }
    if (separator == ',')
        buf_byte(&out, '}');
    return buf_ok(&out) ? strndup(room, out.len) : NULL;
}

static void add(struct metrics *m, double value, const char *suffix, va_list labels)
{
    if (m->count == m->room) {
        size_t room = m->room == 0 ? 64 : 2 * m->room;
        struct series *grown = realloc(m->series, room * sizeof m->series[0]);
        if (grown == NULL) {
            m->failed = true;
            return;
        }
        m->series = grown;
        m->room = room;
    }
    char *text = text_of(suffix, labels);
    if (text == NULL)
        m->failed = true;
    else
        m->series[m->count++] = (struct series){.text = text, .value = value};
}

void metrics_add_labels(struct metrics *m, double value, ...)
{
    va_list labels;
    va_start(labels, value);
    add(m, value, "", labels);
    va_end(labels);
}

void metrics_add_sum_labels(struct metrics *m, double sum, double count, ...)
{
    va_list labels;
    va_start(labels, count);
    add(m, sum, "_sum", labels);
    va_end(labels);
    va_start(labels, count);
    add(m, count, "_count", labels);
    va_end(labels);
}

void metrics_add_summary(struct metrics *m, const struct metrics_summary *summary, double unit,
                         const char *label, const char *value)
{
    static const struct {
        double quantile;
        const char *text;
    } quantiles[] = {{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}};
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        metrics_add(m, unit * metrics_quantile(summary, quantiles[i].quantile), label, value,
                    "quantile", quantiles[i].text);
    metrics_add_sum(m, unit * (double)summary->sum, (double)summary->count, label, value);
}

char *metrics_finish(struct metrics *m, size_t *len)
{
    end_family(m);
    m->failed |= ferror(m->out) != 0;
    m->failed |= fclose(m->out) != 0;
    char *page = m->page;
    *len = m->page_len;
    if (m->failed) {
        free(page);
        page = NULL;
    }
    free(m->series);
    free(m);
    return page;
}

struct metrics_number metrics_number(uint64_t value)
{
    struct metrics_number out;
    *decimal_put((uint8_t *)out.text, value) = '\0';
    return out;
}
