// One thread's access to the sink of nats: what nats.c lists in its operations, and what it and the
// sender call of it.
#pragma once

#include "common/sink/nats/state.h"

// Takes a batch's message out of it, with its id.
struct nats_message *nats_writer_close(struct nats_writer *writer, struct nats_batch *batch);

// Moves a writer's account into the books of its thread: that thread calls it with the lock held,
// or whoever closes the sink.
void nats_writer_settle(struct nats_writer *writer);
void nats_writer_release(struct nats_writer *writer);

struct sink_writer *nats_writer_new(struct sink *base, struct ledger *ledger);
void nats_writer_free(struct sink_writer *base);
uint8_t *nats_writer_room(struct sink_writer *base, size_t len);
int nats_writer_write(struct sink_writer *base, const struct flow_view *view, const uint8_t *bytes,
                      size_t len);
int nats_writer_flush(struct sink_writer *base);
int nats_writer_sync(struct sink_writer *base, int timeout_ms);
