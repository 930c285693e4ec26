// -limit.flows: how many flows a second one exporter, and all exporters of one source address, may
// give, and what each that is kept stands for, so that totals stay right.
//
// A bucket of one second's flows fills with received time; a flow that is kept takes one. Each kept
// flow stands for itself and all that were dropped since the one kept before: its sampling rate is
// multiplied by that number, so the rates of the kept flows sum up to the flows that came. Under a
// steady excess it is every n-th flow that is kept, n from the second before, and not the first
// ones of each batch: kept flows then weigh about the same.
//
// Whoever counts up his observation domain, or the agent that he names, is many exporters. So the
// exporters of one source address together have no more than one alone: of what each of them would
// keep, the source's bucket keeps that much, in the same way. A source of one exporter has no other
// limit than that one's. At most LIMIT_SOURCES_MAX sources are remembered, the latest ones; one
// that was forgotten begins with a full bucket.
//
// Embedded in struct exporter, zeroed before the first use. One thread.
#pragma once

#include "collector/decode/table.h"
#include "common/base/addr.h"

#define LIMIT_FLOWS_MAX 1000000000 // a second

struct limit {
    uint64_t level_ns; // flows in the bucket, times a second
    uint64_t filled_ns;
    uint64_t second_ns; // when the present second began
    uint32_t seen;      // in it
    uint32_t step;      // of as many flows one is kept, as the second before came to
    uint32_t skipped;   // since the last one kept
    uint32_t shared;    // of as many that it would keep one is kept for its source, 0: all
};

// Takes a flow received at that time: how many flows it stands for, or 0 when it is to be dropped.
uint32_t limit_take(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns);

#define LIMIT_SOURCES_MAX 65536

struct limit_source;

struct limit_table {
    struct table table;
    uint64_t seed;
};

// 0, or -1 without memory.
int limit_table_init(struct limit_table *limits, uint64_t seed);
void limit_table_fini(struct limit_table *limits);

// That of the address, made when it is new; NULL only without memory. Valid until the next call.
struct limit_source *limit_source_of(struct limit_table *limits, const struct addr *source);

// limit_take for an exporter of that source (NULL: it has no limit), whose own limit it is.
uint32_t limit_take_of(struct limit_source *source, struct limit *limit, uint64_t flows_per_second,
                       uint64_t now_ns);
