// What is the matter with an exporter, in words: why flows are missing, or why they may be wrong.
#pragma once

#include "collector/decode/exporter.h"
#include "common/base/buf.h"

#define VERDICT_TEXT_MAX 256

// Of the latest one or two minutes.
struct verdict_rates {
    double flows_per_second;
    double lost_share; // of what it sent, 0 to 1
};

struct verdict_rates verdict_rates(const struct exporter *exporter, uint64_t now_ns);

// Writes all that is the matter, the gravest first, joined by "; ", or "ok".
void verdict_write(struct buf *out, const struct exporter *exporter, uint64_t now_ns);

// Writes a length of time in its largest unit: "45 s", "12 min", "8 h", "3 d".
void verdict_duration(struct buf *out, uint64_t ns);
