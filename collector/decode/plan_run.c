#include "collector/decode/plan.h"

#include "collector/decode/mapping/mapping.h"
#include "collector/decode/ntp.h"
#include "collector/decode/plan_settle.h"

#define RANK_ZERO 0x80 // and more: of a value that is zero

// A time of 0 that is no uptime says nothing.
static inline enum plan_clock absolute_clock(uint64_t value)
{
    return value == 0 ? PLAN_CLOCK_NONE : PLAN_CLOCK_ABSOLUTE;
}

static inline struct plan_time milli_time(uint64_t value)
{
    struct plan_time time = {.clock = absolute_clock(value)};
    if (__builtin_mul_overflow(value, 1000000, &time.value))
        time.clock = PLAN_CLOCK_INVALID;
    return time;
}

static void set_time(struct plan_time *time, unsigned unit, uint64_t value)
{
    time->clock = absolute_clock(value);
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
        *time = milli_time(value);
        break;
    case TIME_UNIT_MICRO:
        time->value = ntp_unix_us(value) * 1000;
        break;
    case TIME_UNIT_NANO:
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
    if (flow_has(flow, field) && plan_only_zeros(at, len))
        return;
    flow_set_bytes(flow, field, at, len);
    flow_set_num(flow, FLOW_ETYPE, len == 4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6);
}

static void keep_section(struct plan_scratch *scratch, const struct op *op, const uint8_t *at,
                         size_t len)
{
    if (op_rank(op) > scratch->section_rank)
        return;
    scratch->section = (struct span){.data = at, .len = len};
    scratch->section_rank = op_rank(op);
    scratch->section_kind = (uint8_t)op->argument;
}

static void keep_label(struct plan_scratch *scratch, unsigned place, uint64_t value, size_t len)
{
    uint32_t entry = (uint32_t)(len == 4 ? value >> 8 : value) & 0xffffff;
    if (entry != 0)
        scratch->stack[place] = entry;
}

// The finest that is not zero. A flow of one packet lasts 0.
static void take_duration(struct plan_result *result, unsigned unit, uint64_t value)
{
    uint64_t unit_ns = unit == TIME_UNIT_MICRO ? 1000 : 1000000;
    uint64_t duration_ns;
    result->has_duration = true;
    if (value == 0 || (result->duration_ns != 0 && unit != TIME_UNIT_MICRO))
        return;
    if (!__builtin_mul_overflow(value, unit_ns, &duration_ns))
        result->duration_ns = duration_ns;
}

static void take_sampling(struct plan_result *result, uint16_t element, uint64_t value)
{
    if (!result->has_sampling)
        result->sampling = (struct sampling_terms){.has_selector = false};
    result->has_sampling = true;
    sampling_take(&result->sampling, element, value);
}

static void apply_number(const struct plan_run *run, const struct op *op, uint64_t value)
{
    enum flow_field field = (enum flow_field)op->field;
    switch (op->code) {
    case OP_HIGH_BYTE:
        flow_set_num(run->flow, field, value >> 8 & 0xff);
        break;
    case OP_LOW_BYTE:
        flow_set_num(run->flow, field, value & 0xff);
        break;
    case OP_DSCP:
        flow_set_num(run->flow, field, (value & 0x3f) << 2);
        break;
    case OP_ONE:
        flow_set_num(run->flow, field, value != 0);
        break;
    case OP_IP_FLAGS:
        flow_set_num(run->flow, field, (uint32_t)(value >> 5));
        break;
    case OP_TIME_START:
        set_time(&run->result->start, op->argument, value);
        break;
    case OP_TIME_END:
        set_time(&run->result->end, op->argument, value);
        break;
    case OP_TIME_INIT:
        run->result->init_ms = value == 0 ? run->result->init_ms : value;
        break;
    case OP_DURATION:
        take_duration(run->result, op->argument, value);
        break;
    default: // OP_NUM
        flow_set_num(run->flow, field,
                     FLOW_FIELDS[field].kind == FIELD_NUM32 ? (uint32_t)value : value);
        break;
    }
}

// Whether a value of that length can be what the element is; what cannot is counted.
static bool fits(const struct plan_run *run, uint8_t code, uint16_t argument, size_t len)
{
    switch (code) {
    case OP_ADDRESS:
    case OP_HOP:
    case OP_LIST:
        ledger_count(run->ledger, REASON_FIELD_LENGTH, len != argument && len != 0);
        return len == argument;
    case OP_IP_VERSION:
    case OP_SECTION:
        return len != 0;
    case OP_MAPPED:
    case OP_MAPPED_SAMPLING:
        return true;
    default:
        ledger_count(run->ledger, REASON_FIELD_TOO_LONG, len > 8);
        return len <= 8;
    }
}

// Any operation of an element on a value that fits.
static void apply_plain(const struct plan_run *run, const struct op *op, const uint8_t *at,
                        size_t len)
{
    enum flow_field field = (enum flow_field)op->field;
    switch (op->code) {
    case OP_ADDRESS:
        set_address(run->flow, field, at, len);
        break;
    case OP_HOP:
        flow_set_bytes(run->flow, field, at, len);
        break;
    case OP_LIST:
        flow_append_bytes(run->flow, field, at, len);
        break;
    case OP_IP_VERSION:
        if (*at == 4 || *at == 6)
            flow_set_num(run->flow, field, *at == 4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6);
        break;
    case OP_SECTION:
        keep_section(run->scratch, op, at, len);
        break;
    case OP_MAPPED:
        mapping_take(run->plan->mapped, op->argument, at, len, run->flow, run->ledger);
        break;
    case OP_MAPPED_SAMPLING:
        take_sampling(run->result, mapping_sampling_element(run->plan->mapped, op->argument),
                      mapping_sampling_number(run->plan->mapped, op->argument, at, len));
        break;
    case OP_SAMPLING:
        take_sampling(run->result, op->argument, sampling_value(op->argument, at, len));
        break;
    case OP_MPLS_LABEL:
        keep_label(run->scratch, op->argument, bytes_be(at, len), len);
        break;
    default:
        apply_number(run, op, bytes_be(at, len));
        break;
    }
}

static bool is_time(const struct op *op)
{
    return op->code == OP_TIME_START || op->code == OP_TIME_END;
}

// Zeros give way to all else. Of times that are zero the one of the highest rank stands, since an
// uptime may be 0.
static uint8_t rank_of(const struct op *plain, uint8_t rank, bool zero)
{
    if (!zero)
        return rank;
    return is_time(plain) ? PLAN_RANK_NONE - rank : RANK_ZERO + rank;
}

// A field that several elements fill: the one of the lowest rank whose value is not zero stands.
static void contest(const struct plan_run *run, const struct op *op, const uint8_t *at, size_t len)
{
    struct flow *flow = run->flow;
    enum flow_field field = (enum flow_field)op->field;
    uint8_t *best = &run->scratch->rank[field];
    struct op plain = *op;
    plain.code &= (uint8_t)~OP_CONTESTED;
    plain.argument &= (1 << OP_RANK_SHIFT) - 1;
    bool zero = plan_only_zeros(at, len);
    bool had = flow_has(flow, field);
    uint64_t num = flow->num[field];
    uint8_t rank = rank_of(&plain, op_rank(op), zero);
    if (!fits(run, plain.code, plain.argument, len))
        return;
    if (rank > *best || (zero && had && *best == PLAN_RANK_NONE)) // the mapping filled it
        return;
    flow_clear(flow, field);
    apply_plain(run, &plain, at, len);
    if (plain.code == OP_UNION && had && rank == *best)
        flow_set_num(flow, field, flow_num(flow, field) | num);
    if (flow_has(flow, field) || is_time(&plain) || (zero && !had)) {
        *best = rank;
    } else if (had) { // nothing that the field could take
        flow->num[field] = num;
        flow->set |= FLOW_BIT(field);
    }
}

static void apply(const struct plan_run *run, const struct op *op, const uint8_t *at, size_t len)
{
    if ((op->code & OP_CONTESTED) != 0)
        contest(run, op, at, len);
    else if (op->code == OP_PACKET || op->code == OP_FAMILY || op->code == OP_LABELS)
        plan_settle(run, op);
    else if (fits(run, op->code, op->argument, len))
        apply_plain(run, op, at, len);
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

static inline uint64_t with_bytes(struct flow *flow, uint64_t set, unsigned field,
                                  const uint8_t *at, size_t len)
{
    flow->span[field] = (struct span){.data = at, .len = len};
    return set | FLOW_BIT(field);
}

static inline uint64_t with_address(struct flow *flow, uint64_t set, unsigned field,
                                    const uint8_t *at, size_t len, uint64_t etype)
{
    flow->num[FLOW_ETYPE] = etype;
    return with_bytes(flow, set, field, at, len) | FLOW_BIT(FLOW_ETYPE);
}

// One operation at a place that is known to be readable. The set bits travel in a register: storing
// and loading them again for each operation would be most of its cost.
static inline __attribute__((always_inline)) uint64_t
operate(const struct plan_run *run, const struct op *op, const uint8_t *at, uint64_t set)
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
        return with_address(flow, set, op->field, at, 4, PLAN_ETYPE_IPV4);
    case OP_ADDRESS16:
        if ((set & FLOW_BIT(op->field)) != 0 && (bytes_u64(at) | bytes_u64(at + 8)) == 0)
            return set;
        return with_address(flow, set, op->field, at, 16, PLAN_ETYPE_IPV6);
    case OP_HOP4:
        return with_bytes(flow, set, op->field, at, 4);
    case OP_HOP16:
        return with_bytes(flow, set, op->field, at, 16);
    case OP_UPTIME_START:
        run->result->start = (struct plan_time){PLAN_CLOCK_UPTIME, bytes_u32(at)};
        return set;
    case OP_UPTIME_END:
        run->result->end = (struct plan_time){PLAN_CLOCK_UPTIME, bytes_u32(at)};
        return set;
    case OP_MILLI_START:
        run->result->start = milli_time(bytes_u64(at));
        return set;
    case OP_MILLI_END:
        run->result->end = milli_time(bytes_u64(at));
        return set;
    case OP_ICMP_PORTS:
        if ((set & FLOW_BIT(FLOW_PROTO)) == 0 || !plan_icmp_is(flow->num[FLOW_PROTO]))
            return set;
        flow->set = set;
        plan_icmp_ports(flow);
        return flow->set;
    default:
        flow->set = set;
        apply(run, op, at, op->length);
        return flow->set;
    }
}

static size_t run_fixed(const struct plan *plan, const struct plan_run *run, const uint8_t *data)
{
    const struct op *const last = plan->ops + plan->op_count;
    uint64_t set = run->flow->set;
    for (const struct op *op = plan->ops; op < last; op++)
        set = operate(run, op, data + op->offset, set);
    run->flow->set = set;
    return plan->len;
}

static size_t run_variable(const struct plan *plan, const struct plan_run *run, const uint8_t *data,
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
    struct plan_scratch scratch;
    struct plan_run run = {.plan = plan, .flow = flow, .result = result, .ledger = ledger};
    result->start.clock = PLAN_CLOCK_NONE;
    result->end.clock = PLAN_CLOCK_NONE;
    result->init_ms = 0;
    result->has_duration = false;
    result->duration_ns = 0;
    result->has_sampling = false;
    if (plan->scratch) {
        scratch = (struct plan_scratch){.section_rank = PLAN_RANK_NONE};
        memset(scratch.rank, PLAN_RANK_NONE, sizeof scratch.rank);
        run.scratch = &scratch;
    }
    if (plan->len != 0)
        return run_fixed(plan, &run, data);
    return run_variable(plan, &run, data, data + len);
}
