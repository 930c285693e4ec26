#include "collector/decode/plan_wire_put.h"

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

// Any step.
static uint8_t *put_any(uint8_t *out, struct plan_writing *writing, const struct step *step,
                        const uint8_t *record)
{
    switch (step->code) {
    case STEP_NUM:
        return put_number(out, step, number_at(step, record));
    case STEP_NUM_FIRST:
        return put_first_number(out, step, record);
    case STEP_CANDIDATE:
        return out;
    case STEP_ADDRESS_FIRST:
        return put_first_address(out, writing, step, record);
    case STEP_SOURCE_FIRST:
    case STEP_DESTINATION_FIRST:
        return put_endpoint(out, writing, step, record);
    case STEP_ETYPE:
        return put_number(out, step, writing->etype);
    case STEP_ETHERTYPE:
        return number_at(step, record) == writing->wire->etype ? out : NULL;
    case STEP_NOT_ZERO:
        return number_at(step, record) != 0 ? out : NULL;
    default:
        return put_other(out, writing, step, record);
    }
}

static uint64_t icmp_part(const struct plan_wire *wire, enum icmp_part part, const uint8_t *record)
{
    return number_at(&wire->icmp[part], record);
}

// Type and code from the ports, as plan_icmp_ports takes them.
static uint8_t *put_icmp(uint8_t *out, const struct plan_wire *wire, const uint8_t *record)
{
    uint64_t port = icmp_part(wire, ICMP_DST_PORT, record);
    if (port == 0)
        port = icmp_part(wire, ICMP_SRC_PORT, record);
    port = plan_icmp_of(port);
    out = put_number(out, &wire->icmp[ICMP_TYPE], port >> 8 & 0xff);
    return put_number(out, &wire->icmp[ICMP_CODE], port & 0xff);
}

// How many bytes of a piece are fields in front of icmp_type.
static size_t below_icmp(const uint8_t *piece, size_t len)
{
    struct cursor left = cursor_over(piece, len);
    struct wire_field field;
    size_t below = 0;
    while (wire_next(&left, &field) == 1 && field.number < FLOW_FIELDS[FLOW_ICMP_TYPE].number)
        below = (size_t)(field.end - piece);
    return below;
}

static uint8_t *put_around_icmp(uint8_t *out, const struct plan_writing *writing,
                                const struct step *step, const uint8_t *record)
{
    const uint8_t *piece = writing->constants + writing->pieces[step->offset].at;
    size_t len = writing->pieces[step->offset].len;
    size_t below = below_icmp(piece, len);
    memcpy(out, piece, below);
    out = put_icmp(out + below, writing->wire, record);
    memcpy(out, piece + below, len - below);
    return out + len - below;
}

// Whether nothing but zeros could be made of the ports, or the record says type and code itself.
static bool is_icmp_said(const struct plan_wire *wire, const uint8_t *record)
{
    return icmp_part(wire, ICMP_TYPE, record) != 0 || icmp_part(wire, ICMP_CODE, record) != 0 ||
           (icmp_part(wire, ICMP_DST_PORT, record) == 0 &&
            icmp_part(wire, ICMP_SRC_PORT, record) == 0);
}

uint8_t *plan_wire_rare(struct plan_writing *writing, const uint8_t *record, uint8_t *frame)
{
    const struct plan_wire *wire = writing->wire;
    bool icmp = wire->icmp_known && plan_icmp_is(record[wire->proto_at]);
    bool made = icmp && !wire->icmp_said;
    uint8_t *body = frame + writing->gap;
    uint8_t *out = body;
    if (icmp && wire->icmp_said && !is_icmp_said(wire, record))
        return NULL;
    for (uint32_t i = 0; i < wire->step_count && out != NULL; i++) {
        const struct step *step = &wire->steps[i];
        bool here = made && i == wire->icmp_at;
        if (here && step->code == STEP_CONSTANTS) {
            out = put_around_icmp(out, writing, step, record);
            continue;
        }
        if (here)
            out = put_icmp(out, wire, record);
        out = put_any(out, writing, step, record);
    }
    if (out == NULL)
        return NULL;
    if (made && wire->icmp_at == wire->step_count)
        out = put_icmp(out, wire, record);
    return close_frame(writing, frame, body, out);
}
