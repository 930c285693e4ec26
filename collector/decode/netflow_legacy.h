// NetFlow version 5: a header of 24 bytes and records of 48, no templates.
#pragma once

#include "collector/decode/decode_run.h"

// Decodes the datagram of `run`, its version already seen to be 5. Counts it as parsed or refused.
void netflow_legacy_decode(struct decode_run *run);
