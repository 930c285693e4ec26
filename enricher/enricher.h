// The enricher as a whole: source, snapshot, worker and sink, and their end.
//
// Runs in the main thread, which after the start only waits for signals and for the worker.
#pragma once

#include "enricher/options.h"

// Runs until a signal, the end of the source or the end of the output. Returns the exit status: 0,
// or 1 after having logged why.
int enricher_run(const struct enricher_options *options);
