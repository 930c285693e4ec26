#include "collector/decode/plan_settle.h"

#include "collector/decode/packet/packet.h"

#include <string.h>

static const uint8_t ZEROS[16];

// What elements have filled stands; zeros of an address do not.
static uint64_t said_fields(const struct flow *flow)
{
    uint64_t said = flow->set;
    for (uint64_t left = said; left != 0; left &= left - 1) {
        enum flow_field field = (enum flow_field)__builtin_ctzll(left);
        if (FLOW_FIELDS[field].kind == FIELD_BYTES &&
            plan_only_zeros(flow->span[field].data, flow->span[field].len))
            said &= ~FLOW_BIT(field);
    }
    return said;
}

// The length of a section's packet, which may be cut: what its outermost IP header says, unless
// there is more (the padding of a short frame).
static size_t packet_len(const struct flow *flow, struct span section)
{
    enum { IPV4_TOTAL_AT = 2, IPV6_PAYLOAD_AT = 4, IPV6_LEN = 40, FIXED_LEN = 20 };
    size_t at = 0;
    size_t len = 0;
    for (size_t i = 0; i < flow_num(flow, FLOW_LAYER_STACK) && at + FIXED_LEN <= section.len; i++) {
        if (flow->layer_stack[i] == FLOW_LAYER_IPV4)
            len = at + bytes_u16(section.data + at + IPV4_TOTAL_AT);
        else if (flow->layer_stack[i] == FLOW_LAYER_IPV6)
            len = at + IPV6_LEN + bytes_u16(section.data + at + IPV6_PAYLOAD_AT);
        if (len != 0)
            break;
        at += flow->layer_size[i];
    }
    return len > section.len ? len : section.len;
}

// The packet behind the elements: what they say of it, its volume most of all, stands.
static void put_packet(const struct plan_run *run)
{
    struct flow *flow = run->flow;
    const struct plan_scratch *scratch = run->scratch;
    uint64_t num[FLOW_FIELD_COUNT];
    struct span span[FLOW_FIELD_COUNT];
    uint64_t said = said_fields(flow);
    if (scratch->section.len == 0)
        return;
    memcpy(num, flow->num, sizeof num);
    memcpy(span, flow->span, sizeof span);
    packet_parse_mapped(flow, run->plan->mapping,
                        scratch->section_kind == SECTION_FRAME ? PACKET_ETHERNET : PACKET_IP,
                        scratch->section.data, scratch->section.len);
    for (uint64_t left = said; left != 0; left &= left - 1) {
        unsigned field = (unsigned)__builtin_ctzll(left);
        flow->num[field] = num[field];
        flow->span[field] = span[field];
    }
    flow->set |= said;
    if (!flow_has(flow, FLOW_PACKETS))
        flow_set_num(flow, FLOW_PACKETS, 1);
    if (!flow_has(flow, FLOW_BYTES) && flow->num[FLOW_PACKETS] == 1)
        flow_set_num(flow, FLOW_BYTES, packet_len(flow, scratch->section));
}

static bool is_address(const struct flow *flow, enum flow_field field)
{
    return flow_has(flow, field) && !plan_only_zeros(flow->span[field].data, flow->span[field].len);
}

static uint64_t etype_of(const struct flow *flow, enum flow_field field)
{
    return flow->span[field].len == 4 ? PLAN_ETYPE_IPV4 : PLAN_ETYPE_IPV6;
}

// An address tells the IP version, its elements tell it where there is none, and zeros of an
// address where nothing does.
static void settle_family(const struct plan_run *run)
{
    struct flow *flow = run->flow;
    enum flow_field field = is_address(flow, FLOW_SRC_ADDR)   ? FLOW_SRC_ADDR
                            : is_address(flow, FLOW_DST_ADDR) ? FLOW_DST_ADDR
                            : flow_has(flow, FLOW_ETYPE)      ? FLOW_ETYPE
                            : flow_has(flow, FLOW_SRC_ADDR)   ? FLOW_SRC_ADDR
                                                              : FLOW_DST_ADDR;
    if (field != FLOW_ETYPE && flow_has(flow, field))
        flow_set_num(flow, FLOW_ETYPE, etype_of(flow, field));
    uint64_t etype = flow_num(flow, FLOW_ETYPE);
    if (etype != PLAN_ETYPE_IPV6)
        etype = PLAN_ETYPE_IPV4; // the same zeros wherever their elements are
    for (unsigned i = 0; i < PLAN_FAMILY_COUNT; i++) {
        field = (enum flow_field)PLAN_FAMILY_FIELDS[i];
        if ((run->plan->families >> i & 1) != 0 && flow_has(flow, field) &&
            !is_address(flow, field))
            flow_set_bytes(flow, field, ZEROS, etype == PLAN_ETYPE_IPV4 ? 4 : 16);
    }
}

// A label stack ends with its bottom (RFC 3032, section 2.1).
static void put_labels(struct flow *flow, const struct plan_scratch *scratch)
{
    uint64_t packet = flow_num(flow, FLOW_MPLS_LABEL);
    flow_clear(flow, FLOW_MPLS_LABEL);
    for (unsigned i = 0; i < PLAN_STACK_MAX; i++) {
        uint32_t entry = scratch->stack[i];
        if (entry == 0)
            continue;
        flow_append_num(flow, FLOW_MPLS_LABEL, entry >> 4);
        if ((entry & 1) != 0)
            break;
    }
    if (!flow_has(flow, FLOW_MPLS_LABEL))
        flow_set_num(flow, FLOW_MPLS_LABEL, packet);
}

void plan_settle(const struct plan_run *run, const struct op *op)
{
    switch (op->code) {
    case OP_PACKET:
        put_packet(run);
        break;
    case OP_FAMILY:
        settle_family(run);
        break;
    default: // OP_LABELS
        put_labels(run->flow, run->scratch);
        break;
    }
}
