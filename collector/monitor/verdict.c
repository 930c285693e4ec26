#include "collector/monitor/verdict.h"

#include <string.h>

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
    elapsed_s = elapsed_s < 1 ? 1 : elapsed_s;
    rates.flows_per_second = (double)(e->counts.flows - then->flows) / elapsed_s;
    rates.bits_per_second = 8 * (double)(e->counts.bytes - then->bytes) / elapsed_s;
    rates.lost_share = lost + taken > 0 ? lost / (lost + taken) : 0;
    return rates;
}

#define PAGE "docs/agents.md#verdicts"

static const struct {
    const char *code;
    const char *cure;
} REASONS[VERDICT_REASONS] = {
    [VERDICT_SILENT] = {"silent", PAGE},
    [VERDICT_NO_TEMPLATE] = {"no_template", "-templates.json.path, " PAGE},
    [VERDICT_SOME_WITHOUT_TEMPLATE] = {"some_without_template", "-templates.json.path, " PAGE},
    [VERDICT_NO_FLOWS] = {"no_flows", PAGE},
    [VERDICT_CLOCK] = {"clock", "NTP there"},
    [VERDICT_LOSING] = {"losing", PAGE},
    [VERDICT_NO_VOLUMES] = {"no_volumes", PAGE},
    [VERDICT_NO_BYTES] = {"no_bytes", PAGE},
    [VERDICT_SAMPLING_UNKNOWN] = {"sampling_unknown", "-sampling.default %s=N"},
    [VERDICT_LIMITED] = {"limited", "-limit.flows"},
};

const char *verdict_code(enum verdict_reason reason)
{
    return REASONS[reason].code;
}

// Begins one more, whose words are the caller's to write.
static struct buf accuse(struct verdict *verdict, const struct exporter *e,
                         enum verdict_reason reason)
{
    struct verdict_fault *fault = &verdict->faults[verdict->count++];
    char address[ADDR_TEXT_MAX];
    *fault = (struct verdict_fault){.reason = reason};
    struct buf cure = buf_over(fault->cure, sizeof fault->cure - 1);
    const char *hole = strstr(REASONS[reason].cure, "%s");
    size_t len = hole == NULL ? strlen(REASONS[reason].cure)
                              : (size_t)(hole - REASONS[reason].cure);
    buf_bytes(&cure, REASONS[reason].cure, len);
    if (hole != NULL) {
        buf_text(&cure, addr_string(address, &e->key.source));
        buf_text(&cure, hole + 2);
    }
    return buf_over(fault->says, sizeof fault->says - 1);
}

static void say(struct verdict *verdict, const struct exporter *e, enum verdict_reason reason,
                const char *what)
{
    struct buf says = accuse(verdict, e, reason);
    buf_text(&says, what);
}

static struct buf say_duration(struct verdict *verdict, const struct exporter *e,
                               enum verdict_reason reason, const char *what, uint64_t ns)
{
    struct buf says = accuse(verdict, e, reason);
    buf_text(&says, what);
    verdict_duration(&says, ns);
    return says;
}

static void judge_flows(struct verdict *verdict, const struct exporter *e, bool flows_elsewhere,
                        uint64_t now_ns)
{
    uint64_t last_ns = e->last_flow_ns == 0 ? e->first_seen_ns : e->last_flow_ns;
    if (since(e->last_seen_ns, now_ns) >= SILENT_NS)
        say_duration(verdict, e, VERDICT_SILENT, "silent for ", since(e->last_seen_ns, now_ns));
    else if (e->missing_since_ns != 0 && since(e->last_flow_ns, now_ns) >= MINUTE_NS)
        say_duration(verdict, e, VERDICT_NO_TEMPLATE, "data but no template for ",
                     since(e->missing_since_ns, now_ns));
    else if (since(last_ns, now_ns) >= SILENT_NS && (e->last_flow_ns != 0 || !flows_elsewhere))
        say_duration(verdict, e, VERDICT_NO_FLOWS, "no flows for ", since(last_ns, now_ns));
    else if (e->last_missing_ns != 0 && since(e->last_missing_ns, now_ns) < SILENT_NS)
        say(verdict, e, VERDICT_SOME_WITHOUT_TEMPLATE, "some data without template");
}

static void judge_clock(struct verdict *verdict, const struct exporter *e)
{
    bool ahead = e->skew_ns > 0;
    uint64_t skew_ns = ahead ? (uint64_t)e->skew_ns : -(uint64_t)e->skew_ns;
    if (skew_ns < SKEW_NS)
        return;
    struct buf says = say_duration(verdict, e, VERDICT_CLOCK, "clock ", skew_ns);
    buf_text(&says, ahead ? " ahead" : " behind");
}

static void judge_loss(struct verdict *verdict, const struct exporter *e, uint64_t now_ns)
{
    struct verdict_rates rates = verdict_rates(e, now_ns);
    if (rates.lost_share < LOST_SHARE)
        return;
    struct buf says = accuse(verdict, e, VERDICT_LOSING);
    buf_printf(&says, "losing %.1f%% on the way", 100 * rates.lost_share);
}

static void judge_volumes(struct verdict *verdict, const struct exporter *e)
{
    if (e->volume.missed && !e->volume.packets)
        say(verdict, e, VERDICT_NO_VOLUMES, "sends no volumes");
    else if (e->volume.missed)
        say(verdict, e, VERDICT_NO_BYTES, "sends packets but no bytes");
    if (e->counts.flows != 0 && e->sampling == EXPORTER_SAMPLING_UNKNOWN)
        say(verdict, e, VERDICT_SAMPLING_UNKNOWN, "sampling rate unknown");
    uint64_t step = e->limit.step == 0 ? 1 : e->limit.step;
    step *= e->limit.shared == 0 ? 1 : e->limit.shared;
    if (step <= 1)
        return;
    struct buf says = accuse(verdict, e, VERDICT_LIMITED);
    buf_printf(&says, "over its limit, one of %llu flows kept", (unsigned long long)step);
}

struct verdict verdict_of(const struct exporter *exporter, bool flows_elsewhere, uint64_t now_ns)
{
    struct verdict verdict = {.count = 0};
    judge_flows(&verdict, exporter, flows_elsewhere, now_ns);
    judge_clock(&verdict, exporter);
    judge_loss(&verdict, exporter, now_ns);
    judge_volumes(&verdict, exporter);
    return verdict;
}

void verdict_write(struct buf *out, const struct verdict *verdict)
{
    for (unsigned i = 0; i < verdict->count; i++) {
        buf_text(out, i == 0 ? "" : "; ");
        buf_printf(out, "%s (%s)", verdict->faults[i].says, verdict->faults[i].cure);
    }
    if (verdict->count == 0)
        buf_text(out, "ok");
}
