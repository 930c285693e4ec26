// The times of NetFlow v9 and IPFIX flows, from whichever clock their records use.
#pragma once

#include "collector/decode/plan.h"

struct netflow_clock {
    enum template_dialect dialect;
    uint64_t export_ns; // of the message, Unix
    uint32_t uptime_ms; // v9: of the exporter at the export
    uint64_t init_ms;   // IPFIX: when the exporter's uptime began, Unix; 0: not known
};

// Sets the start and end of the flow: the record's times, or the export time where it has none.
void netflow_clock_set(const struct netflow_clock *clock, const struct plan_result *record,
                       struct flow *flow);
