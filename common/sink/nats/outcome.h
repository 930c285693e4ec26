// What became of messages that were sent: stored, refused, not answered. Counts it in the books of
// their writers, and says when they are due again.
#pragma once

#include "common/sink/nats/state.h"

// Handlers of the link, in threads of the library.
void nats_outcome_answer(natsConnection *connection, natsSubscription *subscription,
                         natsMsg *message, void *user);
void nats_outcome_forbidden(void *user, const char *subject);

// The others are for the sender, with the lock held.

// A message is sent, or was stored, though it was sent before: whether the server recognised it.
void nats_outcome_uncertain(struct nats_sink *sink, struct window_slot *slot);

// A message is due. When nothing came of the last time, though the connection stood, that counts as
// a refusal. False: it is done, and not to be sent again.
bool nats_outcome_silence(struct nats_sink *sink, struct window_slot *slot);

// The library did not take the part of that message that begins at `from`.
void nats_outcome_unsent(struct nats_sink *sink, uint64_t number, size_t from, natsStatus status);

// Logs what was refused lately, without the lock meanwhile.
void nats_outcome_complain(struct nats_sink *sink);
