// What is counted of each exporter, and where its sampling rate comes from: plain numbers of the
// decoder's thread.
#pragma once

#include "common/flow/flow.h"

#include <stdbool.h>
#include <stdbool.h>
#include <stdint.h>

#define EXPORTER_TYPES (FLOW_TYPE_IPFIX + 1)

// The parts of its datagrams by kind: sets of NetFlow v9 and IPFIX, or samples of sFlow.
enum exporter_part {
    EXPORTER_TEMPLATE_SETS = 0,
    EXPORTER_OPTIONS_TEMPLATE_SETS = 1,
    EXPORTER_DATA_SETS = 2, // of NetFlow v5: records
    EXPORTER_OPTIONS_DATA_SETS = 3,

    EXPORTER_FLOW_SAMPLES = 0,
    EXPORTER_FLOW_SAMPLES_EXPANDED = 1,
    EXPORTER_COUNTER_SAMPLES = 2,
    EXPORTER_COUNTER_SAMPLES_EXPANDED = 3,
    EXPORTER_OTHER_SAMPLES = 4, // discarded packets, unknown, announced but missing

    EXPORTER_PARTS = 5,
};

// Where the sampling rate of its latest flow was found; of the first three there is none.
enum exporter_sampling {
    EXPORTER_SAMPLING_UNKNOWN,   // it samples, but what it sent does not say this flow's rate
    EXPORTER_SAMPLING_SILENT,    // it said nothing of sampling: most of these do not sample
    EXPORTER_SAMPLING_UNSAMPLED, // it says that it does not sample: NetFlow v5
    EXPORTER_SAMPLING_HEADER,    // NetFlow v5
    EXPORTER_SAMPLING_SAMPLE,    // sFlow
    EXPORTER_SAMPLING_OPTIONS,   // options data
    EXPORTER_SAMPLING_DOMAIN,    // options data of another domain of the same exporter
    EXPORTER_SAMPLING_BORROWED,  // options data of another port of the same address
    EXPORTER_SAMPLING_RECORD,    // the flow's own record
    EXPORTER_SAMPLING_DEFAULT,   // -sampling.default
    EXPORTER_SAMPLING_OVERRIDE,  // -sampling.override
};

// Whether it says a rate.
static inline bool exporter_sampling_known(enum exporter_sampling sampling)
{
    return sampling >= EXPORTER_SAMPLING_HEADER;
}

struct exporter_counts {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t flows;         // decoded
    uint64_t flows_limited; // of these dropped by -limit.flows
    uint64_t units_dropped;
    uint64_t template_missing; // data sets whose template was not there when they came
    uint64_t template_changes; // templates announced again with another layout
    uint64_t sampling_missing; // flows whose rate is not known
    uint64_t parts[EXPORTER_PARTS];
    uint64_t records[EXPORTER_PARTS];
    uint64_t delays; // datagrams whose last flow says when it ended
    double delay_s;  // from then to the arrival of the datagram, the sum
};

// What exporters counted, summed.
struct exporter_sums {
    struct exporter_counts counts;
    uint64_t lost;
    uint64_t duplicates;
    uint64_t reordered;
    uint64_t resets;
};

// Totals at one moment, for what is said of the latest one or two minutes.
#define EXPORTER_MARK_NS UINT64_C(60000000000)

struct exporter_mark {
    uint64_t at_ns;
    uint64_t bytes; // of datagrams
    uint64_t flows;
    uint64_t taken;
    uint64_t lost;
};

// Whether its flows have volumes: looked for in some of those of an exporter that is no newcomer,
// until they have.
#define EXPORTER_LOOKS 64

struct exporter_volume {
    uint8_t looked; // at so many flows, in the latest minutes
    bool bytes;     // some flow had them
    bool packets;
    bool missed; // EXPORTER_LOOKS flows had no bytes
};
