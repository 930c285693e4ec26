// -sampling.default and -sampling.override: rates of exporters by network.
#pragma once

#include "collector/decode/sampling.h"
#include "common/base/fault.h"

#define SAMPLING_NETWORKS_MAX 256

// Reads "CIDR=N,CIDR=N" ("" is none): how many, or -1 and a fault that says what, got and wanted.
int sampling_networks_parse(struct sampling_network out[static SAMPLING_NETWORKS_MAX],
                            const char *text, struct fault *fault);
