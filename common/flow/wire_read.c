#include "common/flow/wire.h"

#define TYPE_VARINT 0
#define TYPE_64BIT  1
#define TYPE_BYTES  2
#define TYPE_32BIT  5

// A tag of two bytes and a number of nine.
#define QUICK_BYTES 11

static const uint8_t KINDS[FLOW_FIELD_COUNT] = {
#define FIELD(id, name, go_name, number, kind, column, render) FIELD_##kind,
#include "common/flow/fields.def"
#undef FIELD
};

// Reads a varint: its length, 0 when it goes on past the end, -1 when it is over-long.
static int read_varint(const uint8_t *at, size_t left, uint64_t *value)
{
    uint64_t sum = 0;
    for (int i = 0; i < WIRE_VARINT_MAX; i++) {
        if ((size_t)i == left)
            return 0;
        sum |= (uint64_t)(at[i] & 0x7f) << 7 * i;
        if (at[i] < 0x80) {
            *value = sum;
            return i == 9 && at[i] > 1 ? -1 : i + 1;
        }
    }
    return -1;
}

enum wire_frame wire_frame(const uint8_t *in, size_t len, size_t *head, size_t *body)
{
    uint64_t size = 0;
    int prefix = read_varint(in, len, &size);
    if (prefix == 0)
        return WIRE_MORE;
    if (prefix < 0 || size > WIRE_FRAME_MAX)
        return WIRE_INVALID;
    *head = (size_t)prefix;
    *body = (size_t)size;
    return len - *head < *body ? WIRE_MORE : WIRE_FRAME;
}

// Bytes of seven bits each, joined: what the writer spreads. Bits are moved down by n when they
// lose 2^n - 1 times their value there.
static inline uint32_t gather_four(uint32_t v)
{
    v -= (v & 0x7f007f00) >> 1;
    return v - 3 * ((v & 0x3fff0000) >> 2);
}

static inline uint64_t gather(uint64_t v)
{
    v -= (v & 0x7f007f007f007f00) >> 1;
    v -= 3 * ((v & 0x3fff00003fff0000) >> 2);
    return (v & 0x000000000fffffff) | (v & 0x0fffffff00000000) >> 4;
}

// A varint of two to nine bytes at an address where nine can be read: its length, or 0.
static inline unsigned quick_varint(const uint8_t *at, uint64_t *value)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    uint32_t early = ~(uint32_t)word & 0x80808080;
    if (early != 0) {
        *value = gather_four((uint32_t)word & (early ^ (early - 1)) & 0x7f7f7f7f);
        return (unsigned)(__builtin_ctz(early) >> 3) + 1;
    }
    uint64_t stop = ~word & 0x8080808080808080;
    if (stop != 0) {
        *value = gather(word & (stop ^ (stop - 1)) & 0x7f7f7f7f7f7f7f7f);
        return (unsigned)(__builtin_ctzll(stop) >> 3) + 1;
    }
    *value = gather(word & 0x7f7f7f7f7f7f7f7f) | (uint64_t)at[8] << 56;
    return at[8] < 0x80 ? 9 : 0;
}

static inline uint64_t take_varint(struct cursor *c)
{
    uint64_t value = 0;
    if (c->at < c->end && *c->at < 0x80)
        return *c->at++;
    int len = cursor_left(c) >= 9 ? (int)quick_varint(c->at, &value) : 0;
    if (len == 0)
        len = read_varint(c->at, cursor_left(c), &value);
    if (len <= 0) {
        c->failed = true;
        return 0;
    }
    c->at += len;
    return value;
}

static uint64_t take_fixed(struct cursor *c, size_t len)
{
    const uint8_t *at = cursor_take(c, len);
    uint64_t value = 0;
    while (at != NULL && len-- != 0)
        value = value << 8 | at[len];
    return value;
}

int wire_next(struct cursor *body, struct wire_field *field)
{
    if (cursor_left(body) == 0)
        return cursor_ok(body) ? 0 : -1;
    field->at = body->at;
    uint64_t tag = take_varint(body);
    field->type = (uint32_t)tag & 7;
    field->number = (uint32_t)(tag >> 3);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return -1;
    field->value = 0;
    field->bytes = (struct span){.data = NULL, .len = 0};
    switch (field->type) {
    case TYPE_VARINT:
        field->value = take_varint(body);
        break;
    case TYPE_64BIT:
        field->value = take_fixed(body, 8);
        break;
    case TYPE_32BIT:
        field->value = take_fixed(body, 4);
        break;
    case TYPE_BYTES: {
        uint64_t len = take_varint(body);
        field->bytes.data = cursor_take(body, len);
        field->bytes.len = (size_t)len;
        break;
    }
    default: // groups are gone from proto3
        return -1;
    }
    field->end = body->at;
    return cursor_ok(body) ? 1 : -1;
}

static int read_packed(struct flow *flow, enum flow_field id, struct span items)
{
    struct cursor c = cursor_over(items.data, items.len);
    while (cursor_left(&c) != 0 && cursor_ok(&c))
        flow_append_num(flow, id, (uint32_t)take_varint(&c));
    return cursor_ok(&c) ? 0 : -1;
}

static int keep_unknown(struct flow *flow, const struct wire_field *field)
{
    const struct flow_custom custom = {.number = field->number,
                                       .kind = (enum flow_custom_kind)field->type,
                                       .value = field->value,
                                       .bytes = field->bytes};
    flow_add_custom(flow, &custom);
    return 0;
}

static int read_field(struct flow *flow, enum flow_field id, const struct wire_field *field)
{
    switch ((enum field_kind)KINDS[id]) {
    case FIELD_NUM:
        flow_set_num(flow, id, field->value);
        break;
    case FIELD_NUM32:
        flow_set_num(flow, id, (uint32_t)field->value);
        break;
    case FIELD_BYTES:
        flow_set_bytes(flow, id, field->bytes.data, field->bytes.len);
        break;
    case FIELD_NUM_LIST:
        if (field->type == TYPE_BYTES)
            return read_packed(flow, id, field->bytes);
        flow_append_num(flow, id, (uint32_t)field->value);
        break;
    case FIELD_BYTES_LIST:
        flow_append_bytes(flow, id, field->bytes.data, field->bytes.len);
        break;
    }
    return 0;
}

// A field of another wire type than the schema's is an unknown field, as for every proto3 reader.
static bool is_known(int id, const struct wire_field *field)
{
    if (id < 0)
        return false;
    uint32_t kind = KINDS[id];
    if (kind == FIELD_NUM || kind == FIELD_NUM32)
        return field->type == TYPE_VARINT;
    return field->type == TYPE_BYTES || (kind == FIELD_NUM_LIST && field->type == TYPE_VARINT);
}

// Reads fields as most are: of the schema, not zero, with a tag of one or two bytes, and a number
// of up to nine bytes or a text of less than 128. Returns where it stopped: at another one, or
// close to the end. The set bits travel in a register.
static const uint8_t *read_plain(struct flow *flow, const uint8_t *at, const uint8_t *end)
{
    uint64_t set = flow->set;
    while (end - at >= QUICK_BYTES) {
        uint32_t tag = at[0];
        const uint8_t *value = at + 1;
        if (tag >= 0x80) {
            if (at[1] >= 0x80)
                break;
            tag = (tag & 0x7f) | (uint32_t)at[1] << 7;
            value++;
        }
        int id = field_of_number(tag >> 3);
        if (id < 0)
            break;
        uint32_t kind = KINDS[id];
        if ((tag & 7) == TYPE_VARINT && kind <= FIELD_NUM32) {
            uint64_t number = value[0];
            unsigned len = number < 0x80 ? 1 : quick_varint(value, &number);
            if (len == 0 || number == 0 || (number >> 32 != 0 && kind == FIELD_NUM32))
                break;
            flow->num[id] = number;
            at = value + len;
        } else if ((tag & 7) == TYPE_BYTES && kind == FIELD_BYTES) {
            size_t len = *value++;
            if (len == 0 || len >= 0x80 || (size_t)(end - value) < len)
                break;
            flow->span[id] = (struct span){.data = value, .len = len};
            at = value + len;
        } else {
            break;
        }
        set |= FLOW_BIT(id);
    }
    flow->set = set;
    return at;
}

// 1, 0 at the end, -1 when the body is not protobuf or holds a list that is none.
static int read_any(struct flow *flow, struct cursor *body)
{
    struct wire_field field;
    int more = wire_next(body, &field);
    if (more != 1)
        return more;
    int id = field_of_number(field.number);
    int result = is_known(id, &field) ? read_field(flow, (enum flow_field)id, &field)
                                      : keep_unknown(flow, &field);
    return result == 0 ? 1 : -1;
}

int wire_read(struct flow *flow, const uint8_t *body, size_t len)
{
    struct cursor c = cursor_over(body, len);
    int more;
    flow_reset(flow);
    do {
        c.at = read_plain(flow, c.at, c.end);
        more = read_any(flow, &c);
    } while (more == 1);
    return more;
}

// An entry as most are: key, then value, both shorter than 128 bytes.
static bool quick_entry(struct span entry, struct span *key, struct span *value)
{
    const uint8_t *at = entry.data;
    if (entry.len < 4 || at[0] != (1 << 3 | TYPE_BYTES) || at[1] >= 0x80 || entry.len < at[1] + 4u)
        return false;
    *key = (struct span){.data = at + 2, .len = at[1]};
    at += 2 + at[1];
    *value = (struct span){.data = at + 2, .len = at[1]};
    return at[0] == (2 << 3 | TYPE_BYTES) && at[1] < 0x80 && key->len + value->len + 4 == entry.len;
}

int wire_entry(struct span entry, struct span *key, struct span *value)
{
    struct cursor c = cursor_over(entry.data, entry.len);
    struct wire_field field;
    int more;
    if (quick_entry(entry, key, value))
        return 0;
    *key = *value = (struct span){.data = NULL, .len = 0};
    while ((more = wire_next(&c, &field)) == 1) {
        if (field.type == TYPE_BYTES && field.number == 1)
            *key = field.bytes;
        if (field.type == TYPE_BYTES && field.number == 2)
            *value = field.bytes;
    }
    return more;
}

bool wire_is_flow(const uint8_t *body, size_t len, bool whole)
{
    struct cursor c = cursor_over(body, len);
    struct wire_field field;
    size_t known = 0;
    int more;
    while ((more = wire_next(&c, &field)) == 1) {
        int id = field_of_number(field.number);
        if (id < 0)
            continue;
        enum field_kind kind = FLOW_FIELDS[id].kind;
        if (field.type != (kind == FIELD_NUM || kind == FIELD_NUM32 ? 0 : 2) &&
            kind != FIELD_NUM_LIST)
            return false;
        known++;
    }
    return known != 0 && (more == 0 || !whole);
}
