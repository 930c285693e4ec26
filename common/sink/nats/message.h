// One message on its way to JetStream: its subject, its id and some flows.
//
// A heap block that moves from the writer, which fills it, through the window or the spool to the
// sender, which frees it. Whoever has it owns it.
#pragma once

#include "common/sink/nats/subject.h"

#include <stdlib.h>

#define NATS_ID_MAX      80
#define NATS_PAYLOAD_MAX (8u << 20) // no message is larger, whatever a server allows

struct nats_message {
    uint32_t owner;  // number of the writer whose books it stands in
    uint32_t flows;  // in the data
    uint32_t first;  // index of the first in the message it comes from
    int64_t sent_ms; // Unix time when it may have reached the server first; 0: it cannot have
    int64_t sent_steady_ms; // the same by a clock that is never set; 0: not by this process
    char id[NATS_ID_MAX];   // Nats-Msg-Id: the same at each sending
    char subject[SUBJECT_TEXT_MAX];
    size_t len;
    size_t cap;
    uint8_t data[];
};

// NULL without memory. Only what is no data is zeroed.
static inline struct nats_message *nats_message_new(size_t cap)
{
    struct nats_message *message = malloc(sizeof *message + cap);
    if (message != NULL)
        *message = (struct nats_message){.cap = cap};
    return message;
}
