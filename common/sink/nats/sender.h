// The thread of a sink that sends, and what others ask of it.
#pragma once

#include "common/sink/nats/state.h"

// With the lock held: hands a full message to window or spool. `may_wait`: for room, when the sink
// blocks. What fits nowhere is counted and freed.
void nats_hand_over(struct nats_sink *sink, struct nats_message *take, bool may_wait);

// With the lock held: whether a message would find a place at once.
bool nats_has_room(const struct nats_sink *sink);

// With the lock held: frees what is done, in the window and in the spool.
void nats_sender_reap(struct nats_sink *sink);

// The sender: 0, or a negative errno; and its end, with what it leaves in window and spool.
int nats_sender_start(struct nats_sink *sink);
void nats_sender_stop(struct nats_sink *sink);
