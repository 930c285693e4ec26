#include "tests/common/flow/reference.h"

#include "common/flow/wire.h"

#include "proto/flow.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define POOL_LEN 65536

static uint8_t pool[POOL_LEN];
static size_t pool_used;

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

// Numbers of every length, zero and all ones among them.
static uint64_t random_number(uint64_t *state)
{
    uint64_t shift = random_next(state) % 66;
    if (shift == 65)
        return UINT64_MAX;
    return shift == 64 ? 0 : random_next(state) >> shift;
}

static struct span random_bytes(uint64_t *state, size_t len)
{
    uint8_t *at = pool + pool_used;
    if (POOL_LEN - pool_used < len)
        return (struct span){.data = pool, .len = 0};
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(' ' + random_next(state) % 90); // strings must be valid UTF-8
    pool_used += len;
    return (struct span){.data = at, .len = len};
}

static struct span random_value(uint64_t *state, enum flow_field id)
{
    static const size_t address_len[] = {0, 4, 16};
    if (FLOW_FIELDS[id].render == RENDER_IP)
        return random_bytes(state, address_len[random_next(state) % 3]);
    return random_bytes(state, random_next(state) % 200);
}

// An enum is a signed number to protobuf-c.
static uint32_t random_item(uint64_t *state, enum flow_field id)
{
    uint32_t value = (uint32_t)random_number(state);
    return FLOW_FIELDS[id].render == RENDER_LAYER ? value >> 1 : value;
}

static void random_items(struct flow *flow, enum flow_field id, uint64_t *state)
{
    uint64_t count = random_next(state) % 8;
    for (uint64_t i = 0; i < count; i++) {
        if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST) {
            flow_append_num(flow, id, random_item(state, id));
        } else if (FLOW_FIELDS[id].render == RENDER_CONTEXT) {
            uint8_t entry[512];
            struct span key = random_bytes(state, 1 + random_next(state) % 20);
            struct span value = random_bytes(state, 1 + random_next(state) % 20);
            size_t len = (size_t)(wire_put_entry(entry, key, value) - entry);
            struct span copy = random_bytes(state, len);
            memcpy(pool + (copy.data - pool), entry, copy.len);
            flow_append_bytes(flow, id, copy.data, copy.len);
        } else {
            struct span value = random_bytes(state, random_next(state) % 2 == 0 ? 4 : 16);
            flow_append_bytes(flow, id, value.data, value.len);
        }
    }
}

void random_flow(struct flow *flow, uint64_t *state)
{
    pool_used = 0;
    flow_reset(flow);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++) {
        enum flow_field id = (enum flow_field)i;
        struct span value;
        if (random_next(state) % 3 == 0)
            continue;
        switch (FLOW_FIELDS[id].kind) {
        case FIELD_NUM:
            flow_set_num(flow, id, id == FLOW_TYPE ? random_next(state) % 5 : random_number(state));
            break;
        case FIELD_NUM32:
            flow_set_num(flow, id, (uint32_t)random_number(state));
            break;
        case FIELD_BYTES:
            value = random_value(state, id);
            flow_set_bytes(flow, id, value.data, value.len);
            break;
        case FIELD_NUM_LIST:
        case FIELD_BYTES_LIST:
            random_items(flow, id, state);
            break;
        }
    }
}

// protobuf-c reads a message from bytes of any order; so the reference is made by giving it each
// field in a shuffled, unpacked, plain encoding and letting it pack what it understood.
static uint8_t *plain(uint8_t *out, const struct flow *flow, enum flow_field id)
{
    size_t count;
    switch (FLOW_FIELDS[id].kind) {
    case FIELD_NUM:
    case FIELD_NUM32:
        return wire_put_num(out, id, flow->num[id]);
    case FIELD_BYTES:
        return wire_put_bytes(out, id, flow->span[id].data, flow->span[id].len);
    case FIELD_NUM_LIST:
        for (size_t i = 0; i < flow->num[id]; i++) {
            out = wire_put_varint(out, (uint64_t)FLOW_FIELDS[id].number << 3);
            out = wire_put_varint(out, flow_num_list(flow, id, &count)[i]);
        }
        return out;
    case FIELD_BYTES_LIST:
        for (size_t i = 0; i < flow->num[id]; i++) {
            struct span item = flow_bytes_list(flow, id, &count)[i];
            out = wire_put_bytes(out, id, item.data, item.len);
        }
        return out;
    }
    return out;
}

uint8_t *reference_pack(const struct flow *flow, size_t *len)
{
    uint8_t *scratch = malloc(wire_bound(flow) + POOL_LEN);
    uint8_t *end = scratch;
    for (int i = FLOW_FIELD_COUNT - 1; i >= 0; i--)
        if (flow_has(flow, (enum flow_field)i))
            end = plain(end, flow, (enum flow_field)i);
    Flowpb__FlowMessage *message = flowpb__flow_message__unpack(NULL, (size_t)(end - scratch),
                                                                scratch);
    free(scratch);
    if (message == NULL)
        return NULL;
    size_t body = flowpb__flow_message__get_packed_size(message);
    uint8_t *out = malloc(body + WIRE_VARINT_MAX);
    uint8_t *at = wire_put_varint(out, body);
    flowpb__flow_message__pack(message, at);
    flowpb__flow_message__free_unpacked(message, NULL);
    *len = (size_t)(at - out) + body;
    return out;
}
