// Four honest exporters, one of each protocol, for standing beside hostile ones.
#pragma once

#include "collector/decode/decode.h"

#define HONEST_COUNT 4

struct honest {
    const char *address;
    uint16_t port;
    const char *learn; // templates and sampling rate, sent once (notation.h); NULL: none
    const char *data;
    const char *shows; // by each datagram of data: one flow that has this in its text
};

extern const struct honest HONEST[HONEST_COUNT];

// Decodes what HONEST[i] announces; or its data.
void honest_learn(struct decoder *decoder, unsigned i, uint64_t received_ns);
void honest_data(struct decoder *decoder, unsigned i, uint64_t received_ns);
