// A decoder, its books, and copies of its flows, for tests.
#pragma once

#include "collector/decode/decode.h"
#include "tests/collector/decode/message.h"

#include <stdlib.h>

#define RIG_FLOWS_MAX 64

// Bytes of the flows live as long as the last datagram.
struct rig {
    struct ledger ledger;
    struct decoder *decoder;
    unsigned count;
    struct flow flows[RIG_FLOWS_MAX];
    uint32_t sources[RIG_FLOWS_MAX]; // IPv4 source addresses, copied
    uint8_t *datagram;
};

static inline void rig_keep(void *user, struct flow *flow)
{
    struct rig *rig = user;
    if (rig->count < RIG_FLOWS_MAX) {
        struct span source = flow_bytes(flow, FLOW_SRC_ADDR);
        rig->flows[rig->count] = *flow;
        rig->sources[rig->count] = source.len == 4 ? bytes_u32(source.data) : 0;
    }
    rig->count++;
}

static inline struct rig *rig_with(const struct decode_options *options)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert(rig != NULL);
    rig->decoder = decoder_new(options, &rig->ledger, rig_keep, rig);
    assert(rig->decoder != NULL);
    return rig;
}

static inline struct rig *rig_new(bool shared)
{
    const struct decode_options options = {.templates_shared = shared, .hash_seed = 1};
    return rig_with(&options);
}

static inline void rig_free(struct rig *rig)
{
    decoder_free(rig->decoder);
    free(rig->datagram);
    free(rig);
}

// Whether the equations of what came in hold; flows are the caller's.
static inline bool rig_balanced(const struct rig *rig)
{
    const struct ledger *l = &rig->ledger;
    return l->datagrams_received == l->datagrams_parsed + ledger_lost(l, REASON_CLASS_DATAGRAM) &&
           l->units_received ==
               l->units_decoded + l->units_held + ledger_lost(l, REASON_CLASS_UNIT);
}

#define RIG_NOW_NS UINT64_C(1700000000123456789)

// Decodes one datagram from 192.0.2.1 and that port; returns how many flows it gave.
static inline unsigned rig_send_at(struct rig *rig, uint64_t now_ns, uint16_t port,
                                   const void *data, size_t len)
{
    free(rig->datagram);
    rig->datagram = malloc(len == 0 ? 1 : len); // no byte more, for the sanitizer
    assert(rig->datagram != NULL);
    memcpy(rig->datagram, data, len);
    struct datagram datagram = {.data = rig->datagram,
                                .len = len,
                                .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                .port = port,
                                .received_ns = now_ns};
    rig->count = 0;
    decoder_run(rig->decoder, DECODE_FLOW, &datagram);
    assert(rig_balanced(rig));
    return rig->count;
}

static inline unsigned rig_send(struct rig *rig, uint16_t port, const void *data, size_t len)
{
    return rig_send_at(rig, RIG_NOW_NS, port, data, len);
}

static inline unsigned rig_message(struct rig *rig, uint16_t port, struct message *m)
{
    message_end(m);
    return rig_send(rig, port, m->bytes, m->len);
}
