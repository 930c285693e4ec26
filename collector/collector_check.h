// -check: what the collector would do with these options.
#pragma once

#include "collector/options.h"

// Reads the files that are named and prints what would run; no socket is bound, nothing is
// written, and nothing is sent but what logs in, with -check.connect. The exit status: 0 or 1.
int collector_check(const struct collector_options *options);
