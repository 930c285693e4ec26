// sFlow version 5 (https://sflow.org/sflow_version_5.txt): one flow per flow sample.
//
// Every sample that the datagram announces is a unit of the ledger. Counter samples and notices of
// discarded packets (https://sflow.org/sflow_drops.txt) are walked, counted as decoded and make no
// flow. A malformed record costs only itself (a note); a flow sample of whose records none can be
// read is dropped.
//
// in_if and out_if are the ifIndex, told apart from what is none:
//   SFLOW_INTERFACE_INTERNAL  no interface: sent or received by the exporter itself
//   SFLOW_INTERFACE_MULTIPLE  several (multicast, flooding), however many
//   0                         not known; or, for out_if, the packet was discarded, which sets
//                             forwarding_status to 128 (dropped, RFC 7270, section 4.12)
// An ifIndex is at most 2147483647 (RFC 2863), so MULTIPLE is never one; the compact samples have
// 30 bits for it, of which INTERNAL is the highest value.
#pragma once

#include "collector/decode/decode_run.h"

// More samples than the largest datagram can hold of any use; also what goflow2 accepts.
#define SFLOW_SAMPLES_MAX 1000

#define SFLOW_INTERFACE_INTERNAL UINT32_C(0x3fffffff)
#define SFLOW_INTERFACE_MULTIPLE UINT32_C(0x80000000)

// Decodes the datagram of `run`, its version already seen to be 5. Counts it as parsed or refused.
void sflow_decode(struct decode_run *run);
