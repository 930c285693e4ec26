// -check: what the enricher would do with these options.
#pragma once

#include "enricher/options.h"

// Reads the files that are named and prints what would run; nothing is written, and nothing is
// sent but what logs in, with -check.connect. The exit status: 0 or 1.
int enricher_check(const struct enricher_options *options);
