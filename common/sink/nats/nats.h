// The NATS sink: flows packed into messages, published to a JetStream stream, each kept until the
// server has acknowledged it.
//
//   writer    packs flows by subject until a message is full or has lingered
//   window    messages in memory that are not acknowledged yet; sent again under the same id when
//             no acknowledgement comes, first of all after a reconnection
//   spool     messages on disk, when the window is full; without it, or when it is full too, a
//             blocking sink waits and another drops and counts
//
// Flows of a message of another stream (view.origin) are packed by where they stand in it, so that
// the same message makes the same messages under the same ids when it comes again: cut at multiples
// of batch.flows, never mixed with those of another message.
//
// One thread of the sink's own sends; callbacks of the library only mark what was acknowledged.
// Memory: window * batch.bytes, and for each writer NATS_FRAME_MAX and NATS_BATCHES_MAX *
// batch.bytes at most.
#pragma once

#include "common/sink/nats/option.h"
#include "common/sink/sink.h"

#define NATS_FRAME_MAX (1u << 20) // of one flow

extern const struct sink_ops SINK_NATS;
