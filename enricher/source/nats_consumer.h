// The durable pull consumer that enrichers share.
//
// Asks the server and waits for its answer: for the thread that owns the link.
#pragma once

#include "common/sink/nats/link.h"
#include "enricher/source/nats.h"

struct nats_consumer {
    int64_t ack_wait_ns; // as the server has it
};

// Finds the consumer, or makes it. 0, or -1 after having complained: try again.
int nats_consumer_ensure(struct nats_link *link, const struct nats_source_options *options,
                         struct nats_consumer *out);

// Asks what is behind and what is unacknowledged. 0, also when no answer came in time and nothing
// is known; -1 after having complained: it is not there any more, or nobody answers for it.
int nats_consumer_lag(struct nats_link *link, const struct nats_source_options *options,
                      uint64_t *behind, uint64_t *unacknowledged);
