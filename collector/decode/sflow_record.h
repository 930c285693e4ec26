// The records of sFlow flow samples: what they say goes into the flow.
//
// A cursor covers one record's data. No state.
#pragma once

#include "common/base/cursor.h"
#include "common/flow/flow.h"

struct mapping;

// Takes `len` bytes and the padding that XDR puts behind them, to a multiple of four (RFC 4506,
// section 4.10), as far as it is there: several agents leave out the last one.
struct cursor sflow_take_opaque(struct cursor *c, uint32_t len);

// Fills the flow from the record of that data format (enterprise and format in one number).
// Records of unknown formats are left alone. False when the record is malformed: then it has set
// nothing.
bool sflow_read_record(struct flow *flow, const struct mapping *mapping, uint32_t format,
                       struct cursor record);
