#include "collector/decode/plan_wire.h"

#include "collector/decode/plan_state.h"
#include "common/base/copy.h"
#include "common/flow/wire.h"
#include "common/flow/wire_put.h"

#include <assert.h>
#include <stdlib.h>

#define LENGTH_MAX     0x3fff // of a body: its prefix has two bytes at most
#define NUM_MAX        (sizeof(uint16_t) + WIRE_VARINT_MAX)
#define ADDRESS_MAX    (sizeof(uint16_t) + 1 + 16)
#define SAMPLINGS_MAX  8
#define STEPS_MAX      (SAMPLINGS_MAX + 1 + FLOW_FIELD_COUNT + PLAN_WIRE_PIECES_MAX)
#define CONSTANTS_USED (PLAN_WIRE_CONSTANTS_MAX - COPY_STEP)

enum step_code {
    STEP_NUM,
    STEP_ADDRESS4,
    STEP_ADDRESS16,
    STEP_CONSTANTS, // `offset` is the number of the piece
    STEP_UPTIME,
    STEP_SECONDS,
    STEP_MILLI,
    STEP_VERSION,  // the byte there must be `mask`
    STEP_SAMPLING, // the number must be that of the first record; `head` is the element
};

// `offset` counts from the record's start, to the end of a number and to the start of all else.
struct step {
    uint64_t mask; // the bits of a number, out of the eight bytes that end with it
    uint32_t head; // tag, and length of an address, as they stand on the wire
    uint16_t offset;
    uint8_t code;
    uint8_t head_len;
};

static_assert(sizeof(struct step) == 16, "four to a cache line");

struct plan_wire {
    uint64_t etype; // of the addresses; 0: there are none
    uint64_t own;   // fields that come from the record
    size_t bound;
    unsigned piece_count;
    uint64_t pieces[PLAN_WIRE_PIECES_MAX]; // the fields of each
    unsigned sampling_count;               // of the steps, the first ones
    unsigned step_count;
    struct step steps[];
};

// What all records of a message have in common.
static const uint64_t CONSTANTS = FLOW_BIT(FLOW_TYPE) | FLOW_BIT(FLOW_SAMPLING_RATE) |
                                  FLOW_BIT(FLOW_SEQUENCE_NUM) | FLOW_BIT(FLOW_SAMPLER_ADDRESS) |
                                  FLOW_BIT(FLOW_ETYPE) | FLOW_BIT(FLOW_OBSERVATION_DOMAIN_ID) |
                                  FLOW_BIT(FLOW_TIME_RECEIVED_NS) |
                                  FLOW_BIT(FLOW_TIME_FLOW_START_NS) |
                                  FLOW_BIT(FLOW_TIME_FLOW_END_NS);

// What the record gives, sorted by field once all is there.
struct compiler {
    enum template_dialect dialect;
    uint64_t etype;
    uint64_t own;
    bool versioned;
    unsigned version_at;
    unsigned sampling_count;
    struct step samplings[SAMPLINGS_MAX];
    struct step of[FLOW_FIELD_COUNT]; // the step of each field in `own`
};

// False when the field is filled twice: which one stands is up to the record.
static bool claim(struct compiler *c, enum flow_field field)
{
    bool is_free = (c->own & FLOW_BIT(field)) == 0;
    c->own |= FLOW_BIT(field);
    return is_free;
}

static bool add(struct compiler *c, enum flow_field field, enum step_code code, unsigned offset,
                uint64_t mask)
{
    unsigned len;
    struct step *step = &c->of[field];
    *step = (struct step){.code = (uint8_t)code, .offset = (uint16_t)offset, .mask = mask};
    step->head = wire_tag(field, &len);
    step->head_len = (uint8_t)len;
    return claim(c, field);
}

static uint64_t mask_of(size_t bytes)
{
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

static bool add_number(struct compiler *c, const struct op *op, enum flow_field field)
{
    size_t width = FLOW_FIELDS[field].kind == FIELD_NUM32 && op->length > 4 ? 4 : op->length;
    return op->length <= 8 && add(c, field, STEP_NUM, op->offset + op->length, mask_of(width));
}

static bool add_icmp(struct compiler *c, const struct op *op)
{
    unsigned end = op->offset + op->length;
    if (op->length < 2 || op->length > 8)
        return false;
    return add(c, FLOW_ICMP_TYPE, STEP_NUM, end - 1, 0xff) &&
           add(c, FLOW_ICMP_CODE, STEP_NUM, end, 0xff);
}

static bool add_bytes(struct compiler *c, const struct op *op, unsigned len)
{
    enum flow_field field = (enum flow_field)op->field;
    if (!add(c, field, len == 4 ? STEP_ADDRESS4 : STEP_ADDRESS16, op->offset, 0))
        return false;
    struct step *step = &c->of[field];
    step->head |= len << 8 * step->head_len;
    step->head_len++;
    return true;
}

static bool add_address(struct compiler *c, const struct op *op, unsigned len)
{
    uint64_t etype = len == 4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6;
    bool alike = c->etype == 0 || c->etype == etype;
    c->etype = etype;
    return alike && add_bytes(c, op, len);
}

static bool add_time(struct compiler *c, const struct op *op, enum step_code code, bool start)
{
    return add(c, start ? FLOW_TIME_FLOW_START_NS : FLOW_TIME_FLOW_END_NS, code,
               op->offset + op->length, mask_of(op->length));
}

static bool add_version(struct compiler *c, const struct op *op)
{
    bool first = !c->versioned;
    c->versioned = true;
    c->version_at = op->offset;
    return first;
}

static bool add_sampling(struct compiler *c, const struct op *op)
{
    if (c->sampling_count == SAMPLINGS_MAX || op->length > 8)
        return false;
    c->samplings[c->sampling_count++] = (struct step){.code = STEP_SAMPLING,
                                                      .head = op->argument,
                                                      .offset = (uint16_t)(op->offset + op->length),
                                                      .mask = mask_of(op->length)};
    return true;
}

// False when the operation has no step of its own.
static bool compile(struct compiler *c, const struct op *op)
{
    switch (op->code) {
    case OP_NUM:
    case OP_NUM1:
    case OP_NUM2:
    case OP_NUM4:
    case OP_NUM8:
        return add_number(c, op, (enum flow_field)op->field);
    case OP_VLAN:
        return add_number(c, op, FLOW_VLAN_ID) && add_number(c, op, FLOW_SRC_VLAN);
    case OP_ICMP:
        return add_icmp(c, op);
    case OP_ADDRESS4:
        return add_address(c, op, 4);
    case OP_ADDRESS16:
        return add_address(c, op, 16);
    case OP_HOP4:
        return add_bytes(c, op, 4);
    case OP_HOP16:
        return add_bytes(c, op, 16);
    case OP_UPTIME_START:
    case OP_UPTIME_END: // an uptime of IPFIX counts from what the record may say
        return c->dialect == TEMPLATE_V9 &&
               add_time(c, op, STEP_UPTIME, op->code == OP_UPTIME_START);
    case OP_MILLI_START:
    case OP_MILLI_END:
        return add_time(c, op, STEP_MILLI, op->code == OP_MILLI_START);
    case OP_TIME_START:
    case OP_TIME_END:
        return op->argument == TIME_UNIT_SECONDS && op->length <= 4 &&
               add_time(c, op, STEP_SECONDS, op->code == OP_TIME_START);
    case OP_IP_VERSION:
        return add_version(c, op);
    case OP_SAMPLING:
        return add_sampling(c, op);
    default:
        return false;
    }
}

static void put_piece(struct plan_wire *wire, uint64_t fields)
{
    assert(wire->piece_count < PLAN_WIRE_PIECES_MAX);
    wire->steps[wire->step_count++] = (struct step){.code = STEP_CONSTANTS,
                                                    .offset = (uint16_t)wire->piece_count};
    wire->pieces[wire->piece_count++] = fields;
}

// Steps in the order of the wire, which is that of enum flow_field, with the constants between.
static void arrange(struct plan_wire *wire, const struct compiler *c)
{
    uint64_t constants = CONSTANTS & ~c->own;
    for (; wire->sampling_count < c->sampling_count; wire->sampling_count++)
        wire->steps[wire->step_count++] = c->samplings[wire->sampling_count];
    if (c->versioned)
        wire->steps[wire->step_count++] = (struct step){.code = STEP_VERSION,
                                                        .offset = (uint16_t)c->version_at,
                                                        .mask = c->etype == PLAN_ETYPE_IPV4 ? 4
                                                                                            : 6};
    for (uint64_t left = c->own; left != 0; left &= left - 1) {
        uint64_t before = constants & ((left & -left) - 1);
        constants &= ~before;
        if (before != 0)
            put_piece(wire, before);
        const struct step *step = &c->of[__builtin_ctzll(left)];
        wire->steps[wire->step_count++] = *step;
        wire->bound += step->code == STEP_ADDRESS4 || step->code == STEP_ADDRESS16 ? ADDRESS_MAX
                                                                                   : NUM_MAX;
    }
    if (constants != 0)
        put_piece(wire, constants);
}

struct plan_wire *plan_wire_new(const struct plan *plan, enum template_dialect dialect)
{
    struct compiler c = {.dialect = dialect};
    if (plan->len == 0)
        return NULL;
    for (unsigned i = 0; i < plan->op_count; i++)
        if (!compile(&c, &plan->ops[i]))
            return NULL;
    if (c.versioned && c.etype == 0)
        return NULL;
    struct plan_wire *wire = calloc(1, sizeof *wire + STEPS_MAX * sizeof wire->steps[0]);
    if (wire == NULL)
        return NULL;
    wire->etype = c.etype;
    wire->own = c.own;
    wire->bound = sizeof(uint16_t) + PLAN_WIRE_CONSTANTS_MAX + WIRE_OVERRUN;
    arrange(wire, &c);
    assert(wire->bound <= LENGTH_MAX && wire->step_count <= STEPS_MAX);
    struct plan_wire *fitted = realloc(wire, plan_wire_bytes(wire));
    return fitted == NULL ? wire : fitted;
}

void plan_wire_free(struct plan_wire *wire)
{
    free(wire);
}

size_t plan_wire_bytes(const struct plan_wire *wire)
{
    return sizeof *wire + wire->step_count * sizeof wire->steps[0];
}

const struct plan_wire *plan_wire_of(const struct plan *plan)
{
    return plan->wire;
}

static inline uint64_t number_at(const struct step *step, const uint8_t *record)
{
    return bytes_u64(record + step->offset - 8) & step->mask;
}

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

static inline uint8_t *put_head(uint8_t *out, const struct step *step)
{
    memcpy(out, &step->head, sizeof step->head);
    return out + step->head_len;
}

static inline uint8_t *put_number(uint8_t *out, const struct step *step, uint64_t value)
{
    return value == 0 ? out : wire_varint(put_head(out, step), value);
}

static inline uint8_t *put_constants(uint8_t *out, const struct plan_writing *writing, unsigned i)
{
    const uint8_t *from = writing->constants + writing->pieces[i].at;
    size_t len = writing->pieces[i].len;
    if (len > COPY_STEP)
        return copy_steps(out, from, len);
    memcpy(out, from, COPY_STEP);
    return out + len;
}

// NULL: there is no such time, which is to be counted.
static inline uint8_t *put_uptime(uint8_t *out, struct plan_writing *writing,
                                  const struct step *step, const uint8_t *record)
{
    writing->end_ns = netflow_clock_uptime(writing->clock, (uint32_t)number_at(step, record));
    return writing->end_ns == 0 ? NULL : put_number(out, step, writing->end_ns);
}

// A time in units of so many nanoseconds, since 1970. NULL likewise.
static inline uint8_t *put_absolute(uint8_t *out, struct plan_writing *writing,
                                    const struct step *step, const uint8_t *record, uint64_t unit)
{
    if (__builtin_mul_overflow(number_at(step, record), unit, &writing->end_ns))
        return NULL;
    return put_number(out, step, writing->end_ns);
}

// What is no number that the record gives.
static inline uint8_t *put_other(uint8_t *out, struct plan_writing *writing,
                                 const struct step *step, const uint8_t *record)
{
    switch ((enum step_code)step->code) {
    case STEP_ADDRESS4:
        memcpy(put_head(out, step), record + step->offset, 4);
        return out + step->head_len + 4;
    case STEP_ADDRESS16:
        memcpy(put_head(out, step), record + step->offset, 16);
        return out + step->head_len + 16;
    case STEP_CONSTANTS:
        return put_constants(out, writing, step->offset);
    case STEP_UPTIME: // of start and end the end stands behind, and so leaves its time
        return put_uptime(out, writing, step, record);
    case STEP_SECONDS:
        return put_absolute(out, writing, step, record, 1000000000);
    case STEP_MILLI:
        return put_absolute(out, writing, step, record, 1000000);
    case STEP_VERSION:
        return record[step->offset] == step->mask ? out : NULL;
    case STEP_SAMPLING:
        return number_at(step, record) == number_at(step, writing->first) ? out : NULL;
    case STEP_NUM:
        break;
    }
    return NULL;
}

static uint8_t *write_body(struct plan_writing *writing, const uint8_t *record, uint8_t *out)
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
    uint8_t *body = frame + writing->gap;
    const uint8_t *end = write_body(writing, record, body);
    if (end == NULL)
        return NULL;
    size_t len = (size_t)(end - body);
    unsigned head = len < 0x80 ? 1 : 2;
    if (head != writing->gap) { // the next frame will most likely be like this one
        memmove(frame + head, body, len);
        writing->gap = head;
    }
    frame[0] = (uint8_t)(len | (head - 1) << 7);
    if (head == 2)
        frame[1] = (uint8_t)(len >> 7);
    return frame + head + len;
}

void plan_wire_end(const struct plan_writing *writing, struct flow *flow)
{
    if ((writing->wire->own & FLOW_BIT(FLOW_TIME_FLOW_END_NS)) != 0)
        flow_set_num(flow, FLOW_TIME_FLOW_END_NS, writing->end_ns);
}
