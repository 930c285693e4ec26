// The books as metrics, with the names that both daemons share.
#pragma once

#include "common/base/ledger.h"
#include "common/base/metrics.h"

// Datagrams, and the sets and samples in them.
void ledger_metrics_input(struct metrics *m, const struct ledger *ledger);

// Flows, and everything worth knowing that is in no equation.
void ledger_metrics_flows(struct metrics *m, const struct ledger *ledger);

// What the process is and takes: process_*, as Prometheus' own clients name it, and the build.
void ledger_metrics_process(struct metrics *m);
