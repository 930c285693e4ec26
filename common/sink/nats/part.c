#include "common/sink/nats/part.h"

#include "common/flow/wire.h"

void nats_part_choose(struct window_slot *slot, size_t max)
{
    const struct nats_message *message = slot->message;
    uint32_t flows_left = message->flows - slot->passed;
    uint32_t flows = 0;
    uint32_t fitting = 0;
    size_t fitting_end = slot->from;
    slot->part_len = message->len - slot->from;
    slot->part_flows = flows_left;
    if (slot->part_max != 0 && slot->part_max < max)
        max = slot->part_max;
    if (slot->part_len <= max)
        return;
    for (size_t at = slot->from; at < message->len; flows++) {
        size_t head;
        size_t body;
        if (wire_frame(message->data + at, message->len - at, &head, &body) != WIRE_FRAME)
            return;
        at += head + body;
        if (flows == 0 || at - slot->from <= max) {
            fitting = flows + 1;
            fitting_end = at;
        }
    }
    // A message does not say in which format its flows are; their number does.
    if (flows != flows_left)
        return;
    slot->part_len = fitting_end - slot->from;
    slot->part_flows = fitting;
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
    slot->part_max = refused_len / 2;
    nats_part_choose(slot, slot->part_max);
    slot->sends = 0;
    if (slot->part_len < refused_len)
        return;
    slot->too_large += slot->part_flows;
    nats_part_stored(slot);
}
