// Flows of two directions in one record (RFC 5103): what comes back is a flow of its own, the first
// one turned around.
//
// A record counts both directions where it has reverse elements (RFC 5103, section 6.1), or IANA's
// responderOctets and responderPackets; and the counters behind a middlebox (23, 24) of exporters
// that use those for the way back. A value, no state.
#pragma once

#include "common/base/addr.h"
#include "common/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>

#define BIFLOW_POST_MAX 256

// -biflow and -biflow.post.
struct biflow_terms {
    bool forward_only;         // what comes back is counted as left out
    const struct prefix *post; // exporters whose 23 and 24 are the way back; borrowed
    size_t post_count;
};

// Whether the exporter is one of those.
bool biflow_is_post(const struct biflow_terms *terms, const struct addr *source);

// Makes the flow the one of the other direction: source and destination exchanged (addresses,
// ports, masks, MAC addresses, AS numbers, VLANs, interfaces), without what the record said of the
// first direction alone (counters, TCP flags, TTL, type of service, next hops, labels, ICMP). Times
// stay, as do the values of mapping.yaml, which are the record's.
void biflow_turn(struct flow *flow);
