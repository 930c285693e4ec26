// What a message announced (templates, options data), put together as a message of its own, for
// other decoders that will see the exporter's data: workers that share its datagrams, collectors
// behind a load balancer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCEMENT_MAX      65535
#define ANNOUNCEMENT_AGAIN_NS (UINT64_C(600) * 1000000000)

struct announcement {
    bool news; // something in it was not known before, or was told long ago
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

// It says something that was told at *told_ns last, 0: never. What did not change is told again
// after ANNOUNCEMENT_AGAIN_NS, to decoders that are new or have forgotten it. NULL is allowed.
static inline void announcement_note(struct announcement *a, bool changed, uint64_t now_ns,
                                     uint64_t *told_ns)
{
    if (a == NULL || (!changed && now_ns - *told_ns < ANNOUNCEMENT_AGAIN_NS))
        return;
    a->news = true;
    *told_ns = now_ns;
}

// Whether it says anything that the other decoders may not know.
static inline bool announcement_worth(const struct announcement *a)
{
    return a->news && a->len > a->header_len;
}
