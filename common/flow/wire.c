#include "common/flow/wire.h"

#include "common/flow/wire_put.h"

#include <assert.h>

#define TYPE_VARINT 0
#define TYPE_BYTES  2

// A frame's prefix, and WIRE_OVERRUN.
#define FRAME_SLACK 16
// Tag and value of a number, tag and length of bytes: at most this many bytes.
#define FIELD_HEAD_MAX  12
#define CUSTOM_HEAD_MAX 15

#define WIRE_TYPE(kind)                                                                            \
    (FIELD_##kind == FIELD_NUM || FIELD_##kind == FIELD_NUM32 ? TYPE_VARINT : TYPE_BYTES)
#define TAG_VALUE(number, kind) ((unsigned)(number) << 3 | (unsigned)WIRE_TYPE(kind))
#define TAG_BYTES(tag)          ((tag) < 0x80 ? (tag) : ((tag)&0x7f) | 0x80 | (tag) >> 7 << 8)

// The tags as they stand on the wire, the first byte lowest.
static const uint16_t TAGS[FLOW_FIELD_COUNT] = {
#define FIELD(id, name, go_name, number, kind, column, render) TAG_BYTES(TAG_VALUE(number, kind)),
#include "common/flow/fields.def"
#undef FIELD
};

#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    static_assert((number) < 2048, "a tag is at most two bytes");
#include "common/flow/fields.def"
#undef FIELD

// Fields whose tag has one byte: the first ones.
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    | ((number) > 15 ? 0 : FLOW_BIT(FLOW_##id))
static const uint64_t SHORT = UINT64_C(0)
#include "common/flow/fields.def"
    ;
#undef FIELD

// The fields of one run of bytes.
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    | (FIELD_##kind == FIELD_BYTES ? FLOW_BIT(FLOW_##id) : 0)
static const uint64_t SINGLE = UINT64_C(0)
#include "common/flow/fields.def"
    ;
#undef FIELD

// The fields whose bytes or items add to the bound of a frame.
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    | (FIELD_##kind == FIELD_NUM || FIELD_##kind == FIELD_NUM32 ? 0 : FLOW_BIT(FLOW_##id))
static const uint64_t SIZED = UINT64_C(0)
#include "common/flow/fields.def"
    ;
#undef FIELD

size_t wire_varint_len(uint64_t value)
{
    return (unsigned)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

static inline uint8_t *put_tag(uint8_t *out, enum flow_field id)
{
    memcpy(out, &TAGS[id], sizeof TAGS[id]);
    return out + ((SHORT >> id & 1) != 0 ? 1 : 2);
}

// A number with its tag of so many bits, in one store unless it is very large. Small values are
// most of a flow's, and the same fields of it each time, so that the branches are foreseen.
static inline uint8_t *put_num(uint8_t *out, uint16_t tag, unsigned tag_bits, uint64_t value)
{
    if (value < 0x80) {
        uint32_t word = (uint32_t)value << tag_bits | tag;
        memcpy(out, &word, sizeof word);
        return out + tag_bits / 8 + 1;
    }
    if (value >> 42 == 0) { // six bytes behind a tag of two
        unsigned last;
        uint64_t word = wire_varint_word(value, &last) << tag_bits | tag;
        memcpy(out, &word, sizeof word);
        return out + tag_bits / 8 + last + 1;
    }
    memcpy(out, &tag, sizeof tag);
    return wire_large(out + tag_bits / 8, value);
}

uint8_t *wire_put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static uint8_t *put_tag_exact(uint8_t *out, enum flow_field id)
{
    *out++ = (uint8_t)TAGS[id];
    if ((SHORT >> id & 1) == 0)
        *out++ = (uint8_t)(TAGS[id] >> 8);
    return out;
}

uint8_t *wire_put_num(uint8_t *out, enum flow_field id, uint64_t value)
{
    return wire_put_varint(put_tag_exact(out, id), value);
}

uint8_t *wire_put_bytes(uint8_t *out, enum flow_field id, const void *data, size_t len)
{
    out = wire_put_varint(put_tag_exact(out, id), len);
    if (len != 0)
        memcpy(out, data, len);
    return out + len;
}

static uint8_t *put_num_list(uint8_t *out, const struct flow *flow, enum flow_field id)
{
    size_t count;
    const uint32_t *items = flow_num_list(flow, id, &count);
    uint8_t *start = put_tag(out, id);
    uint8_t *inside = start + 1; // most take one byte of length: move those that do not
    uint8_t *end = inside;
    for (size_t i = 0; i < count; i++)
        end = wire_varint(end, items[i]);
    size_t len = (size_t)(end - inside);
    size_t head = wire_varint_len(len);
    if (head != 1)
        memmove(start + head, inside, len);
    wire_put_varint(start, len);
    return start + head + len;
}

static uint8_t *put_bytes_list(uint8_t *out, const struct flow *flow, enum flow_field id)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, id, &count);
    for (size_t i = 0; i < count; i++)
        out = wire_put_bytes(out, id, items[i].data, items[i].len);
    return out;
}

static size_t list_bound(const struct flow *flow, enum flow_field id)
{
    size_t count;
    if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST)
        return (size_t)flow->num[id] * 5;
    const struct span *items = flow_bytes_list(flow, id, &count);
    size_t bound = 0;
    for (size_t i = 0; i < count; i++)
        bound += FIELD_HEAD_MAX + items[i].len;
    return bound;
}

static size_t custom_bound(const struct flow *flow)
{
    size_t bound = 0;
    for (uint32_t i = 0; i < flow->custom_count; i++)
        bound += CUSTOM_HEAD_MAX + flow->custom[i].bytes.len;
    return bound;
}

size_t wire_bound(const struct flow *flow)
{
    size_t bound = FRAME_SLACK + FLOW_FIELD_COUNT * FIELD_HEAD_MAX;
    if (flow->custom_count != 0)
        bound += custom_bound(flow);
    for (uint64_t left = flow->set & SINGLE; left != 0; left &= left - 1)
        bound += flow->span[__builtin_ctzll(left)].len;
    for (uint64_t left = flow->set & SIZED & ~SINGLE; left != 0; left &= left - 1)
        bound += list_bound(flow, (enum flow_field)__builtin_ctzll(left));
    return bound;
}

// What few flows have, out of the way of the others.
static __attribute__((noinline)) uint8_t *put_rare(uint8_t *out, const struct flow *flow,
                                                   enum flow_field id)
{
    if (FLOW_FIELDS[id].kind == FIELD_NUM_LIST)
        return put_num_list(out, flow, id);
    if (FLOW_FIELDS[id].kind == FIELD_BYTES_LIST)
        return put_bytes_list(out, flow, id);
    return wire_put_bytes(out, id, flow->span[id].data, flow->span[id].len);
}

// An address, mostly.
static inline uint8_t *put_sized(uint8_t *out, unsigned tag_bits, const struct flow *flow,
                                 enum flow_field id)
{
    struct span span = flow->span[id];
    if ((SINGLE >> id & 1) == 0 || (span.len != 4 && span.len != 16))
        return put_rare(out, flow, id);
    uint32_t head = (uint32_t)span.len << tag_bits | TAGS[id];
    memcpy(out, &head, sizeof head);
    out += tag_bits / 8 + 1;
    if (span.len == 4)
        memcpy(out, span.data, 4);
    else
        memcpy(out, span.data, 16);
    return out + span.len;
}

// Of the flow, the fields in `set`, all of which have tags of so many bits: a constant.
static inline __attribute__((always_inline)) uint8_t *
put_fields(uint8_t *out, const struct flow *flow, uint64_t set, unsigned tag_bits)
{
    for (; set != 0; set &= set - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(set);
        out = (SIZED >> id & 1) != 0 ? put_sized(out, tag_bits, flow, id)
                                     : put_num(out, TAGS[id], tag_bits, flow->num[id]);
    }
    return out;
}

uint16_t wire_tag(enum flow_field id, unsigned *len)
{
    *len = (SHORT >> id & 1) != 0 ? 1 : 2;
    return TAGS[id];
}

uint8_t *wire_put_fields(uint8_t *out, const struct flow *flow, uint64_t set)
{
    set &= flow->set;
    out = put_fields(out, flow, set & SHORT, 8);
    return put_fields(out, flow, set & ~SHORT, 16);
}

static uint8_t *put_fixed(uint8_t *out, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

static uint8_t *put_custom(uint8_t *out, const struct flow_custom *custom)
{
    out = wire_put_varint(out, (uint64_t)custom->number << 3 | custom->kind);
    switch (custom->kind) {
    case FLOW_CUSTOM_VARINT:
        return wire_put_varint(out, custom->value);
    case FLOW_CUSTOM_FIXED64:
        return put_fixed(out, custom->value, 8);
    case FLOW_CUSTOM_FIXED32:
        return put_fixed(out, custom->value, 4);
    case FLOW_CUSTOM_BYTES:
        break;
    }
    out = wire_put_varint(out, custom->bytes.len);
    if (custom->bytes.len != 0)
        memcpy(out, custom->bytes.data, custom->bytes.len);
    return out + custom->bytes.len;
}

uint8_t *wire_write(uint8_t *out, const struct flow *flow)
{
    // Most bodies take two bytes of length: write behind a gap of two, move when it is not so.
    uint8_t *body = out + 2;
    uint8_t *end = wire_put_fields(body, flow, flow->set);
    for (uint32_t i = 0; i < flow->custom_count; i++)
        end = put_custom(end, &flow->custom[i]);
    size_t len = (size_t)(end - body);
    if (len < 0x4000 && len >= 0x80) {
        out[0] = (uint8_t)(len | 0x80);
        out[1] = (uint8_t)(len >> 7);
        return end;
    }
    size_t head = len < 0x80 ? 1 : wire_varint_len(len);
    memmove(out + head, body, len);
    wire_put_varint(out, len);
    return out + head + len;
}

uint8_t *wire_put_entry(uint8_t *out, struct span key, struct span value)
{
    const struct span parts[] = {key, value};
    for (unsigned i = 0; i < 2; i++) {
        *out++ = (uint8_t)((i + 1) << 3 | TYPE_BYTES);
        out = wire_put_varint(out, parts[i].len);
        if (parts[i].len != 0)
            memcpy(out, parts[i].data, parts[i].len);
        out += parts[i].len;
    }
    return out;
}
