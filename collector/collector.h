// The collector as a whole: output, snapshot, listeners, workers or a capture, and their end.
//
// Runs in the main thread, which after the start only waits for signals and for what the others
// tell it.
#pragma once

#include "collector/options.h"

// Runs until a signal, the end of the capture or the end of the output. Returns the exit status: 0,
// or 1 after having logged why.
int collector_run(const struct collector_options *options);
