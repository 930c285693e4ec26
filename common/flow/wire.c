#include "common/flow/wire.h"

#include <assert.h>

#define TYPE_VARINT 0
#define TYPE_BYTES  2

// A frame's prefix, and the overrun of put_varint's eight-byte stores.
#define FRAME_SLACK 16
// Tag and value of a number, tag and length of bytes: at most this many bytes.
#define FIELD_HEAD_MAX  12
#define CUSTOM_HEAD_MAX 15

// The tags as they stand on the wire. All field numbers are below 2048: one or two bytes.
struct tag {
    uint8_t bytes[2];
    uint8_t len;
    uint8_t kind;
};

#define WIRE_TYPE(kind)                                                                            \
    (FIELD_##kind == FIELD_NUM || FIELD_##kind == FIELD_NUM32 ? TYPE_VARINT : TYPE_BYTES)
#define TAG_VALUE(number, kind) ((unsigned)(number) << 3 | (unsigned)WIRE_TYPE(kind))

static const struct tag TAGS[FLOW_FIELD_COUNT] = {
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    {{(uint8_t)((TAG_VALUE(number, kind) & 0x7f) | ((number) > 15 ? 0x80 : 0)),                    \
      (uint8_t)(TAG_VALUE(number, kind) >> 7)},                                                    \
     (number) > 15 ? 2 : 1,                                                                        \
     FIELD_##kind},
#include "common/flow/fields.def"
#undef FIELD
};

#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    static_assert((number) < 2048, "a tag is at most two bytes");
#include "common/flow/fields.def"
#undef FIELD

// The fields whose bytes or items add to the bound of a frame.
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    | (FIELD_##kind == FIELD_NUM || FIELD_##kind == FIELD_NUM32 ? 0 : FLOW_BIT(FLOW_##id))
static const uint64_t SIZED = UINT64_C(0)
#include "common/flow/fields.def"
    ;
#undef FIELD

// Spreads the low 56 bits over eight bytes, seven each.
static inline uint64_t spread(uint64_t v)
{
    v = (v & 0x000000000fffffff) | (v & 0x00fffffff0000000) << 4;
    v = (v & 0x00003fff00003fff) | (v & 0x0fffc0000fffc000) << 2;
    return (v & 0x007f007f007f007f) | (v & 0x3f803f803f803f80) << 1;
}

size_t wire_varint_len(uint64_t value)
{
    return (unsigned)(63 - __builtin_clzll(value | 1)) / 7 + 1;
}

// The low `count` bits of a word.
static inline uint64_t low_bits(unsigned count)
{
    return (UINT64_C(1) << count) - 1;
}

// Always stores eight bytes, whatever the value needs. Small values are most of a flow's, and the
// same fields of it each time, so that the branches are foreseen.
static inline uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    const uint64_t more = 0x8080808080808080;
    if (value < 0x80) {
        *out = (uint8_t)value;
        return out + 1;
    }
    uint64_t groups = spread(value);
    if (value >> 56 == 0) {
        // Seven value bits a byte: the highest bit's byte is where the value ends.
        unsigned last = (unsigned)(63 - __builtin_clzll(groups)) & ~7U;
        groups |= more & low_bits(last);
        memcpy(out, &groups, 8);
        return out + last / 8 + 1;
    }
    groups |= more;
    memcpy(out, &groups, 8);
    out[8] = (uint8_t)(value >> 56 & 0x7f);
    if (value >> 63 == 0)
        return out + 9;
    out[8] |= 0x80;
    out[9] = 1;
    return out + 10;
}

static inline uint8_t *put_tag(uint8_t *out, enum flow_field id)
{
    memcpy(out, TAGS[id].bytes, 2);
    return out + TAGS[id].len;
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
    for (unsigned i = 0; i < TAGS[id].len; i++)
        *out++ = TAGS[id].bytes[i];
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

static inline uint8_t *put_span(uint8_t *out, enum flow_field id, struct span span)
{
    out = put_varint(put_tag(out, id), span.len);
    if (span.len == 4) // addresses, without a call
        memcpy(out, span.data, 4);
    else if (span.len == 16)
        memcpy(out, span.data, 16);
    else
        memcpy(out, span.data, span.len);
    return out + span.len;
}

static uint8_t *put_num_list(uint8_t *out, const struct flow *flow, enum flow_field id)
{
    size_t count;
    const uint32_t *items = flow_num_list(flow, id, &count);
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += wire_varint_len(items[i]);
    out = put_varint(put_tag(out, id), len);
    for (size_t i = 0; i < count; i++)
        out = put_varint(out, items[i]);
    return out;
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
    if (TAGS[id].kind == FIELD_NUM_LIST)
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
    for (uint64_t left = flow->set & SIZED; left != 0; left &= left - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(left);
        bound += TAGS[id].kind == FIELD_BYTES ? flow->span[id].len : list_bound(flow, id);
    }
    return bound;
}

static uint8_t *write_body(uint8_t *out, const struct flow *flow)
{
    for (uint64_t left = flow->set; left != 0; left &= left - 1) {
        enum flow_field id = (enum flow_field)__builtin_ctzll(left);
        switch ((enum field_kind)TAGS[id].kind) {
        case FIELD_NUM:
        case FIELD_NUM32:
            out = put_varint(put_tag(out, id), flow->num[id]);
            break;
        case FIELD_BYTES:
            out = put_span(out, id, flow->span[id]);
            break;
        case FIELD_NUM_LIST:
            out = put_num_list(out, flow, id);
            break;
        case FIELD_BYTES_LIST:
            out = put_bytes_list(out, flow, id);
            break;
        }
    }
    return out;
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
    uint8_t *end = write_body(body, flow);
    for (uint32_t i = 0; i < flow->custom_count; i++)
        end = put_custom(end, &flow->custom[i]);
    size_t len = (size_t)(end - body);
    if (len >= 0x80 && len < 0x4000) {
        out[0] = (uint8_t)(len | 0x80);
        out[1] = (uint8_t)(len >> 7);
        return body + len;
    }
    size_t head = wire_varint_len(len);
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
