#include "common/flow/flow.h"

#include <assert.h>

struct num_list {
    uint32_t *items;
    size_t max;
};

struct bytes_list {
    struct span *items;
    size_t max;
};

static struct num_list num_list(struct flow *flow, int id)
{
    switch (id) {
    case FLOW_MPLS_TTL:
        return (struct num_list){flow->mpls_ttl, FLOW_LIST_MAX};
    case FLOW_MPLS_LABEL:
        return (struct num_list){flow->mpls_label, FLOW_LIST_MAX};
    case FLOW_LAYER_STACK:
        return (struct num_list){flow->layer_stack, FLOW_LIST_MAX};
    case FLOW_LAYER_SIZE:
        return (struct num_list){flow->layer_size, FLOW_LIST_MAX};
    case FLOW_BGP_COMMUNITIES:
        return (struct num_list){flow->bgp_communities, FLOW_ROUTE_LIST_MAX};
    case FLOW_AS_PATH:
        return (struct num_list){flow->as_path, FLOW_ROUTE_LIST_MAX};
    default:
        assert(0 && "not a list of numbers");
        return (struct num_list){NULL, 0};
    }
}

static struct bytes_list bytes_list(struct flow *flow, int id)
{
    switch (id) {
    case FLOW_MPLS_IP:
        return (struct bytes_list){flow->mpls_ip, FLOW_LIST_MAX};
    case FLOW_IPV6_ROUTING_HEADER_ADDRESSES:
        return (struct bytes_list){flow->ipv6_routing_header_addresses, FLOW_LIST_MAX};
    case FLOW_SRC_CONTEXT:
        return (struct bytes_list){flow->src_context, FLOW_LIST_MAX};
    case FLOW_DST_CONTEXT:
        return (struct bytes_list){flow->dst_context, FLOW_LIST_MAX};
    default:
        assert(0 && "not a list of bytes");
        return (struct bytes_list){NULL, 0};
    }
}

const uint32_t *flow_num_list(const struct flow *flow, enum flow_field id, size_t *count)
{
    *count = (size_t)flow_num(flow, id);
    return num_list((struct flow *)flow, (int)id).items;
}

const struct span *flow_bytes_list(const struct flow *flow, enum flow_field id, size_t *count)
{
    *count = (size_t)flow_num(flow, id);
    return bytes_list((struct flow *)flow, (int)id).items;
}

void flow_append_num(struct flow *flow, enum flow_field id, uint32_t value)
{
    struct num_list list = num_list(flow, (int)id);
    size_t count = (size_t)flow_num(flow, id);
    if (count == list.max) {
        flow->list_cut = true;
        return;
    }
    list.items[count] = value;
    flow_set_num(flow, id, count + 1);
}

void flow_append_bytes(struct flow *flow, enum flow_field id, const void *data, size_t len)
{
    struct bytes_list list = bytes_list(flow, (int)id);
    size_t count = (size_t)flow_num(flow, id);
    if (count == list.max) {
        flow->list_cut = true;
        return;
    }
    list.items[count] = (struct span){.data = data, .len = len};
    flow_set_num(flow, id, count + 1);
}

void flow_set_item(struct flow *flow, enum flow_field id, size_t index, uint32_t value)
{
    struct num_list list = num_list(flow, (int)id);
    size_t count = (size_t)flow_num(flow, id);
    if (index >= list.max) {
        flow->list_cut = true;
        return;
    }
    for (; count <= index; count++)
        list.items[count] = 0;
    list.items[index] = value;
    flow_set_num(flow, id, count);
}

void flow_add_custom(struct flow *flow, const struct flow_custom *custom)
{
    if (flow->custom_count == FLOW_CUSTOM_MAX) {
        flow->list_cut = true;
        return;
    }
    flow->custom[flow->custom_count++] = *custom;
}

uint8_t *flow_store(struct flow *flow, size_t len)
{
    if (len > (size_t)(FLOW_STORE_MAX - flow->store_len)) {
        flow->list_cut = true;
        return NULL;
    }
    uint8_t *at = flow->store + flow->store_len;
    flow->store_len = (uint16_t)(flow->store_len + len);
    return at;
}
