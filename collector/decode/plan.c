#include "collector/decode/plan.h"

#include "collector/decode/mapping/mapping.h"
#include "collector/decode/ntp.h"
#include "collector/decode/packet/packet.h"

#include <stdlib.h>

#define SAMPLING_INTERVAL 34

enum {
    ETYPE_IPV4 = 0x0800,
    ETYPE_IPV6 = 0x86dd,
};

// Arguments of elements.def.
enum {
    TIME_UNIT_UPTIME,
    TIME_UNIT_SECONDS,
    TIME_UNIT_MILLI,
    TIME_UNIT_NTP,
    TIME_UNIT_DELTA,
    SECTION_IP,
    SECTION_FRAME,
};

enum code {
    OP_NONE,
    // Of the table.
    OP_NUM,        // a number of 0 to 8 bytes
    OP_ADDRESS,    // source or destination, with its EtherType; zeros never replace an address
    OP_HOP,        // an address; the last one stands
    OP_LIST,       // an address, appended
    OP_ICMP,       // type in the high byte, code in the low
    OP_VLAN,       // vlan_id and src_vlan
    OP_IP_VERSION, // 4 or 6, as EtherType
    OP_IP_FLAGS,   // the high three bits of a byte
    OP_MPLS_LABEL, // a label stack entry without its TTL; the argument is its place
    OP_TIME_START,
    OP_TIME_END,
    OP_TIME_INIT,
    OP_SAMPLING,   // the argument is the element
    OP_FRAME_SIZE, // bytes of one packet
    OP_SECTION,    // the packet itself
    // Of mapping.yaml; the argument is the item.
    OP_MAPPED,
    OP_MAPPED_SAMPLING,
    // Made by the compiler: the common lengths of the above, read without a loop or a check.
    OP_NUM1,
    OP_NUM2,
    OP_NUM4,
    OP_NUM8,
    OP_ADDRESS4,
    OP_ADDRESS16,
    OP_UPTIME_START,
    OP_UPTIME_END,
    // Records of variable length.
    OP_STRETCH,  // `length` bytes must be left here
    OP_VARIABLE, // a variable length and its value; offsets count from its end on. The argument is
                 // how many of the next operations take the value
};

// `offset` counts from the start of the record, or from the end of the last variable field.
struct op {
    uint8_t code;
    uint8_t field;
    uint16_t argument;
    uint16_t length;
    uint16_t offset;
};

struct plan {
    uint32_t len;    // of a record without variable fields, else 0
    uint32_t unused; // fields that no operation takes
    const struct mapping *mapping;
    const struct mapping_elements *mapped; // of the template's protocol
    uint32_t op_count;
    struct op ops[];
};

struct element {
    uint8_t code;
    uint8_t field;
    uint16_t argument;
};

#define UPTIME        TIME_UNIT_UPTIME
#define SECONDS       TIME_UNIT_SECONDS
#define MILLI         TIME_UNIT_MILLI
#define NTP           TIME_UNIT_NTP
#define DELTA         TIME_UNIT_DELTA
#define IP            SECTION_IP
#define FRAME         SECTION_FRAME
#define ELEMENT_COUNT 316 // one more than the highest

static const struct element ELEMENTS[ELEMENT_COUNT] = {
#define ELEMENT(element, operation, field, argument)                                               \
    [element] = {OP_##operation, FLOW_##field, argument},
#include "collector/decode/elements.def"
#undef ELEMENT
};

static struct element element_of(const struct template_field *field)
{
    static const struct element none = {.code = OP_NONE};
    if (field->enterprise != 0 || field->element >= ELEMENT_COUNT)
        return none;
    return ELEMENTS[field->element];
}

// The operation for an element of fixed length: the quick one where there is one.
static uint8_t specialised(const struct element *element, unsigned length)
{
    bool narrow = FLOW_FIELDS[element->field].kind == FIELD_NUM32;
    switch (element->code) {
    case OP_NUM:
        return length == 1              ? OP_NUM1
               : length == 2            ? OP_NUM2
               : length == 4            ? OP_NUM4
               : length == 8 && !narrow ? OP_NUM8
                                        : OP_NUM;
    case OP_ADDRESS:
        if (length != element->argument)
            return OP_ADDRESS;
        return length == 4 ? OP_ADDRESS4 : OP_ADDRESS16;
    case OP_TIME_START:
        return element->argument == TIME_UNIT_UPTIME && length == 4 ? OP_UPTIME_START
                                                                    : OP_TIME_START;
    case OP_TIME_END:
        return element->argument == TIME_UNIT_UPTIME && length == 4 ? OP_UPTIME_END : OP_TIME_END;
    default:
        return element->code;
    }
}

struct compiler {
    struct plan *plan;
    uint32_t offset;
    struct op *stretch; // the check whose length is still growing
};

static struct op *add_op(struct compiler *c, uint8_t code, const struct element *element)
{
    struct op *op = &c->plan->ops[c->plan->op_count++];
    *op = (struct op){.code = code, .offset = (uint16_t)c->offset};
    if (element != NULL) {
        op->field = element->field;
        op->argument = element->argument;
    }
    return op;
}

// What the mapping does with the element, ahead of what is done anyway. A sampling rate is taken
// like that of samplingInterval, unless the element is a sampling element itself: files made for
// goflow2 map those in vain.
static bool add_mapped(struct compiler *c, const struct template_field *field,
                       const struct element *element)
{
    struct plan *plan = c->plan;
    int item = plan->mapped == NULL ? -1
                                    : mapping_find(plan->mapped, field->enterprise, field->element);
    if (item < 0)
        return false;
    bool sampling = mapping_is_sampling(plan->mapped, item);
    if (sampling && element->code == OP_SAMPLING)
        return false;
    struct op *op = add_op(c, sampling ? OP_MAPPED_SAMPLING : OP_MAPPED, NULL);
    op->argument = (uint16_t)item;
    op->length = field->length;
    return true;
}

// The value that a record gives its length of; what stands behind it is a stretch of its own.
static void compile_variable(struct compiler *c, const struct template_field *field,
                             const struct element *element)
{
    c->stretch->length = (uint16_t)(c->offset + 1);
    struct op *variable = add_op(c, OP_VARIABLE, NULL);
    variable->argument = add_mapped(c, field, element);
    if (element->code != OP_NONE) {
        add_op(c, element->code, element);
        variable->argument++;
    }
    c->plan->unused += variable->argument == 0;
    c->offset = 0;
    c->stretch = add_op(c, OP_STRETCH, NULL);
}

static void compile_field(struct compiler *c, const struct template_field *field)
{
    struct element element = element_of(field);
    if (field->length == TEMPLATE_VARIABLE) {
        compile_variable(c, field, &element);
        return;
    }
    // Without bytes there is no value; and a thousand fields without bytes would cost as much as
    // any.
    bool mapped = field->length != 0 && add_mapped(c, field, &element);
    c->plan->unused += !mapped && element.code == OP_NONE;
    if (element.code != OP_NONE && field->length != 0)
        add_op(c, specialised(&element, field->length), &element)->length = field->length;
    c->offset += field->length;
}

struct plan *plan_new(const struct template *template, enum template_dialect dialect,
                      const struct mapping *mapping)
{
    // A variable field takes at most four operations; the first stretch is one more.
    size_t max = 1 + 4 * (size_t) template->field_count;
    struct plan *plan = calloc(1, sizeof *plan + max * sizeof plan->ops[0]);
    if (plan == NULL)
        return NULL;
    plan->mapping = mapping;
    if (mapping != NULL)
        plan->mapped = mapping_elements(mapping, dialect == TEMPLATE_IPFIX);
    struct compiler c = {.plan = plan};
    if (template->variable)
        c.stretch = add_op(&c, OP_STRETCH, NULL);
    for (unsigned i = 0; i < template->field_count; i++)
        compile_field(&c, &template->fields[i]);
    if (template->variable)
        c.stretch->length = (uint16_t)c.offset;
    plan->len = template->variable ? 0 : template->min_len;
    struct plan *fitted = realloc(plan, sizeof *plan + plan->op_count * sizeof plan->ops[0]);
    return fitted == NULL ? plan : fitted;
}

void plan_free(struct plan *plan)
{
    free(plan);
}

uint32_t plan_unused(const struct plan *plan)
{
    return plan->unused;
}

size_t plan_bytes(const struct plan *plan)
{
    return sizeof *plan + plan->op_count * sizeof plan->ops[0];
}

struct run {
    const struct plan *plan;
    struct flow *flow;
    struct plan_result *result;
    struct ledger *ledger;
};

static void set_time(struct plan_time *time, unsigned unit, uint64_t value)
{
    time->clock = PLAN_CLOCK_ABSOLUTE;
    switch (unit) {
    case TIME_UNIT_UPTIME:
        time->clock = PLAN_CLOCK_UPTIME;
        time->value = value;
        break;
    case TIME_UNIT_SECONDS:
        if (__builtin_mul_overflow(value, 1000000000, &time->value))
            time->clock = PLAN_CLOCK_INVALID;
        break;
    case TIME_UNIT_MILLI:
        if (__builtin_mul_overflow(value, 1000000, &time->value))
            time->clock = PLAN_CLOCK_INVALID;
        break;
    case TIME_UNIT_NTP: // RFC 7011, sections 6.1.9 and 6.1.10
        time->value = ntp_unix_ns(value);
        break;
    default:
        time->clock = PLAN_CLOCK_DELTA;
        time->value = value;
        break;
    }
}

static void set_address(struct flow *flow, enum flow_field field, const uint8_t *at, size_t len)
{
    static const uint8_t zeros[16];
    if (flow_has(flow, field) && memcmp(at, zeros, len) == 0)
        return;
    flow_set_bytes(flow, field, at, len);
    flow_set_num(flow, FLOW_ETYPE, len == 4 ? ETYPE_IPV4 : ETYPE_IPV6);
}

static void set_section(const struct run *run, unsigned kind, const uint8_t *at, size_t len)
{
    struct flow *flow = run->flow;
    packet_parse_mapped(flow, run->plan->mapping,
                        kind == SECTION_FRAME ? PACKET_ETHERNET : PACKET_IP, at, len);
    flow_set_num(flow, FLOW_PACKETS, 1);
    if (!flow_has(flow, FLOW_BYTES))
        flow_set_num(flow, FLOW_BYTES, len);
}

static void take_sampling(struct plan_result *result, uint16_t element, uint64_t value)
{
    if (!result->has_sampling)
        result->sampling = (struct sampling_terms){.has_selector = false};
    result->has_sampling = true;
    sampling_take(&result->sampling, element, value);
}

static void apply_number(const struct run *run, const struct op *op, uint64_t value)
{
    enum flow_field field = (enum flow_field)op->field;
    switch (op->code) {
    case OP_ICMP:
        flow_set_num(run->flow, FLOW_ICMP_TYPE, value >> 8 & 0xff);
        flow_set_num(run->flow, FLOW_ICMP_CODE, value & 0xff);
        break;
    case OP_VLAN:
        flow_set_num(run->flow, FLOW_VLAN_ID, (uint32_t)value);
        flow_set_num(run->flow, FLOW_SRC_VLAN, (uint32_t)value);
        break;
    case OP_IP_FLAGS:
        flow_set_num(run->flow, field, (uint32_t)(value >> 5));
        break;
    case OP_MPLS_LABEL:
        flow_set_item(run->flow, field, op->argument, (uint32_t)(value >> 4));
        break;
    case OP_TIME_START:
        set_time(&run->result->start, op->argument, value);
        break;
    case OP_TIME_END:
        set_time(&run->result->end, op->argument, value);
        break;
    case OP_TIME_INIT:
        run->result->init_ms = value;
        break;
    case OP_SAMPLING:
        take_sampling(run->result, op->argument, value);
        break;
    case OP_FRAME_SIZE:
        flow_set_num(run->flow, field, value);
        flow_set_num(run->flow, FLOW_PACKETS, 1);
        break;
    default: // OP_NUM
        flow_set_num(run->flow, field,
                     FLOW_FIELDS[field].kind == FIELD_NUM32 ? (uint32_t)value : value);
        break;
    }
}

// Any operation on a value of any length.
static void apply(const struct run *run, const struct op *op, const uint8_t *at, size_t len)
{
    enum flow_field field = (enum flow_field)op->field;
    switch (op->code) {
    case OP_ADDRESS:
    case OP_HOP:
    case OP_LIST:
        if (len != op->argument)
            ledger_count(run->ledger, REASON_FIELD_LENGTH, len != 0);
        else if (op->code == OP_ADDRESS)
            set_address(run->flow, field, at, len);
        else if (op->code == OP_HOP)
            flow_set_bytes(run->flow, field, at, len);
        else
            flow_append_bytes(run->flow, field, at, len);
        break;
    case OP_IP_VERSION:
        if (len != 0 && (*at == 4 || *at == 6))
            flow_set_num(run->flow, field, *at == 4 ? ETYPE_IPV4 : ETYPE_IPV6);
        break;
    case OP_SECTION:
        set_section(run, op->argument, at, len);
        break;
    case OP_MAPPED:
        mapping_take(run->plan->mapped, op->argument, at, len, run->flow, run->ledger);
        break;
    case OP_MAPPED_SAMPLING:
        take_sampling(run->result, SAMPLING_INTERVAL,
                      mapping_number(run->plan->mapped, op->argument, at, len));
        break;
    default:
        if (len > 8)
            ledger_count(run->ledger, REASON_FIELD_TOO_LONG, 1);
        else
            apply_number(run, op, bytes_be(at, len));
        break;
    }
}

// The value of a variable field (RFC 7011, section 7): its address, NULL past the end.
static const uint8_t *variable_value(const uint8_t *at, const uint8_t *end, size_t *len)
{
    size_t head = 1;
    *len = *at;
    if (*len == 255) {
        if (end - at < 3)
            return NULL;
        *len = bytes_u16(at + 1);
        head = 3;
    }
    return (size_t)(end - at) - head < *len ? NULL : at + head;
}

static inline uint64_t with_num(struct flow *flow, uint64_t set, unsigned field, uint64_t value)
{
    flow->num[field] = value;
    return (set & ~FLOW_BIT(field)) | (uint64_t)(value != 0) << field;
}

static inline uint64_t with_address(struct flow *flow, uint64_t set, unsigned field,
                                    const uint8_t *at, size_t len, uint64_t etype)
{
    flow->span[field] = (struct span){.data = at, .len = len};
    flow->num[FLOW_ETYPE] = etype;
    return set | FLOW_BIT(field) | FLOW_BIT(FLOW_ETYPE);
}

// One operation at a place that is known to be readable. The set bits travel in a register: storing
// and loading them again for each operation would be most of its cost.
static inline __attribute__((always_inline)) uint64_t
operate(const struct run *run, const struct op *op, const uint8_t *at, uint64_t set)
{
    struct flow *flow = run->flow;
    switch (op->code) {
    case OP_NUM1:
        return with_num(flow, set, op->field, *at);
    case OP_NUM2:
        return with_num(flow, set, op->field, bytes_u16(at));
    case OP_NUM4:
        return with_num(flow, set, op->field, bytes_u32(at));
    case OP_NUM8:
        return with_num(flow, set, op->field, bytes_u64(at));
    case OP_ADDRESS4:
        if ((set & FLOW_BIT(op->field)) != 0 && bytes_u32(at) == 0)
            return set;
        return with_address(flow, set, op->field, at, 4, ETYPE_IPV4);
    case OP_ADDRESS16:
        if ((set & FLOW_BIT(op->field)) != 0 && (bytes_u64(at) | bytes_u64(at + 8)) == 0)
            return set;
        return with_address(flow, set, op->field, at, 16, ETYPE_IPV6);
    case OP_UPTIME_START:
        run->result->start = (struct plan_time){PLAN_CLOCK_UPTIME, bytes_u32(at)};
        return set;
    case OP_UPTIME_END:
        run->result->end = (struct plan_time){PLAN_CLOCK_UPTIME, bytes_u32(at)};
        return set;
    default:
        flow->set = set;
        apply(run, op, at, op->length);
        return flow->set;
    }
}

static size_t run_fixed(const struct plan *plan, const struct run *run, const uint8_t *data)
{
    const struct op *const last = plan->ops + plan->op_count;
    uint64_t set = run->flow->set;
    for (const struct op *op = plan->ops; op < last; op++)
        set = operate(run, op, data + op->offset, set);
    run->flow->set = set;
    return plan->len;
}

static size_t run_variable(const struct plan *plan, const struct run *run, const uint8_t *data,
                           const uint8_t *end)
{
    const struct op *const last = plan->ops + plan->op_count;
    const uint8_t *base = data;
    size_t stretch = 0;
    for (const struct op *op = plan->ops; op < last; op++) {
        if (op->code == OP_STRETCH) {
            stretch = op->length;
            if ((size_t)(end - base) < stretch)
                return 0;
        } else if (op->code == OP_VARIABLE) {
            size_t len;
            const uint8_t *value = variable_value(base + op->offset, end, &len);
            if (value == NULL)
                return 0;
            base = value + len;
            for (const struct op *taker = op + op->argument; op < taker;)
                apply(run, ++op, value, len);
        } else {
            run->flow->set = operate(run, op, base + op->offset, run->flow->set);
        }
    }
    return (size_t)(base + stretch - data);
}

size_t plan_run(const struct plan *plan, const uint8_t *data, size_t len, struct flow *flow,
                struct plan_result *result, struct ledger *ledger)
{
    const struct run run = {.plan = plan, .flow = flow, .result = result, .ledger = ledger};
    result->start.clock = PLAN_CLOCK_NONE;
    result->end.clock = PLAN_CLOCK_NONE;
    result->init_ms = 0;
    result->has_sampling = false;
    if (plan->len != 0)
        return run_fixed(plan, &run, data);
    return run_variable(plan, &run, data, data + len);
}
