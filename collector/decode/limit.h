// -limit.flows: how many flows a second one exporter may give, and what each that is kept stands
// for, so that totals stay right.
//
// A bucket of one second's flows fills with received time; a flow that is kept takes one. Each kept
// flow stands for itself and all that were dropped since the one kept before: its sampling rate is
// multiplied by that number, so the rates of the kept flows sum up to the flows that came. Under a
// steady excess it is every n-th flow that is kept, n from the second before, and not the first
// ones of each batch: kept flows then weigh about the same.
//
// Embedded in struct exporter, zeroed before the first use. One thread.
#pragma once

#include <stdint.h>

#define LIMIT_FLOWS_MAX 1000000000 // a second

struct limit {
    uint64_t level_ns; // flows in the bucket, times a second
    uint64_t filled_ns;
    uint64_t second_ns; // when the present second began
    uint32_t seen;      // in it
    uint32_t step;      // of as many flows one is kept, as the second before came to
    uint32_t skipped;   // since the last one kept
};

// Takes a flow received at that time: how many flows it stands for, or 0 when it is to be dropped.
uint32_t limit_take(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns);
