#include "common/sink/nats/part.h"

#include "common/flow/wire.h"

#include <string.h>

// Where the flow at `at` ends: behind its length's bytes, or in text and JSON behind its line.
static size_t flow_end(const struct nats_message *message, size_t at, bool framed)
{
    const uint8_t *begin = message->data + at;
    size_t head;
    size_t body;
    if (!framed) {
        const uint8_t *newline = memchr(begin, '\n', message->len - at);
        return newline == NULL ? message->len : (size_t)(newline + 1 - message->data);
    }
    return wire_frame(begin, message->len - at, &head, &body) == WIRE_FRAME ? at + head + body
                                                                            : message->len;
}

// A message does not say in which format its flows are; their number does.
static bool is_framed(const struct nats_message *message)
{
    size_t at = 0;
    uint32_t flows = 0;
    for (; at < message->len; flows++) {
        size_t head;
        size_t body;
        if (wire_frame(message->data + at, message->len - at, &head, &body) != WIRE_FRAME)
            return false;
        at += head + body;
    }
    return flows == message->flows;
}

void nats_part_choose(struct window_slot *slot, size_t max)
{
    const struct nats_message *message = slot->message;
    slot->part_len = message->len - slot->from;
    slot->part_flows = message->flows - slot->passed;
    if (slot->part_len <= max)
        return;
    bool framed = is_framed(message);
    size_t end = flow_end(message, slot->from, framed);
    uint32_t flows = 1;
    while (end < message->len) {
        size_t next = flow_end(message, end, framed);
        if (next - slot->from > max)
            break;
        end = next;
        flows++;
    }
    slot->part_len = end - slot->from;
    if (end < message->len)
        slot->part_flows = flows;
}

void nats_part_stored(struct window_slot *slot)
{
    slot->from += slot->part_len;
    slot->passed += slot->part_flows;
    slot->part_len = 0;
    slot->sends = 0;
}

void nats_part_refused(struct window_slot *slot)
{
    size_t refused_len = slot->part_len;
    nats_part_choose(slot, refused_len / 2);
    slot->sends = 0;
    if (slot->part_len < refused_len)
        return;
    slot->too_large += slot->part_flows;
    nats_part_stored(slot);
}
