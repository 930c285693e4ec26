#include "collector/monitor/verdict.h"

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)

#define SILENT_NS  (5 * MINUTE_NS) // routers announce templates at least that often, usually
#define SKEW_NS    MINUTE_NS
#define LOST_SHARE 0.001

// Which may lie in the future when a clock was set back.
static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

void verdict_duration(struct buf *out, uint64_t ns)
{
    uint64_t seconds = ns / SECOND_NS;
    if (seconds < 120)
        buf_printf(out, "%llu s", (unsigned long long)seconds);
    else if (seconds < 120 * 60)
        buf_printf(out, "%llu min", (unsigned long long)(seconds / 60));
    else if (seconds < 48 * 3600)
        buf_printf(out, "%llu h", (unsigned long long)(seconds / 3600));
    else
        buf_printf(out, "%llu d", (unsigned long long)(seconds / 86400));
}

struct verdict_rates verdict_rates(const struct exporter *e, uint64_t now_ns)
{
    const struct exporter_mark *then = &e->mark_old;
    struct verdict_rates rates = {.flows_per_second = 0};
    double elapsed_s = (double)since(then->at_ns, now_ns) / 1e9;
    double taken = (double)(e->sequence.taken - then->taken);
    // What came late was taken off again.
    double lost = e->sequence.lost > then->lost ? (double)(e->sequence.lost - then->lost) : 0;
    rates.flows_per_second = (double)(e->counts.flows - then->flows) /
                             (elapsed_s < 1 ? 1 : elapsed_s);
    rates.lost_share = lost + taken > 0 ? lost / (lost + taken) : 0;
    return rates;
}

// Begins one more statement.
static void join(struct buf *out, size_t begin)
{
    if (out->len != begin)
        buf_text(out, "; ");
}

static void say_duration(struct buf *out, size_t begin, const char *what, uint64_t ns)
{
    join(out, begin);
    buf_text(out, what);
    verdict_duration(out, ns);
}

static void judge_flows(struct buf *out, size_t begin, const struct exporter *e, uint64_t now_ns)
{
    uint64_t last_ns = e->last_flow_ns == 0 ? e->first_seen_ns : e->last_flow_ns;
    if (since(e->last_seen_ns, now_ns) >= SILENT_NS) {
        say_duration(out, begin, "silent for ", since(e->last_seen_ns, now_ns));
    } else if (e->missing_since_ns != 0 && since(e->last_flow_ns, now_ns) >= MINUTE_NS) {
        say_duration(out, begin, "data but no template for ", since(e->missing_since_ns, now_ns));
    } else if (since(last_ns, now_ns) >= SILENT_NS) {
        say_duration(out, begin, "no flows for ", since(last_ns, now_ns));
    } else if (e->last_missing_ns != 0 && since(e->last_missing_ns, now_ns) < SILENT_NS) {
        join(out, begin);
        buf_text(out, "some data without template");
    }
}

static void judge_clock(struct buf *out, size_t begin, const struct exporter *e)
{
    bool ahead = e->skew_ns > 0;
    uint64_t skew_ns = ahead ? (uint64_t)e->skew_ns : -(uint64_t)e->skew_ns;
    if (skew_ns < SKEW_NS)
        return;
    say_duration(out, begin, "clock ", skew_ns);
    buf_text(out, ahead ? " ahead" : " behind");
}

static void judge_loss(struct buf *out, size_t begin, const struct exporter *e, uint64_t now_ns)
{
    struct verdict_rates rates = verdict_rates(e, now_ns);
    if (rates.lost_share < LOST_SHARE)
        return;
    join(out, begin);
    buf_printf(out, "losing %.1f%% on the way", 100 * rates.lost_share);
}

static void judge_sampling(struct buf *out, size_t begin, const struct exporter *e)
{
    if (e->counts.flows != 0 && e->sampling == EXPORTER_SAMPLING_UNKNOWN) {
        join(out, begin);
        buf_text(out, "sampling rate unknown");
    }
    if (e->limit.step > 1) {
        join(out, begin);
        buf_printf(out, "over its limit, one of %u flows kept", e->limit.step);
    }
}

void verdict_write(struct buf *out, const struct exporter *exporter, uint64_t now_ns)
{
    size_t begin = out->len;
    judge_flows(out, begin, exporter, now_ns);
    judge_clock(out, begin, exporter);
    judge_loss(out, begin, exporter, now_ns);
    judge_sampling(out, begin, exporter);
    if (out->len == begin)
        buf_text(out, "ok");
}
