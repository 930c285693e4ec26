// The times of NetFlow v9 and IPFIX flows, from whichever clock their records use.
#pragma once

#include "collector/decode/plan.h"

#define NETFLOW_CLOCK_NS_PER_MS 1000000

struct netflow_clock {
    enum template_dialect dialect;
    uint64_t export_ns; // of the message, Unix
    uint32_t uptime_ms; // v9: of the exporter at the export
    uint64_t init_ms;   // IPFIX: when the exporter's uptime began, Unix; 0: not known
};

// A time that many nanoseconds before the export; 0 when it is none since 1970. Both are below
// 2^63.
static inline uint64_t netflow_clock_before(uint64_t export_ns, int64_t before_ns)
{
    int64_t time_ns = (int64_t)export_ns - before_ns;
    return time_ns < 0 ? 0 : (uint64_t)time_ns;
}

// Whether it is known what uptimes count from.
static inline bool netflow_clock_counts(const struct netflow_clock *clock)
{
    return clock->dialect == TEMPLATE_V9 || clock->init_ms != 0;
}

// Milliseconds of the exporter's uptime as Unix time, 0 when that is before 1970. Uptimes are 32
// bits and wrap after 49.7 days; of the times that they can mean the one nearest to the export is
// taken.
static inline uint64_t netflow_clock_uptime(const struct netflow_clock *clock, uint32_t uptime_ms)
{
    uint64_t now_ms = clock->uptime_ms;
    uint64_t now_ns = clock->export_ns;
    if (clock->dialect != TEMPLATE_V9) {
        now_ms = now_ns / NETFLOW_CLOCK_NS_PER_MS - clock->init_ms;
        now_ns -= now_ns % NETFLOW_CLOCK_NS_PER_MS;
    }
    int64_t before_ms = (int32_t)((uint32_t)now_ms - uptime_ms);
    return netflow_clock_before(now_ns, before_ms * NETFLOW_CLOCK_NS_PER_MS);
}

// Sets the start and end of the flow: the record's times, or the export time where it has none.
// False when one of them is before 1970 or after 2554, and so was left out.
bool netflow_clock_set(const struct netflow_clock *clock, const struct plan_result *record,
                       struct flow *flow);
