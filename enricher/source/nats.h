// Flows from NATS: messages of a JetStream stream through a durable pull consumer, which any number
// of enrichers share; or, with a queue group, of a plain subject, where what nobody hears is gone.
//
// A thread of its own asks for messages ahead of the worker, says for those that take long that
// they are in progress, and sends the answers; callbacks of the library only append to a queue. At
// most twice `fetch` messages are held, answered ones aside whose answer is not sent yet. What was
// answered for good and comes again is acknowledged and never handed out.
#pragma once

#include "common/sink/nats/option.h"
#include "enricher/source/source.h"

// Texts are borrowed for the source's life.
struct nats_source_options {
    struct nats_access access;
    const char *stream;
    const char *subject; // of the stream, what to take; "" for all. With a queue: what to hear
    const char *durable;
    const char *queue; // "": JetStream
    int64_t fetch;
    int64_t ack_wait_ns;
    int64_t max_ack_pending;
};

// 0, or -1 after one line on stderr.
int nats_source_check(const struct nats_source_options *options, const struct settings *settings);

// NULL after having logged why. A server that is away is no reason.
struct source *nats_source_open(const struct nats_source_options *options);
