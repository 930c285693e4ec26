// One flow in memory: what a decoder fills, enrichment completes and a format prints.
//
// Only what is set costs anything: `set` has a bit per field, and reset, encoding and printing look
// at set fields alone. A field is set when it is not zero on the wire, as in proto3: a number other
// than 0, bytes of some length, a list with an item; so setting a zero clears.
//
// What the schema has no field for, by mapping.yaml or from a newer sender, is kept as custom
// values in the order it came.
//
// Bytes are borrowed: they point into the datagram, the frame or the snapshot that the flow comes
// from, and must outlive its use. One thread at a time; each worker keeps one flow and reuses it.
#pragma once

#include "common/base/cursor.h"
#include "common/flow/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flow_type {
    FLOW_TYPE_UNKNOWN = 0,
    FLOW_TYPE_SFLOW_5 = 1,
    FLOW_TYPE_NETFLOW_V5 = 2,
    FLOW_TYPE_NETFLOW_V9 = 3,
    FLOW_TYPE_IPFIX = 4,
};

enum flow_layer {
    FLOW_LAYER_ETHERNET = 0,
    FLOW_LAYER_IPV4 = 1,
    FLOW_LAYER_IPV6 = 2,
    FLOW_LAYER_TCP = 3,
    FLOW_LAYER_UDP = 4,
    FLOW_LAYER_MPLS = 5,
    FLOW_LAYER_DOT1Q = 6,
    FLOW_LAYER_ICMP = 7,
    FLOW_LAYER_ICMPV6 = 8,
    FLOW_LAYER_GRE = 9,
    FLOW_LAYER_IPV6_ROUTING = 10,
    FLOW_LAYER_IPV6_FRAGMENT = 11,
    FLOW_LAYER_GENEVE = 12,
    FLOW_LAYER_TEREDO = 13,
    FLOW_LAYER_CUSTOM = 99,
};

// Items kept of a list; what is longer is cut and counted (REASON_LIST_LIMIT).
#define FLOW_LIST_MAX       64   // mpls_*, layer_*, ipv6_routing_header_addresses, *_context
#define FLOW_ROUTE_LIST_MAX 1000 // as_path, bgp_communities

#define FLOW_CUSTOM_MAX 64   // custom values kept
#define FLOW_STORE_MAX  1024 // bytes kept that stand nowhere as they are

// Borrowed bytes.
struct span {
    const uint8_t *data;
    size_t len;
};

// How a custom value is encoded: the wire types of protobuf.
enum flow_custom_kind {
    FLOW_CUSTOM_VARINT = 0,
    FLOW_CUSTOM_FIXED64 = 1,
    FLOW_CUSTOM_BYTES = 2,
    FLOW_CUSTOM_FIXED32 = 5,
};

struct flow_custom {
    uint32_t number; // of the protobuf field
    enum flow_custom_kind kind;
    uint64_t value;    // of a varint; the bits of a fixed one
    struct span bytes; // FLOW_CUSTOM_BYTES
};

struct flow {
    uint64_t set;                       // FLOW_BIT(id) of every field that is set
    uint32_t custom_count;              // a zero among them is a value too
    uint16_t store_len;                 // used of `store`
    bool list_cut;                      // a list was longer than is kept
    uint64_t num[FLOW_FIELD_COUNT];     // FIELD_NUM, FIELD_NUM32; the count of items of a list
    struct span span[FLOW_FIELD_COUNT]; // FIELD_BYTES

    uint32_t mpls_ttl[FLOW_LIST_MAX];
    uint32_t mpls_label[FLOW_LIST_MAX];
    uint32_t layer_stack[FLOW_LIST_MAX];
    uint32_t layer_size[FLOW_LIST_MAX];
    uint32_t bgp_communities[FLOW_ROUTE_LIST_MAX];
    uint32_t as_path[FLOW_ROUTE_LIST_MAX];
    struct span mpls_ip[FLOW_LIST_MAX];
    struct span ipv6_routing_header_addresses[FLOW_LIST_MAX];
    struct span src_context[FLOW_LIST_MAX]; // encoded map entries
    struct span dst_context[FLOW_LIST_MAX];
    struct flow_custom custom[FLOW_CUSTOM_MAX];
    uint8_t store[FLOW_STORE_MAX];
};

// Begins a flow of which only the fields in `set` are kept, as they were filled before.
static inline void flow_restart(struct flow *flow, uint64_t set)
{
    flow->set = set;
    flow->custom_count = 0;
    flow->store_len = 0;
    flow->list_cut = false;
}

static inline void flow_reset(struct flow *flow)
{
    flow_restart(flow, 0);
}

static inline bool flow_has(const struct flow *flow, enum flow_field id)
{
    return (flow->set >> id & 1) != 0;
}

static inline void flow_set_num(struct flow *flow, enum flow_field id, uint64_t value)
{
    flow->num[id] = value;
    flow->set = (flow->set & ~FLOW_BIT(id)) | (uint64_t)(value != 0) << id;
}

static inline uint64_t flow_num(const struct flow *flow, enum flow_field id)
{
    return flow_has(flow, id) ? flow->num[id] : 0;
}

// Keeps the address of `data`, not its bytes.
static inline void flow_set_bytes(struct flow *flow, enum flow_field id, const void *data,
                                  size_t len)
{
    flow->span[id] = (struct span){.data = data, .len = len};
    flow->set = (flow->set & ~FLOW_BIT(id)) | (uint64_t)(len != 0) << id;
}

static inline struct span flow_bytes(const struct flow *flow, enum flow_field id)
{
    return flow_has(flow, id) ? flow->span[id] : (struct span){.data = NULL, .len = 0};
}

static inline void flow_clear(struct flow *flow, enum flow_field id)
{
    flow->set &= ~FLOW_BIT(id);
}

// The items of a list, their count in *count; the field must be of that kind.
const uint32_t *flow_num_list(const struct flow *flow, enum flow_field id, size_t *count);
const struct span *flow_bytes_list(const struct flow *flow, enum flow_field id, size_t *count);

// Adds one item at the end; beyond the list's maximum it is cut and list_cut is set.
void flow_append_num(struct flow *flow, enum flow_field id, uint32_t value);
void flow_append_bytes(struct flow *flow, enum flow_field id, const void *data, size_t len);

// Sets item `index`, growing the list with zeros up to it (MPLS labels come one by one, unordered).
void flow_set_item(struct flow *flow, enum flow_field id, size_t index, uint32_t value);

// Adds a custom value at the end; beyond FLOW_CUSTOM_MAX they are cut and list_cut is set.
void flow_add_custom(struct flow *flow, const struct flow_custom *custom);

// Room in the flow for bytes to be borrowed from it, until it is reset; NULL, and list_cut, when it
// is used up.
uint8_t *flow_store(struct flow *flow, size_t len);
