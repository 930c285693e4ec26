// The quick pieces of writing a record, for plan_wire_run.c and plan_wire_rare.c.
#pragma once

#include "collector/decode/plan_wire_state.h"
#include "common/base/copy.h"
#include "common/flow/wire.h"
#include "common/flow/wire_put.h"

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
// as it was exported, and its start is known when it says both. 0 takes the whole way, as does a
// start whose end is an absolute time.
static inline uint64_t start_of(const struct netflow_clock *clock, const struct step *step,
                                const uint8_t *record)
{
    uint32_t start_ms = (uint32_t)number_at(step, record);
    if (netflow_clock_counts(clock))
        return netflow_clock_uptime(clock, start_ms);
    if (step[1].code != STEP_UPTIME_END)
        return step[1].code == STEP_CONSTANTS ? clock->export_ns : 0;
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

// A time in units of so many nanoseconds, since 1970; 0 says nothing. NULL likewise.
static inline uint8_t *put_absolute(uint8_t *out, struct plan_writing *writing,
                                    const struct step *step, const uint8_t *record, uint64_t unit)
{
    uint64_t value = number_at(step, record);
    if (value == 0 || __builtin_mul_overflow(value, unit, &writing->end_ns))
        return NULL;
    return put_number(out, step, writing->end_ns);
}

// What is no number that the record gives.
static inline uint8_t *put_other(uint8_t *out, struct plan_writing *writing,
                                 const struct step *step, const uint8_t *record)
{
    switch (step->code) {
    case STEP_ADDRESS4:
        memcpy(put_head(out, step), record + step->offset, 4);
        return out + step->head_len + 4;
    case STEP_ADDRESS16:
        memcpy(put_head(out, step), record + step->offset, 16);
        return out + step->head_len + 16;
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
    case STEP_SAMPLING:
        return number_at(step, record) == number_at(step, writing->first) ? out : NULL;
    default: // STEP_NUM, and what is in `rare`
        return NULL;
    }
}
