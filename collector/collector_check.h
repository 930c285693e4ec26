// -check: what the collector would do with these options.
#pragma once

#include "collector/options.h"

// Reads the files that are named and prints what would run; no socket is bound, nothing is sent or
// written. The exit status: 0 or 1.
int collector_check(const struct collector_options *options);
