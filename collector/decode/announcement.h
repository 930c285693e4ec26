// What a message announced (templates, options data), put together as a message of its own, for
// other decoders that will see the exporter's data: workers that share its datagrams, collectors
// behind a load balancer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCEMENT_MAX 65535

struct announcement {
    bool news; // something in it was not known before
    size_t len;
    size_t header_len;
    uint8_t bytes[ANNOUNCEMENT_MAX];
};

// Begins one with the message's own header.
void announcement_begin(struct announcement *a, const uint8_t *header, size_t header_len);

// Adds a whole set, its header given by id and length of the body. The message it stands in was no
// longer than this one can be.
void announcement_add(struct announcement *a, uint16_t set_id, const uint8_t *body, size_t len);

// Makes the header right: IPFIX messages say their length (RFC 7011, section 3.1).
void announcement_end(struct announcement *a);

// Whether it says anything that the other decoders may not know.
static inline bool announcement_worth(const struct announcement *a)
{
    return a->news && a->len > a->header_len;
}
