// Which part of a message is sent at a time: all of it, unless the server takes none that large.
//
// A message may be made, or lie in the spool, before it is known how large the server and the
// stream take them. It keeps its slot of the window, and goes part after part: whole flows in their
// order. No lock: the sink's mutex guards slots.
#pragma once

#include "common/sink/nats/window.h"

// Chooses what follows slot->from: as many flows as fit into `max` bytes, and at least one. Text
// and JSON have no seams between flows (docs/jetstream.md): all that is left is one part.
void nats_part_choose(struct window_slot *slot, size_t max);

// The part chosen is in the stream: the next one may be chosen.
void nats_part_stored(struct window_slot *slot);

// It was too large: chooses about half of it, and no larger part from now on; or gives it up when
// it cannot be cut, which slot->too_large counts.
void nats_part_refused(struct window_slot *slot);

static inline bool nats_part_was_last(const struct window_slot *slot)
{
    return slot->from == slot->message->len;
}
