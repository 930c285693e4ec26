// The output's format as the command line and mapping.yaml want it.
#pragma once

#include "common/flow/format.h"
#include "enricher/options.h"

// Reads the formatter block of -mapping, if that is given. NULL after having logged why.
struct format *formatting_new(const struct enricher_options *options);
