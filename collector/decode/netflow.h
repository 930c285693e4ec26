// NetFlow version 9 (RFC 3954) and IPFIX (RFC 7011): one walker over sets, two dialects of header
// and template.
#pragma once

#include "collector/decode/decode_run.h"
#include "collector/decode/domain.h"

// Decodes the datagram of `run`, its version already seen to be 9 or 10. Counts it as parsed or
// refused, and each of its sets as decoded or dropped; one bad set costs only itself.
void netflow_decode(struct decode_run *run, struct domain_store *store);

// Learns from an announcement that another decoder made: templates, sampling rates, start times.
// Nothing is counted, but for what was held here and can now be decoded.
void netflow_learn(struct decode_run *run, struct domain_store *store);
