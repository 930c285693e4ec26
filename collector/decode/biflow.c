#include "collector/decode/biflow.h"

bool biflow_is_post(const struct biflow_terms *terms, const struct addr *source)
{
    for (size_t i = 0; i < terms->post_count; i++)
        if (prefix_contains(&terms->post[i], source))
            return true;
    return false;
}

// What both directions have in common. A field that is neither here nor in a pair is of one
// direction.
static const uint64_t COMMON = FLOW_BIT(FLOW_TYPE) | FLOW_BIT(FLOW_SAMPLING_RATE) |
                               FLOW_BIT(FLOW_SEQUENCE_NUM) | FLOW_BIT(FLOW_SAMPLER_ADDRESS) |
                               FLOW_BIT(FLOW_PROTO) | FLOW_BIT(FLOW_ETYPE) |
                               FLOW_BIT(FLOW_VLAN_ID) | FLOW_BIT(FLOW_OBSERVATION_DOMAIN_ID) |
                               FLOW_BIT(FLOW_OBSERVATION_POINT_ID) |
                               FLOW_BIT(FLOW_TIME_RECEIVED_NS) | FLOW_BIT(FLOW_TIME_FLOW_START_NS) |
                               FLOW_BIT(FLOW_TIME_FLOW_END_NS);

static const struct {
    enum flow_field a;
    enum flow_field b;
} PAIRS[] = {
    {FLOW_SRC_ADDR, FLOW_DST_ADDR}, {FLOW_SRC_PORT, FLOW_DST_PORT}, {FLOW_SRC_AS, FLOW_DST_AS},
    {FLOW_SRC_NET, FLOW_DST_NET},   {FLOW_SRC_MAC, FLOW_DST_MAC},   {FLOW_SRC_VLAN, FLOW_DST_VLAN},
    {FLOW_IN_IF, FLOW_OUT_IF},
};

static void exchange(struct flow *flow, enum flow_field a, enum flow_field b)
{
    uint64_t num = flow->num[a];
    struct span span = flow->span[a];
    flow->num[a] = flow->num[b];
    flow->span[a] = flow->span[b];
    flow->num[b] = num;
    flow->span[b] = span;
}

void biflow_turn(struct flow *flow)
{
    uint64_t set = flow->set & COMMON;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        exchange(flow, PAIRS[i].a, PAIRS[i].b);
        set |= (uint64_t)flow_has(flow, PAIRS[i].b) << PAIRS[i].a;
        set |= (uint64_t)flow_has(flow, PAIRS[i].a) << PAIRS[i].b;
    }
    flow->set = set;
    flow->list_cut = false; // counted with the first direction
    if (flow_has(flow, FLOW_SRC_VLAN))
        flow_set_num(flow, FLOW_VLAN_ID, flow_num(flow, FLOW_SRC_VLAN));
}
