#include "collector/decode/plan_wire_state.h"
#include "common/base/copy.h"
#include "common/flow/wire.h"
#include "common/flow/wire_put.h"

#include <assert.h>

#define CONSTANTS_USED (PLAN_WIRE_CONSTANTS_MAX - COPY_STEP)

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
    writing->etype = wire->etype;
    writing->icmp = false;
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

// Uptimes as netflow_clock_set takes them. Where nobody knows what they count from, the flow ended
// as it was exported, and its start is known when it says both.
static inline uint64_t start_of(const struct netflow_clock *clock, const struct step *step,
                                const uint8_t *record)
{
    uint32_t start_ms = (uint32_t)number_at(step, record);
    if (netflow_clock_counts(clock))
        return netflow_clock_uptime(clock, start_ms);
    if (step[1].code != STEP_UPTIME_END)
        return clock->export_ns;
    uint32_t duration_ms = (uint32_t)number_at(&step[1], record) - start_ms;
    return netflow_clock_before(clock->export_ns, (int64_t)duration_ms * NETFLOW_CLOCK_NS_PER_MS);
}

static inline uint64_t end_of(const struct netflow_clock *clock, const struct step *step,
                              const uint8_t *record)
{
    if (!netflow_clock_counts(clock))
        return clock->export_ns;
    return netflow_clock_uptime(clock, (uint32_t)number_at(step, record));
}

// NULL: there is no such time, which is to be counted.
static inline uint8_t *put_uptime(uint8_t *out, struct plan_writing *writing,
                                  const struct step *step, uint64_t ns)
{
    writing->end_ns = ns;
    return ns == 0 ? NULL : put_number(out, step, ns);
}

// A time in units of so many nanoseconds, since 1970. NULL likewise.
static inline uint8_t *put_absolute(uint8_t *out, struct plan_writing *writing,
                                    const struct step *step, const uint8_t *record, uint64_t unit)
{
    if (__builtin_mul_overflow(number_at(step, record), unit, &writing->end_ns))
        return NULL;
    return put_number(out, step, writing->end_ns);
}

static uint8_t *put_first_number(uint8_t *out, const struct step *step, const uint8_t *record)
{
    uint64_t value = number_at(step, record);
    for (const struct step *next = step + 1; value == 0 && next->code == STEP_CANDIDATE; next++)
        value = number_at(next, record) << next->head;
    return put_number(out, step, value);
}

static unsigned address_len(const struct step *step)
{
    return step->head >> 8 * (step->head_len - 1);
}

static bool is_zeros(const struct step *step, const uint8_t *record)
{
    const uint8_t *at = record + step->offset;
    if (address_len(step) == 4)
        return bytes_u32(at) == 0;
    return (bytes_u64(at) | bytes_u64(at + 8)) == 0;
}

static uint64_t etype_of(const struct step *step)
{
    return address_len(step) == 4 ? 0x0800 : 0x86dd;
}

static uint8_t *put_address(uint8_t *out, const struct step *step, const uint8_t *record)
{
    out = put_head(out, step);
    memcpy(out, record + step->offset, address_len(step));
    return out + address_len(step);
}

// The first address that is not zeros; NULL when all are.
static const struct step *first_address(const struct step *step, const uint8_t *record)
{
    while (is_zeros(step, record))
        if ((++step)->code != STEP_CANDIDATE)
            return NULL;
    return step;
}

static uint8_t *put_first_address(uint8_t *out, const struct plan_writing *writing,
                                  const struct step *step, const uint8_t *record)
{
    const struct step *first = first_address(step, record);
    if (first == NULL)
        for (first = step; etype_of(first) != writing->etype;)
            if ((++first)->code != STEP_CANDIDATE)
                return NULL;
    return put_address(out, first, record);
}

static uint8_t *put_endpoint(uint8_t *out, struct plan_writing *writing, const struct step *step,
                             const uint8_t *record)
{
    const struct step *first = first_address(step, record);
    if (first == NULL)
        return NULL;
    if (step->code == STEP_SOURCE_FIRST)
        writing->etype = etype_of(first);
    return etype_of(first) == writing->etype ? put_address(out, first, record) : NULL;
}

static uint8_t *put_proto(uint8_t *out, struct plan_writing *writing, const struct step *step,
                          const uint8_t *record)
{
    uint64_t proto = number_at(step, record);
    writing->icmp = plan_icmp_is(proto);
    return put_number(out, step, proto);
}

// The bytes of a port, as plan_icmp_ports takes them.
static uint8_t *put_icmp(uint8_t *out, const struct step *step, const uint8_t *record)
{
    struct step part = *step;
    uint64_t port = number_at(step, record);
    if (port == 0)
        port = number_at(step + 1, record);
    out = put_number(out, &part, port >> 8 & 0xff);
    part.head >>= 16;
    return put_number(out, &part, port & 0xff);
}

// Whether type and code are those of elements, and not of ports.
static bool is_icmp_said(const struct step *step, const uint8_t *record)
{
    bool said = number_at(step, record) != 0 || number_at(step + 1, record) != 0;
    return said || (number_at(step + 2, record) == 0 && number_at(step + 3, record) == 0);
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
    case STEP_NUM_FIRST:
        return put_first_number(out, step, record);
    case STEP_CANDIDATE:
        return out;
    case STEP_PROTO:
        return put_proto(out, writing, step, record);
    case STEP_ADDRESS_FIRST:
        return put_first_address(out, writing, step, record);
    case STEP_SOURCE_FIRST:
    case STEP_DESTINATION_FIRST:
        return put_endpoint(out, writing, step, record);
    case STEP_ETYPE:
        return put_number(out, step, writing->etype);
    case STEP_ICMP_PORTS:
        return writing->icmp ? put_icmp(out, step, record) : out;
    case STEP_ICMP_SAID:
        return !writing->icmp || is_icmp_said(step, record) ? out : NULL;
    case STEP_CONSTANTS:
        return put_constants(out, writing, step->offset);
    case STEP_UPTIME_START: // the end stands behind, and so leaves its time
        return put_uptime(out, writing, step, start_of(writing->clock, step, record));
    case STEP_UPTIME_END:
        return put_uptime(out, writing, step, end_of(writing->clock, step, record));
    case STEP_SECONDS:
        return put_absolute(out, writing, step, record, 1000000000);
    case STEP_MILLI:
        return put_absolute(out, writing, step, record, 1000000);
    case STEP_VERSION:
        return record[step->offset] == step->mask ? out : NULL;
    case STEP_ETHERTYPE:
        return number_at(step, record) == writing->wire->etype ? out : NULL;
    case STEP_NOT_ZERO:
        return number_at(step, record) != 0 ? out : NULL;
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
