// The messages that this process has answered for good, so that none of them is written again when
// the server delivers it again: one that was killed forgets what was acknowledged, a consumer that
// is made anew begins with the first.
//
// Remembers the latest NATS_KNOWN_MAX sequences of a stream, each with the time at which the stream
// stored the message: of a stream that was made anew they are other messages'. Memory: 8 bytes
// each, touched as it fills. No lock: its owner's.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NATS_KNOWN_MAX (1u << 20)

struct nats_known {
    uint64_t *marks; // at the sequence modulo NATS_KNOWN_MAX, 0: none
};

int nats_known_init(struct nats_known *known); // 0, or -ENOMEM
void nats_known_fini(struct nats_known *known);

void nats_known_add(struct nats_known *known, uint64_t sequence, int64_t time_ns);
bool nats_known_has(const struct nats_known *known, uint64_t sequence, int64_t time_ns);
