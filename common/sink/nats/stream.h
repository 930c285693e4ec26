// The stream that messages go to: looked up, made when it is not there, checked.
//
// Asks the server and waits for its answer: for the thread that owns the link.
#pragma once

#include "common/sink/nats/link.h"
#include "common/sink/nats/refusal.h"
#include "common/sink/nats/subject.h"

enum nats_stream_state {
    NATS_STREAM_READY,
    NATS_STREAM_MISSING, // and not to be made, or making it failed
    NATS_STREAM_UNKNOWN, // no answer, or we may not ask: publishing may work all the same
};

struct nats_stream_facts {
    int64_t duplicates_ns;
    int64_t message_max; // bytes with headers, 0 or less: what the server takes
};

// Looks the stream up.
enum nats_stream_state nats_stream_look(struct nats_link *link, const char *name,
                                        struct nats_stream_facts *facts);

// The same; makes the stream when it is not there and that is wanted, bound to the pattern of the
// subject. Says what it is bound to; the caller frees it.
enum nats_stream_state nats_stream_ensure(struct nats_link *link,
                                          const struct nats_options *options,
                                          const struct subject *subject,
                                          struct nats_stream_facts *facts,
                                          struct nats_bound *bound);

// Warns when the stream does not take the subject, or forgets ids within horizon_ns.
void nats_stream_check(const struct nats_stream_facts *facts, const struct nats_bound *bound,
                       const struct nats_options *options, const struct subject *subject,
                       int64_t horizon_ns);
