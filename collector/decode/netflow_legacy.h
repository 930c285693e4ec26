// NetFlow version 5: a header of 24 bytes and records of 48, no templates.
#pragma once

#include "collector/decode/decode_run.h"

struct plan;

// Its records as a template of version 9 would describe them, with which they can be written
// straight to the wire. NULL only without memory; to be freed by plan_free.
struct plan *netflow_legacy_plan(void);

// Decodes the datagram of `run`, its version already seen to be 5. Counts it as parsed or refused.
void netflow_legacy_decode(struct decode_run *run, struct plan *plan);
