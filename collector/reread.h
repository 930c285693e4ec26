// SIGHUP: the output is opened again, and mapping, allow-list, context and databases are read
// again. What is broken is logged, and what was read before stays. Main thread.
#pragma once

#include "collector/lane.h"
#include "collector/options.h"
#include "common/enrich/reload_metrics.h"

struct reread {
    const struct collector_options *options;
    struct sink *sink;
    struct lane *const *lanes;
    unsigned lane_count;
    struct reload *reload; // NULL: nothing is enriched
    struct reload_tally mapping;
    struct reload_tally allow;
};

void reread_all(struct reread *r);
