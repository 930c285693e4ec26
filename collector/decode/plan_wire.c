#include "collector/decode/plan_wire.h"

#include "collector/decode/plan_state.h"
#include "collector/decode/plan_wire_state.h"
#include "common/base/siphash.h"
#include "common/flow/wire.h"
#include "common/flow/wire_put.h"

#include <assert.h>
#include <stdlib.h>

#define LENGTH_MAX    0x3fff // of a body: its prefix has two bytes at most
#define NUM_MAX       (sizeof(uint16_t) + WIRE_VARINT_MAX)
#define ADDRESS_MAX   (sizeof(uint16_t) + 1 + 16)
#define SAMPLINGS_MAX 8
#define STEPS_MAX     (SAMPLINGS_MAX + 1 + FLOW_FIELD_COUNT + PLAN_WIRE_PIECES_MAX)

static_assert(sizeof(struct step) == 16, "four to a cache line");

// What all records of a message have in common.
static const uint64_t CONSTANTS = FLOW_BIT(FLOW_TYPE) | FLOW_BIT(FLOW_SAMPLING_RATE) |
                                  FLOW_BIT(FLOW_SEQUENCE_NUM) | FLOW_BIT(FLOW_SAMPLER_ADDRESS) |
                                  FLOW_BIT(FLOW_ETYPE) | FLOW_BIT(FLOW_OBSERVATION_DOMAIN_ID) |
                                  FLOW_BIT(FLOW_TIME_RECEIVED_NS) |
                                  FLOW_BIT(FLOW_TIME_FLOW_START_NS) |
                                  FLOW_BIT(FLOW_TIME_FLOW_END_NS);

// What the record gives, sorted by field once all is there.
struct compiler {
    uint64_t etype;
    uint64_t own;
    bool versioned;
    unsigned version_at;
    unsigned sampling_count;
    struct step samplings[SAMPLINGS_MAX];
    struct step of[FLOW_FIELD_COUNT]; // the step of each field in `own`
};

// In the place of a step that fills the field already: the last one stands.
static void add(struct compiler *c, enum flow_field field, enum step_code code, unsigned offset,
                uint64_t mask)
{
    unsigned len;
    c->own |= FLOW_BIT(field);
    struct step *step = &c->of[field];
    *step = (struct step){.code = (uint8_t)code, .offset = (uint16_t)offset, .mask = mask};
    step->head = wire_tag(field, &len);
    step->head_len = (uint8_t)len;
}

static uint64_t mask_of(size_t bytes)
{
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

static bool add_number(struct compiler *c, const struct op *op, enum flow_field field)
{
    size_t width = FLOW_FIELDS[field].kind == FIELD_NUM32 && op->length > 4 ? 4 : op->length;
    if (op->length > 8)
        return false;
    add(c, field, STEP_NUM, op->offset + op->length, mask_of(width));
    return true;
}

static bool add_icmp(struct compiler *c, const struct op *op)
{
    unsigned end = op->offset + op->length;
    if (op->length < 2 || op->length > 8)
        return false;
    add(c, FLOW_ICMP_TYPE, STEP_NUM, end - 1, 0xff);
    add(c, FLOW_ICMP_CODE, STEP_NUM, end, 0xff);
    return true;
}

static bool add_bytes(struct compiler *c, const struct op *op, unsigned len)
{
    enum flow_field field = (enum flow_field)op->field;
    add(c, field, len == 4 ? STEP_ADDRESS4 : STEP_ADDRESS16, op->offset, 0);
    struct step *step = &c->of[field];
    step->head |= len << 8 * step->head_len;
    step->head_len++;
    return true;
}

// Of two addresses for one field, or of two kinds, the record says which one stands.
static bool add_address(struct compiler *c, const struct op *op, unsigned len)
{
    uint64_t etype = len == 4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6;
    bool alone = (c->own & FLOW_BIT(op->field)) == 0 && (c->etype == 0 || c->etype == etype);
    c->etype = etype;
    return alone && add_bytes(c, op, len);
}

static bool add_time(struct compiler *c, const struct op *op, enum step_code code, bool start)
{
    add(c, start ? FLOW_TIME_FLOW_START_NS : FLOW_TIME_FLOW_END_NS, code, op->offset + op->length,
        mask_of(op->length));
    return true;
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
        return add_time(c, op, STEP_UPTIME_START, true);
    case OP_UPTIME_END:
        return add_time(c, op, STEP_UPTIME_END, false);
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

static uint32_t hash_of(const struct plan_wire *wire)
{
    uint64_t hash = wire->own;
    for (unsigned i = 0; i < wire->step_count; i++) {
        const struct step *step = &wire->steps[i];
        const uint64_t words[] = {hash, step->mask,
                                  (uint64_t)step->head << 32 | (uint64_t)step->offset << 16 |
                                      (uint64_t)step->code << 8 | step->head_len};
        hash = siphash_words(0, words, 3);
    }
    return (uint32_t)hash;
}

// NULL when records of the plan need the whole way, or without memory.
static struct plan_wire *compile_plan(const struct plan *plan)
{
    struct compiler c = {.etype = 0};
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
    wire->references = 1;
    wire->etype = c.etype;
    wire->own = c.own;
    wire->bound = sizeof(uint16_t) + PLAN_WIRE_CONSTANTS_MAX + WIRE_OVERRUN;
    arrange(wire, &c);
    assert(wire->bound <= LENGTH_MAX && wire->step_count <= STEPS_MAX);
    wire->hash = hash_of(wire);
    return wire;
}

// All that is in a wire follows from its steps.
static bool is_same(const struct plan_wire *a, const struct plan_wire *b)
{
    return a->hash == b->hash && a->etype == b->etype && a->step_count == b->step_count &&
           memcmp(a->steps, b->steps, a->step_count * sizeof a->steps[0]) == 0;
}

// One that is there already in the place of this one, or it. Takes it over.
static struct plan_wire *intern(struct plan_wire_pool *pool, struct plan_wire *fresh)
{
    struct plan_wire **bucket = &pool->buckets[fresh->hash % PLAN_WIRE_BUCKETS];
    struct plan_wire *known = *bucket;
    while (known != NULL && !is_same(known, fresh))
        known = known->next;
    if (known != NULL) {
        free(fresh);
        known->references++;
        return known;
    }
    struct plan_wire *fitted = realloc(fresh,
                                       sizeof *fresh + fresh->step_count * sizeof fresh->steps[0]);
    struct plan_wire *wire = fitted == NULL ? fresh : fitted;
    wire->pool = pool;
    wire->next = *bucket;
    *bucket = wire;
    pool->count++;
    return wire;
}

const struct plan_wire *plan_wire_of(struct plan_wire_pool *pool, struct plan *plan)
{
    if (plan->wire != NULL || plan->wireless || pool->count == PLAN_WIRE_COUNT_MAX)
        return plan->wire;
    struct plan_wire *fresh = compile_plan(plan);
    plan->wireless = fresh == NULL;
    if (fresh != NULL)
        plan->wire = intern(pool, fresh);
    return plan->wire;
}

void plan_wire_release(struct plan_wire *wire)
{
    if (wire == NULL || --wire->references != 0)
        return;
    struct plan_wire **link = &wire->pool->buckets[wire->hash % PLAN_WIRE_BUCKETS];
    while (*link != wire)
        link = &(*link)->next;
    *link = wire->next;
    wire->pool->count--;
    free(wire);
}
