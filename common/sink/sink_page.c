#include "common/sink/sink_page.h"

#include "common/base/loss_page.h"
#include "common/sink/sink_state.h"

void sink_put_scaled(FILE *out, double value, double step)
{
    static const char *const decimal[] = {"", "k", "M", "G", "T"};
    static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti"};
    size_t unit = 0;
    for (; value >= step && unit < sizeof decimal / sizeof decimal[0] - 1; unit++)
        value /= step;
    fprintf(out, "%.1f %s", value, step == 1024 ? binary[unit] : decimal[unit]);
}

static void put_fill(FILE *out, const char *name, const struct sink_fill *fill)
{
    if (fill->limit == 0)
        return;
    fprintf(out, ", %s ", name);
    sink_put_scaled(out, (double)fill->bytes, 1024);
    fputs("B of ", out);
    sink_put_scaled(out, (double)fill->limit, 1024);
    fputs("B", out);
}

void sink_put_text(FILE *out, struct sink *sink, const struct sink_books *books)
{
    const struct ledger *ledger = books->ledger;
    struct sink_state state = sink_state(sink);
    fprintf(out, "output  %s %s, %.1f flows/s delivered, %llu waiting, %llu failed since the start",
            sink->ops->name, sink_healthy(sink) ? "up" : "DOWN", books->delivered_per_second,
            (unsigned long long)ledger->flows_waiting,
            (unsigned long long)ledger_lost(ledger, REASON_CLASS_FLOW));
    put_fill(out, "buffer", &state.buffer);
    put_fill(out, "spool", &state.spool);
    fputc('\n', out);
    if (*state.trouble.text != '\0')
        fprintf(out, "        %s\n", state.trouble.text);
}

static void put_count(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_fill_json(FILE *out, const char *name, const struct sink_fill *fill)
{
    if (fill->limit != 0)
        fprintf(out, ",\"%s\":{\"bytes\":%llu,\"limit\":%llu}", name,
                (unsigned long long)fill->bytes, (unsigned long long)fill->limit);
}

void sink_put_json(FILE *out, struct sink *sink, const struct sink_books *books)
{
    const struct ledger *ledger = books->ledger;
    struct sink_state state = sink_state(sink);
    fprintf(out, "{\"transport\":\"%s\",\"up\":%s", sink->ops->name,
            sink_healthy(sink) ? "true" : "false");
    if (*state.trouble.text != '\0') {
        fputs(",\"trouble\":", out);
        loss_put_string(out, state.trouble.text);
    }
    fprintf(out, ",\"delivered_per_second\":%.1f", books->delivered_per_second);
    put_count(out, "made", ledger->flows_made);
    put_count(out, "delivered", ledger->flows_delivered);
    put_count(out, "filtered", ledger->flows_filtered);
    put_count(out, "waiting", ledger->flows_waiting);
    put_count(out, "failed", ledger_lost(ledger, REASON_CLASS_FLOW));
    put_fill_json(out, "buffer", &state.buffer);
    put_fill_json(out, "spool", &state.spool);
    fputc('}', out);
}

static void put_fill_metrics(struct metrics *m, const char *bytes, const char *limit,
                             const struct sink_fill *fill)
{
    if (fill->limit == 0)
        return;
    metrics_family(m, bytes, METRICS_GAUGE, "Bytes that wait there for the output.");
    metrics_add(m, (double)fill->bytes);
    metrics_family(m, limit, METRICS_GAUGE, "Bytes that it has room for.");
    metrics_add(m, (double)fill->limit);
}

void sink_put_metrics(struct metrics *m, struct sink *sink)
{
    struct sink_state state = sink_state(sink);
    metrics_family(m, "goflow2plus_output_up", METRICS_GAUGE,
                   "Whether the output takes what is written.");
    metrics_add(m, sink_healthy(sink));
    put_fill_metrics(m, "goflow2plus_output_buffer_bytes", "goflow2plus_output_buffer_limit_bytes",
                     &state.buffer);
    put_fill_metrics(m, "goflow2plus_spool_bytes", "goflow2plus_spool_limit_bytes", &state.spool);
    sink_report(sink, m);
}
