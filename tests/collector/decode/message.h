// NetFlow v9 and IPFIX messages made field by field, and a decoder whose flows are kept, for tests.
#pragma once

#include "collector/decode/decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_EXPORT_S  1700000000u
#define MESSAGE_UPTIME_MS 10000u
#define MESSAGE_DOMAIN    5u

struct message {
    uint8_t bytes[65535];
    size_t len;
    size_t set_at; // where the open set begins
};

static inline void message_put(struct message *m, uint64_t value, size_t len)
{
    assert(m->len + len <= sizeof m->bytes);
    while (len-- != 0)
        m->bytes[m->len++] = (uint8_t)(value >> 8 * len);
}

static inline void message_bytes(struct message *m, const void *bytes, size_t len)
{
    assert(m->len + len <= sizeof m->bytes);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static inline void message_patch(struct message *m, size_t at, uint64_t value, size_t len)
{
    size_t end = m->len;
    m->len = at;
    message_put(m, value, len);
    m->len = end;
}

static inline void message_v9(struct message *m)
{
    m->len = 0;
    message_put(m, 9, 2);
    message_put(m, 1, 2);
    message_put(m, MESSAGE_UPTIME_MS, 4);
    message_put(m, MESSAGE_EXPORT_S, 4);
    message_put(m, 99, 4);
    message_put(m, MESSAGE_DOMAIN, 4);
}

static inline void message_ipfix(struct message *m)
{
    m->len = 0;
    message_put(m, 10, 2);
    message_put(m, 0, 2);
    message_put(m, MESSAGE_EXPORT_S, 4);
    message_put(m, 99, 4);
    message_put(m, MESSAGE_DOMAIN, 4);
}

static inline void message_open(struct message *m, unsigned set_id)
{
    m->set_at = m->len;
    message_put(m, set_id, 2);
    message_put(m, 0, 2);
}

static inline void message_close(struct message *m)
{
    message_patch(m, m->set_at + 2, m->len - m->set_at, 2);
}

// A template record: pairs of element and length up to a pair of zeros.
static inline void message_template(struct message *m, unsigned id, const uint16_t (*fields)[2])
{
    unsigned count = 0;
    while (fields[count][0] != 0 || fields[count][1] != 0)
        count++;
    message_put(m, id, 2);
    message_put(m, count, 2);
    for (unsigned i = 0; i < count; i++) {
        message_put(m, fields[i][0], 2);
        message_put(m, fields[i][1], 2);
    }
}

// Fills the IPFIX length in.
static inline void message_end(struct message *m)
{
    if (m->bytes[1] == 10)
        message_patch(m, 2, m->len, 2);
}

#define RIG_FLOWS_MAX 64

// A decoder, its books, and copies of its flows. Their bytes live as long as the last datagram.
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
