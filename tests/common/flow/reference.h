// Random flows, and the generic protobuf-c encoder as the reference for our own.
#pragma once

#include "common/flow/flow.h"

// A small random generator with its state outside, so that a failure can be repeated.
uint64_t random_next(uint64_t *state);

// Fills `flow` with random fields; bytes point into memory of this module, overwritten by the next
// call.
void random_flow(struct flow *flow, uint64_t *state);

// Packs the flow with protobuf-c, length prefix included. The bytes are the caller's (free).
uint8_t *reference_pack(const struct flow *flow, size_t *len);
