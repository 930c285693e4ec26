// -sampling.default: rates for exporters that say none.
#pragma once

#include "collector/decode/sampling.h"
#include "common/base/fault.h"

#define SAMPLING_DEFAULTS_MAX 256

// Reads "CIDR=N,CIDR=N" ("" is none): how many, or -1 and a fault that says what, got and wanted.
int sampling_defaults_parse(struct sampling_default out[static SAMPLING_DEFAULTS_MAX],
                            const char *text, struct fault *fault);
