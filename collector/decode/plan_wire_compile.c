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
#define PROBABILITY   311 // samplingProbability
#define SAMPLINGS_MAX 8
#define MORE_MAX      16 // candidates for fields beside the first ones
#define CHECKS_MAX    (1 + 2)
#define STEPS_MAX                                                                                  \
    (SAMPLINGS_MAX + CHECKS_MAX + FLOW_FIELD_COUNT + MORE_MAX + PLAN_WIRE_PIECES_MAX + 1)

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
    uint64_t own;
    uint64_t ipv4; // of own, fields that have an address of that version
    uint64_t ipv6;
    uint64_t not_zero; // times that must not be 0
    bool versioned;
    bool ethertyped;
    bool duration;
    bool icmp_ports;
    unsigned version_at;
    struct step ethertype;
    unsigned sampling_count;
    unsigned more_count;
    struct step samplings[SAMPLINGS_MAX];
    uint8_t rank[FLOW_FIELD_COUNT];
    struct step of[FLOW_FIELD_COUNT]; // the step of each field in `own`
    struct {
        struct step step;
        uint8_t field;
        uint8_t rank;
    } more[MORE_MAX];
};

static const uint64_t ADDRESSES = FLOW_BIT(FLOW_SRC_ADDR) | FLOW_BIT(FLOW_DST_ADDR);

static const uint64_t ICMP = FLOW_BIT(FLOW_ICMP_TYPE) | FLOW_BIT(FLOW_ICMP_CODE);
static const uint64_t TIMES = FLOW_BIT(FLOW_TIME_FLOW_START_NS) | FLOW_BIT(FLOW_TIME_FLOW_END_NS);

static uint64_t mask_of(size_t bytes)
{
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

// Keeps a step for the field: of several the one of the lowest rank goes first, and of the same
// element the last.
static bool add(struct compiler *c, enum flow_field field, uint8_t rank, struct step step)
{
    uint64_t bit = FLOW_BIT(field);
    if ((c->own & bit) != 0) {
        if (c->more_count == MORE_MAX)
            return false;
        bool first = rank <= c->rank[field];
        c->more[c->more_count].field = (uint8_t)field;
        c->more[c->more_count].rank = first ? c->rank[field] : rank;
        c->more[c->more_count++].step = first ? c->of[field] : step;
        if (!first)
            return true;
    }
    c->own |= bit;
    c->rank[field] = rank;
    c->of[field] = step;
    return true;
}

static unsigned argument_of(const struct op *op)
{
    return op->argument & ((1 << OP_RANK_SHIFT) - 1);
}

static struct step number_step(const struct op *op, unsigned end, uint64_t mask)
{
    unsigned len;
    struct step step = {.code = STEP_NUM, .offset = (uint16_t)(op->offset + end), .mask = mask};
    step.head = wire_tag((enum flow_field)op->field, &len);
    step.head_len = (uint8_t)len;
    return step;
}

static bool add_number(struct compiler *c, const struct op *op)
{
    enum flow_field field = (enum flow_field)op->field;
    size_t width = FLOW_FIELDS[field].kind == FIELD_NUM32 && op->length > 4 ? 4 : op->length;
    struct step step = number_step(op, op->length, mask_of(width));
    if (op->length > 8)
        return false;
    if (field != FLOW_ETYPE)
        return add(c, field, op_rank(op), step);
    bool first = !c->ethertyped;
    c->ethertyped = true;
    c->ethertype = step;
    return first;
}

// One byte of a number.
static bool add_byte(struct compiler *c, const struct op *op, unsigned above)
{
    if (op->length < 2 || op->length > 8)
        return false;
    return add(c, (enum flow_field)op->field, op_rank(op),
               number_step(op, op->length - above, 0xff));
}

// A number whose bits are moved up goes behind another one, which is 0 where it stands alone.
static bool add_dscp(struct compiler *c, const struct op *op)
{
    struct step nothing = number_step(op, op->length, 0);
    struct step step = number_step(op, op->length, 0x3f);
    step.code = STEP_CANDIDATE;
    step.head = 2;
    if (op->length > 8 ||
        ((c->own & FLOW_BIT(op->field)) == 0 && !add(c, (enum flow_field)op->field, 0, nothing)))
        return false;
    return add(c, (enum flow_field)op->field, op_rank(op) + 1, step);
}

static bool add_bytes(struct compiler *c, const struct op *op, unsigned len)
{
    struct step step = number_step(op, 0, 0);
    step.code = len == 4 ? STEP_ADDRESS4 : STEP_ADDRESS16;
    step.head |= len << 8 * step.head_len;
    step.head_len++;
    *(len == 4 ? &c->ipv4 : &c->ipv6) |= FLOW_BIT(op->field);
    return op->length == len && add(c, (enum flow_field)op->field, op_rank(op), step);
}

// The step of a time, STEP_CANDIDATE where it has none of its own.
static enum step_code time_step(const struct op *op)
{
    bool start = op->field == FLOW_TIME_FLOW_START_NS;
    if (argument_of(op) == TIME_UNIT_UPTIME && op->length == 4)
        return start ? STEP_UPTIME_START : STEP_UPTIME_END;
    if (argument_of(op) == TIME_UNIT_MILLI && op->length == 8)
        return STEP_MILLI;
    if (argument_of(op) == TIME_UNIT_SECONDS && op->length <= 4)
        return STEP_SECONDS;
    return STEP_CANDIDATE;
}

// Of several times the one of the lowest rank, when it is not zero.
static bool add_time(struct compiler *c, const struct op *op)
{
    enum flow_field field = (enum flow_field)op->field;
    struct step step = number_step(op, op->length, mask_of(op->length));
    step.code = (uint8_t)time_step(op);
    if (op->length > 8)
        return false;
    if ((c->own & FLOW_BIT(field)) != 0)
        c->not_zero |= FLOW_BIT(field);
    if ((c->own & FLOW_BIT(field)) != 0 && op_rank(op) > c->rank[field])
        return true;
    c->own |= FLOW_BIT(field);
    c->rank[field] = op_rank(op);
    c->of[field] = step;
    return true;
}

// An end alone is the start too.
static void start_at_end(struct compiler *c)
{
    unsigned len;
    struct step start = c->of[FLOW_TIME_FLOW_END_NS];
    start.head = wire_tag(FLOW_TIME_FLOW_START_NS, &len);
    start.head_len = (uint8_t)len;
    c->of[FLOW_TIME_FLOW_START_NS] = start;
    c->own |= FLOW_BIT(FLOW_TIME_FLOW_START_NS);
}

// Of uptimes zero is one. A duration says nothing where both times are there.
static bool settle_times(struct compiler *c)
{
    if (!c->duration && (c->own & TIMES) == FLOW_BIT(FLOW_TIME_FLOW_END_NS))
        start_at_end(c);
    if (c->duration)
        c->not_zero |= TIMES;
    if ((c->not_zero & ~c->own) != 0)
        return false;
    for (unsigned field = FLOW_TIME_FLOW_START_NS; field <= FLOW_TIME_FLOW_END_NS; field++) {
        unsigned code = (c->own & FLOW_BIT(field)) == 0 ? STEP_MILLI : c->of[field].code;
        bool uptime = code == STEP_UPTIME_START || code == STEP_UPTIME_END;
        if (code == STEP_CANDIDATE || (uptime && (c->not_zero & FLOW_BIT(field)) != 0))
            return false;
    }
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
    // A probability may be narrower than it is kept (sampling_value): that is for the whole way.
    if (c->sampling_count == SAMPLINGS_MAX || op->length > 8 ||
        (op->argument == PROBABILITY && op->length != sizeof(uint64_t)))
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
    switch (op->code & ~OP_CONTESTED) {
    case OP_NUM:
    case OP_NUM1:
    case OP_NUM2:
    case OP_NUM4:
    case OP_NUM8:
        return add_number(c, op);
    case OP_HIGH_BYTE:
        return add_byte(c, op, 1);
    case OP_LOW_BYTE:
        return add_byte(c, op, 0);
    case OP_DSCP:
        return add_dscp(c, op);
    case OP_HOP:
        return add_bytes(c, op, argument_of(op));
    case OP_ADDRESS4:
    case OP_HOP4:
        return add_bytes(c, op, 4);
    case OP_ADDRESS16:
    case OP_HOP16:
        return add_bytes(c, op, 16);
    case OP_UPTIME_START:
    case OP_UPTIME_END:
    case OP_MILLI_START:
    case OP_MILLI_END:
    case OP_TIME_START:
    case OP_TIME_END:
        return add_time(c, op);
    case OP_DURATION:
        c->duration = true;
        return op->length <= 8;
    case OP_IP_VERSION:
        return add_version(c, op);
    case OP_SAMPLING:
        return add_sampling(c, op);
    case OP_FAMILY:
        return true;
    case OP_ICMP_PORTS:
        c->icmp_ports = true;
        return true;
    default:
        return false;
    }
}

static bool has_more(const struct compiler *c, uint64_t fields)
{
    for (unsigned i = 0; i < c->more_count; i++)
        if ((fields & FLOW_BIT(c->more[i].field)) != 0)
            return true;
    return false;
}

// The IP version: of the addresses that the template has, or of the record's. False when it takes
// the whole way to tell.
static bool settle_family(struct compiler *c, uint64_t *etype)
{
    uint64_t etype_bit = FLOW_BIT(FLOW_ETYPE);
    bool ipv4 = (c->ipv4 & ADDRESSES) != 0;
    bool ipv6 = (c->ipv6 & ADDRESSES) != 0;
    *etype = 0;
    if (ipv4 && ipv6) {
        c->versioned = false;
        c->ethertyped = false;
        c->own |= etype_bit;
        unsigned len;
        c->of[FLOW_ETYPE] = (struct step){.code = STEP_ETYPE, .head = wire_tag(FLOW_ETYPE, &len)};
        c->of[FLOW_ETYPE].head_len = (uint8_t)len;
        c->of[FLOW_SRC_ADDR].code = STEP_SOURCE_FIRST;
        c->of[FLOW_DST_ADDR].code = STEP_DESTINATION_FIRST;
        return (c->ipv4 & c->ipv6 & ADDRESSES) == ADDRESSES;
    }
    if (ipv4 || ipv6) {
        *etype = ipv4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6;
        c->ethertyped &= !c->versioned;
        return !has_more(c, ADDRESSES);
    }
    if (c->ethertyped && !c->versioned && !add(c, FLOW_ETYPE, 0, c->ethertype))
        return false;
    c->ethertyped = false;
    return !c->versioned && !has_more(c, c->ipv4 & c->ipv6);
}

// Type and code of ICMP, where the record has both protocol and ports. False when it takes the
// whole way to tell.
static bool settle_icmp(struct compiler *c)
{
    static const uint64_t parts = FLOW_BIT(FLOW_PROTO) | FLOW_BIT(FLOW_SRC_PORT) |
                                  FLOW_BIT(FLOW_DST_PORT);
    if (!c->icmp_ports)
        return true;
    return c->of[FLOW_PROTO].mask == 0xff && !has_more(c, parts);
}

static struct step check_of(const struct step *number, enum step_code code)
{
    return (struct step){.code = (uint8_t)code, .offset = number->offset, .mask = number->mask};
}

static void put_piece(struct plan_wire *wire, uint64_t fields)
{
    assert(wire->piece_count < PLAN_WIRE_PIECES_MAX);
    wire->steps[wire->step_count++] = (struct step){.code = STEP_CONSTANTS,
                                                    .offset = (uint16_t)wire->piece_count};
    wire->pieces[wire->piece_count++] = fields;
}

static void put_step(struct plan_wire *wire, struct step step)
{
    if (step.code > STEP_SAMPLING)
        wire->special = UINT64_MAX;
    wire->steps[wire->step_count++] = step;
}

// What must be so of a record, for its fields to be what the steps write.
static void put_checks(struct plan_wire *wire, const struct compiler *c)
{
    for (; wire->sampling_count < c->sampling_count; wire->sampling_count++)
        put_step(wire, c->samplings[wire->sampling_count]);
    if (c->versioned)
        put_step(wire, (struct step){.code = STEP_VERSION,
                                     .offset = (uint16_t)c->version_at,
                                     .mask = wire->etype == PLAN_ETYPE_IPV4 ? 4 : 6});
    if (c->ethertyped)
        put_step(wire, check_of(&c->ethertype, STEP_ETHERTYPE));
    for (uint64_t left = c->not_zero; left != 0; left &= left - 1)
        put_step(wire, check_of(&c->of[__builtin_ctzll(left)], STEP_NOT_ZERO));
}

// The steps of a field: the first, and its candidates by their rank.
static void put_field(struct plan_wire *wire, const struct compiler *c, unsigned field)
{
    unsigned first = wire->step_count;
    uint32_t used = 0;
    put_step(wire, c->of[field]);
    for (;;) {
        int best = -1;
        for (unsigned i = 0; i < c->more_count; i++)
            if (c->more[i].field == field && (used >> i & 1) == 0 &&
                (best < 0 || c->more[i].rank <= c->more[best].rank))
                best = (int)i;
        if (best < 0)
            break;
        used |= 1u << best;
        struct step step = c->more[best].step;
        if (step.code == STEP_NUM)
            step.head = 0;
        step.code = STEP_CANDIDATE;
        put_step(wire, step);
    }
    if (used != 0 && wire->steps[first].code == STEP_NUM)
        wire->steps[first].code = STEP_NUM_FIRST;
    if (used != 0 &&
        (wire->steps[first].code == STEP_ADDRESS4 || wire->steps[first].code == STEP_ADDRESS16))
        wire->steps[first].code = STEP_ADDRESS_FIRST;
}

// Where type and code are, or what they are made of. The wire's place for them is behind all fields
// in front of icmp_type: `before` is them.
static void arrange_icmp(struct plan_wire *wire, const struct compiler *c)
{
    static const unsigned fields[ICMP_PART_COUNT] = {FLOW_ICMP_TYPE, FLOW_ICMP_CODE, FLOW_DST_PORT,
                                                     FLOW_SRC_PORT};
    unsigned len;
    if (!c->icmp_ports)
        return;
    for (unsigned i = 0; i < ICMP_PART_COUNT; i++)
        wire->icmp[i] = c->of[fields[i]];
    wire->icmp_known = true;
    wire->special |= UINT64_C(1) << PLAN_ICMP_V4 | UINT64_C(1) << PLAN_ICMP_V6;
    wire->proto_at = (uint16_t)(c->of[FLOW_PROTO].offset - 1);
    wire->icmp_said = (c->own & ICMP) != 0;
    if (wire->icmp_said)
        return;
    for (unsigned i = ICMP_TYPE; i <= ICMP_CODE; i++) {
        wire->icmp[i].head = wire_tag((enum flow_field)fields[i], &len);
        wire->icmp[i].head_len = (uint8_t)len;
    }
    wire->bound += 2 * NUM_MAX;
}

static bool has_address(const struct compiler *c, unsigned field)
{
    return ((c->ipv4 | c->ipv6) & FLOW_BIT(field)) != 0;
}

// Steps in the order of the wire, which is that of enum flow_field, with the constants between.
static void arrange(struct plan_wire *wire, const struct compiler *c)
{
    uint64_t constants = CONSTANTS & ~c->own;
    put_checks(wire, c);
    for (uint64_t left = c->own; left != 0; left &= left - 1) {
        uint64_t before = constants & ((left & -left) - 1);
        unsigned field = (unsigned)__builtin_ctzll(left);
        constants &= ~before;
        if (before != 0)
            put_piece(wire, before);
        put_field(wire, c, field);
        if (field < FLOW_ICMP_TYPE)
            wire->icmp_at = wire->step_count;
        wire->bound += has_address(c, field) ? ADDRESS_MAX : NUM_MAX;
    }
    if (constants != 0)
        put_piece(wire, constants);
    arrange_icmp(wire, c);
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

struct plan_wire *plan_wire_compile(const struct plan *plan)
{
    struct compiler c = {.own = 0};
    uint64_t etype;
    if (plan->len == 0 || plan->reverse != NULL)
        return NULL;
    for (unsigned i = 0; i < plan->op_count; i++)
        if (!compile(&c, &plan->ops[i]))
            return NULL;
    if (!settle_family(&c, &etype) || !settle_icmp(&c) || !settle_times(&c))
        return NULL;
    struct plan_wire *wire = calloc(1, sizeof *wire + STEPS_MAX * sizeof wire->steps[0]);
    if (wire == NULL)
        return NULL;
    wire->references = 1;
    wire->etype = etype;
    wire->own = c.own;
    wire->bound = sizeof(uint16_t) + PLAN_WIRE_CONSTANTS_MAX + WIRE_OVERRUN;
    arrange(wire, &c);
    assert(wire->bound <= LENGTH_MAX && wire->step_count < STEPS_MAX);
    wire->hash = hash_of(wire);
    return wire;
}
