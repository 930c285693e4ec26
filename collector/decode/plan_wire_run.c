#include "collector/decode/plan_wire_put.h"

#include <assert.h>

#define CONSTANTS_USED (PLAN_WIRE_CONSTANTS_MAX - COPY_STEP)

struct sampling_terms plan_wire_sampling(const struct plan_wire *wire, const uint8_t *record)
{
    struct sampling_terms terms = {.has_selector = false};
    for (const struct step *step = wire->steps; step < wire->steps + wire->sampling_count; step++)
        sampling_take(&terms, (uint16_t)step->head, number_at(step, record));
    return terms;
}

void plan_wire_begin(struct plan_writing *writing, const struct plan_wire *wire,
                     const uint8_t *record, const struct netflow_clock *clock, struct flow *flow)
{
    writing->wire = wire;
    writing->first = record;
    writing->clock = clock;
    writing->bound = wire->bound;
    writing->gap = 1;
    writing->etype = wire->etype;
    flow_set_num(flow, FLOW_ETYPE, wire->etype);
    flow_set_num(flow, FLOW_TIME_FLOW_START_NS, clock->export_ns);
    flow_set_num(flow, FLOW_TIME_FLOW_END_NS, clock->export_ns);
    uint8_t *end = writing->constants;
    for (unsigned i = 0; i < wire->piece_count; i++) {
        uint8_t *start = end;
        end = wire_put_fields(start, flow, wire->pieces[i]);
        writing->pieces[i].at = (uint8_t)(start - writing->constants);
        writing->pieces[i].len = (uint8_t)(end - start);
    }
    assert(end <= writing->constants + CONSTANTS_USED);
}

static inline uint8_t *write_body(struct plan_writing *writing, const uint8_t *record, uint8_t *out)
{
    const struct plan_wire *wire = writing->wire;
    const struct step *const last = wire->steps + wire->step_count;
    for (const struct step *step = wire->steps; step < last; step++) {
        if (step->code == STEP_NUM)
            out = put_number(out, step, number_at(step, record));
        else if ((out = put_other(out, writing, step, record)) == NULL)
            return NULL;
    }
    return out;
}

uint8_t *plan_wire_write(struct plan_writing *writing, const uint8_t *record, uint8_t *frame)
{
    const struct plan_wire *wire = writing->wire;
    uint8_t *body = frame + writing->gap;
    if ((wire->special >> (record[wire->proto_at] & 63) & 1) != 0)
        return plan_wire_rare(writing, record, frame);
    const uint8_t *end = write_body(writing, record, body);
    return end == NULL ? NULL : close_frame(writing, frame, body, end);
}

void plan_wire_end(const struct plan_writing *writing, struct flow *flow)
{
    if ((writing->wire->own & FLOW_BIT(FLOW_TIME_FLOW_END_NS)) != 0)
        flow_set_num(flow, FLOW_TIME_FLOW_END_NS, writing->end_ns);
}
