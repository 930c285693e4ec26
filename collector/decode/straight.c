#include "collector/decode/straight.h"

#include "collector/decode/decode_sampling.h"

void straight_begin(struct straight *straight, struct plan *plan)
{
    // Frames that are written at once are of one rate, whatever their interfaces.
    bool apt = straight->run->frames != NULL &&
               (straight->sampling == NULL || !straight->sampling->by_interface);
    straight->wire = apt ? plan_wire_of(straight->run->wires, plan) : NULL;
    straight->base = straight->run->flow->set;
    straight->open = false;
    straight->flows = 0;
}

void straight_end(struct straight *straight)
{
    if (straight->flows == 0)
        return;
    straight->run->ledger->flows_made += straight->flows;
    decode_sampling_count(straight->run, straight->sampled, straight->flows);
    plan_wire_end(&straight->writing, straight->run->flow);
    straight->flows = 0;
}

// Begins, or begins anew, with a record and those that say the same of sampling.
static void begin_with(struct straight *straight, const uint8_t *record)
{
    const struct sampling_terms terms = plan_wire_sampling(straight->wire, record);
    const struct sampling_found found = straight->sampling == NULL
                                            ? straight->header
                                            : domain_sampling_of(straight->sampling, &terms, 0, 0);
    straight_end(straight);
    straight->open = true;
    flow_restart(straight->run->flow, straight->base);
    straight->sampled = decode_sampling_set(straight->run, &found);
    plan_wire_begin(&straight->writing, straight->wire, record, straight->clock,
                    straight->run->flow);
}

// The end of the record's frame, which begins at *frame; NULL: it is to take the whole way.
static inline uint8_t *write_frame(struct straight *straight, const uint8_t *record,
                                   uint8_t **frame)
{
    struct plan_writing *writing = &straight->writing;
    if (!straight->open)
        begin_with(straight, record);
    *frame = straight->run->frames->room(straight->run->user, writing->bound);
    if (*frame == NULL)
        return NULL;
    uint8_t *end = plan_wire_write(writing, record, *frame);
    if (end != NULL || record == writing->first)
        return end;
    begin_with(straight, record);
    return plan_wire_write(writing, record, *frame);
}

bool straight_record(struct straight *straight, const uint8_t *record)
{
    if (straight->wire == NULL || straight->run->looking)
        return false;
    uint8_t *frame;
    uint8_t *end = write_frame(straight, record, &frame);
    if (end == NULL) { // what was written before it must not change the flow that it becomes
        straight_end(straight);
        return false;
    }
    straight->flows++;
    straight->run->frames->take(straight->run->user, frame, (size_t)(end - frame));
    return true;
}
