// The output as operators read it: in -status, in JSON, in the metrics. The same in both daemons.
// Any thread.
#pragma once

#include "common/base/metrics.h"
#include "common/sink/sink.h"

#include <stdio.h>

// What the books say of the output, and its pace.
struct sink_books {
    const struct ledger *ledger;
    double delivered_per_second;
};

void sink_put_text(FILE *out, struct sink *sink, const struct sink_books *books);
void sink_put_json(FILE *out, struct sink *sink, const struct sink_books *books); // a value

void sink_put_metrics(struct metrics *m, struct sink *sink);

// Writes a value in its largest unit, as in "12.3 M".
void sink_put_scaled(FILE *out, double value, double step);
