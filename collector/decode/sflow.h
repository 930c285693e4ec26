// sFlow version 5 (https://sflow.org/sflow_version_5.txt): one flow per flow sample.
#pragma once

#include "collector/decode/decode_run.h"

// Decodes the datagram of `run`, its version already seen to be 5. Counts it as parsed or refused.
void sflow_decode(struct decode_run *run);
