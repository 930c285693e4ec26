// What is the matter with an exporter, in words: why flows are missing, or why they may be wrong.
#pragma once

#include "collector/decode/exporter.h"
#include "common/base/buf.h"

#define VERDICT_TEXT_MAX 768

enum verdict_reason {
    VERDICT_SILENT,
    VERDICT_NO_TEMPLATE,
    VERDICT_SOME_WITHOUT_TEMPLATE,
    VERDICT_NO_FLOWS,
    VERDICT_CLOCK,
    VERDICT_LOSING,
    VERDICT_NO_VOLUMES,
    VERDICT_NO_BYTES,
    VERDICT_SAMPLING_UNKNOWN,
    VERDICT_LIMITED,
    VERDICT_REASONS,
};

// One thing that is the matter.
struct verdict_fault {
    enum verdict_reason reason;
    char says[64]; // "losing 2.1% on the way"
    char cure[96]; // the flag, or the page of docs/
};

// Nothing is the matter when there are none.
struct verdict {
    struct verdict_fault faults[VERDICT_REASONS]; // the gravest first
    unsigned count;
};

// Of the latest one or two minutes.
struct verdict_rates {
    double flows_per_second;
    double bits_per_second; // of its datagrams
    double lost_share;      // of what it sent, 0 to 1
};

struct verdict_rates verdict_rates(const struct exporter *exporter, uint64_t now_ns);

// With `flows_elsewhere`, of another domain of the same sender, an exporter need not send any.
struct verdict verdict_of(const struct exporter *exporter, bool flows_elsewhere, uint64_t now_ns);

// A word for programs: "losing".
const char *verdict_code(enum verdict_reason reason);

// Writes what is the matter, "; " between: "losing 2.1% on the way (docs/agents.md#verdicts)"; or
// "ok".
void verdict_write(struct buf *out, const struct verdict *verdict);

// Writes a length of time in its largest unit: "45 s", "12 min", "8 h", "3 d".
void verdict_duration(struct buf *out, uint64_t ns);
