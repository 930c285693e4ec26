#include "collector/decode/netflow_clock.h"

static uint64_t delta_ns(const struct netflow_clock *clock, uint64_t before_us)
{
    return before_us > clock->export_ns / 1000 ? 0 : clock->export_ns - before_us * 1000;
}

// 0 when there is no such time, or when the exporter says 0.
static uint64_t time_ns(const struct netflow_clock *clock, const struct plan_time *time)
{
    switch (time->clock) {
    case PLAN_CLOCK_UPTIME:
        if (netflow_clock_counts(clock))
            return netflow_clock_uptime(clock, (uint32_t)time->value);
        break;
    case PLAN_CLOCK_ABSOLUTE:
        return time->value;
    case PLAN_CLOCK_DELTA: // microseconds before the export time
        return delta_ns(clock, time->value);
    case PLAN_CLOCK_INVALID:
        return 0;
    case PLAN_CLOCK_NONE:
        break;
    }
    return clock->export_ns;
}

static bool is_said(const struct plan_time *time)
{
    return time->clock == PLAN_CLOCK_ABSOLUTE || time->clock == PLAN_CLOCK_NONE;
}

static bool is_missing(const struct netflow_clock *clock, const struct plan_time *time)
{
    return time->clock == PLAN_CLOCK_NONE ||
           (time->clock == PLAN_CLOCK_UPTIME && !netflow_clock_counts(clock));
}

// What the duration says of a start or an end that is missing; a flow with neither ended as it was
// exported. None begins after its end, so that a start of which nothing is said is the end.
static void complete(const struct netflow_clock *clock, const struct plan_result *record,
                     uint64_t *start_ns, uint64_t *end_ns)
{
    bool no_start = is_missing(clock, &record->start);
    bool no_end = is_missing(clock, &record->end);
    if (no_start && no_end)
        *end_ns = clock->export_ns;
    if (no_start && record->duration_ns <= *end_ns)
        *start_ns = *end_ns - record->duration_ns;
    else if (no_end && !no_start && record->has_duration &&
             record->duration_ns <= UINT64_MAX - *start_ns)
        *end_ns = *start_ns + record->duration_ns;
}

// Whether the record says it, alone or by the other one and the duration.
static bool is_given(const struct plan_result *record, const struct plan_time *time,
                     const struct plan_time *other)
{
    return time->clock != PLAN_CLOCK_NONE ||
           (record->has_duration && other->clock != PLAN_CLOCK_NONE);
}

bool netflow_clock_set(const struct netflow_clock *clock, const struct plan_result *record,
                       struct flow *flow)
{
    bool uptimes = record->start.clock == PLAN_CLOCK_UPTIME &&
                   record->end.clock == PLAN_CLOCK_UPTIME;
    uint64_t start_ns = time_ns(clock, &record->start);
    uint64_t end_ns = time_ns(clock, &record->end);
    if (uptimes && !netflow_clock_counts(clock)) { // the flow ended as it was exported
        uint32_t duration_ms = (uint32_t)(record->end.value - record->start.value);
        start_ns = netflow_clock_before(end_ns, (int64_t)duration_ms * NETFLOW_CLOCK_NS_PER_MS);
    } else {
        complete(clock, record, &start_ns, &end_ns);
    }
    // A time may be there by the mapping, or of the other direction: the record's own goes before
    // it, the export time does not.
    if (is_given(record, &record->start, &record->end) || !flow_has(flow, FLOW_TIME_FLOW_START_NS))
        flow_set_num(flow, FLOW_TIME_FLOW_START_NS, start_ns);
    if (is_given(record, &record->end, &record->start) || !flow_has(flow, FLOW_TIME_FLOW_END_NS))
        flow_set_num(flow, FLOW_TIME_FLOW_END_NS, end_ns);
    return (start_ns != 0 || is_said(&record->start)) && (end_ns != 0 || is_said(&record->end));
}
