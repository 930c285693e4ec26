#include "common/enrich/enrich.h"

#include "common/flow/wire.h"

#include <assert.h>
#include <string.h>

#define TYPE_VARINT 0
#define TYPE_64BIT  1
#define TYPE_BYTES  2
#define TYPE_32BIT  5

#define FRAME_HEAD_MAX 10 // a length as a varint
#define NUMBER_MAX     12 // a number with its tag

#define CONTEXT_FIELDS                                                                             \
    (FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |            \
     FLOW_BIT(FLOW_DST_CONTEXT))
#define COUNTRY_FIELDS (FLOW_BIT(FLOW_SRC_COUNTRY) | FLOW_BIT(FLOW_DST_COUNTRY))
#define AS_NAME_FIELDS (FLOW_BIT(FLOW_SRC_AS_NAME) | FLOW_BIT(FLOW_DST_AS_NAME))

// The fields of one of the two addresses.
struct side {
    enum flow_field addr;
    enum flow_field as;
    enum flow_field as_name;
    enum flow_field country;
    enum flow_field group;
    enum flow_field context;
};

static const struct side SIDES[2] = {
    {FLOW_SRC_ADDR, FLOW_SRC_AS, FLOW_SRC_AS_NAME, FLOW_SRC_COUNTRY, FLOW_SRC_GROUP,
     FLOW_SRC_CONTEXT},
    {FLOW_DST_ADDR, FLOW_DST_AS, FLOW_DST_AS_NAME, FLOW_DST_COUNTRY, FLOW_DST_GROUP,
     FLOW_DST_CONTEXT},
};

// The fields whose values are this enricher's, answer or not.
static uint64_t owned_fields(const struct snapshot *snapshot, const struct enrich_options *options)
{
    uint64_t owned = options->sampling_rate != 0 ? FLOW_BIT(FLOW_SAMPLING_RATE) : 0;
    if (snapshot == NULL)
        return owned;
    if (snapshot_has_context(snapshot))
        owned |= CONTEXT_FIELDS;
    if (snapshot_has_country(snapshot))
        owned |= COUNTRY_FIELDS;
    if (snapshot_has_asn(snapshot))
        owned |= AS_NAME_FIELDS;
    return owned;
}

static void set_side(const struct snapshot *snapshot, const struct side *side, struct flow *flow)
{
    struct answer answer;
    struct span addr = flow_bytes(flow, side->addr);
    snapshot_lookup(snapshot, addr.data, addr.len, &answer);
    if (answer.has_asn)
        flow_set_num(flow, side->as, answer.asn);
    if (snapshot_has_asn(snapshot))
        flow_set_bytes(flow, side->as_name, answer.as_name.data, answer.as_name.len);
    if (snapshot_has_country(snapshot))
        flow_set_bytes(flow, side->country, answer.country.data, answer.country.len);
    if (!snapshot_has_context(snapshot))
        return;
    flow_set_bytes(flow, side->group, answer.group.data, answer.group.len);
    flow_clear(flow, side->context);
    for (uint32_t i = 0; i < answer.tags->count; i++)
        flow_append_bytes(flow, side->context, answer.tags->entries[i].data,
                          answer.tags->entries[i].len);
}

void enrich_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                 struct flow *flow)
{
    if (options->sampling_rate != 0)
        flow_set_num(flow, FLOW_SAMPLING_RATE, options->sampling_rate);
    if (snapshot == NULL)
        return;
    set_side(snapshot, &SIDES[0], flow);
    set_side(snapshot, &SIDES[1], flow);
}

// Fields that enrichment may replace or looks at, by number and wire type. A field of another type
// than the schema's is an unknown one and nobody's.
static uint64_t field_bit(uint32_t number, uint32_t type)
{
    if (type == TYPE_VARINT)
        return number == 3    ? FLOW_BIT(FLOW_SAMPLING_RATE)
               : number == 14 ? FLOW_BIT(FLOW_SRC_AS)
               : number == 15 ? FLOW_BIT(FLOW_DST_AS)
                              : 0;
    if (type != TYPE_BYTES)
        return 0;
    switch (number) {
    case 6:
        return FLOW_BIT(FLOW_SRC_ADDR);
    case 7:
        return FLOW_BIT(FLOW_DST_ADDR);
    case 1000:
        return FLOW_BIT(FLOW_SRC_COUNTRY);
    case 1001:
        return FLOW_BIT(FLOW_DST_COUNTRY);
    case 1900:
        return FLOW_BIT(FLOW_SRC_GROUP);
    case 1901:
        return FLOW_BIT(FLOW_DST_GROUP);
    case 1902:
        return FLOW_BIT(FLOW_SRC_CONTEXT);
    case 1903:
        return FLOW_BIT(FLOW_DST_CONTEXT);
    case 1904:
        return FLOW_BIT(FLOW_SRC_AS_NAME);
    case 1905:
        return FLOW_BIT(FLOW_DST_AS_NAME);
    default:
        return 0;
    }
}

// One field of the body, as far as enrichment needs to know it.
struct piece {
    const uint8_t *at;
    uint64_t bit; // of field_bit
    struct span bytes;
};

// What wire_next does, for a field that stands well before the end of the body and has the tag and
// length of most: one or two bytes. Returns the end of the field, or NULL: ask wire_next.
static inline const uint8_t *quick_piece(const uint8_t *at, const uint8_t *end, struct piece *piece)
{
    const uint64_t more = 0x8080808080808080;
    uint64_t word;
    if (end - at < 16)
        return NULL;
    uint32_t tag = at[0];
    const uint8_t *value = at + 1;
    if (tag >= 0x80) {
        if (at[1] >= 0x80)
            return NULL;
        tag = (tag & 0x7f) | (uint32_t)at[1] << 7;
        value++;
    }
    if (tag < 8)
        return NULL;
    piece->at = at;
    piece->bit = field_bit(tag >> 3, tag & 7);
    if ((tag & 7) == TYPE_VARINT) {
        memcpy(&word, value, sizeof word);
        word = ~word & more;
        return word == 0 ? NULL : value + (__builtin_ctzll(word) >> 3) + 1;
    }
    if ((tag & 7) != TYPE_BYTES || *value >= 0x80 || *value > end - value - 1)
        return NULL;
    piece->bytes = (struct span){.data = value + 1, .len = *value};
    return value + 1 + *value;
}

// The next field: 1, 0 at the end, -1 when the body is not protobuf.
static inline int next_piece(struct cursor *body, struct piece *piece)
{
    struct wire_field field;
    const uint8_t *end = quick_piece(body->at, body->end, piece);
    if (end != NULL) {
        body->at = end;
        return 1;
    }
    int more = wire_next(body, &field);
    if (more == 1)
        *piece = (struct piece){field.at, field_bit(field.number, field.type), field.bytes};
    return more;
}

// What one pass over a body finds out.
struct skim {
    struct span addr[2];        // the last ones win
    uint64_t found;             // bits of the replaceable fields that are there
    const uint8_t *first;       // where the first of them begins
    const uint8_t *end_of_last; // where the last of them ends
};

static int skim_body(struct skim *skim, const uint8_t *body, size_t len)
{
    const uint64_t addresses = FLOW_BIT(FLOW_SRC_ADDR) | FLOW_BIT(FLOW_DST_ADDR);
    struct cursor c = cursor_over(body, len);
    struct piece piece;
    int more;
    *skim = (struct skim){.first = body, .end_of_last = body};
    while ((more = next_piece(&c, &piece)) == 1) {
        if (piece.bit == 0)
            continue;
        if ((piece.bit & addresses) != 0) {
            skim->addr[piece.bit == FLOW_BIT(FLOW_DST_ADDR)] = piece.bytes;
            continue;
        }
        if (skim->found == 0)
            skim->first = piece.at;
        skim->found |= piece.bit;
        skim->end_of_last = c.at;
    }
    return more;
}

static uint8_t *copy_run(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
    if (to != from)
        memcpy(out, from, (size_t)(to - from));
    return out + (to - from);
}

// Copies the body without the fields in `cut`. Only the stretch between the first and the last
// replaceable field is looked at again.
static uint8_t *copy_body(uint8_t *out, const struct skim *skim, uint64_t cut, const uint8_t *body,
                          size_t len)
{
    if ((skim->found & cut) == 0)
        return copy_run(out, body, body + len);
    struct cursor c = cursor_over(body, len);
    struct piece piece;
    const uint8_t *kept = body; // not copied yet, from here on
    c.at = skim->first;
    while (c.at < skim->end_of_last && next_piece(&c, &piece) == 1) {
        if ((piece.bit & cut) == 0)
            continue;
        out = copy_run(out, kept, piece.at);
        kept = c.at;
    }
    return copy_run(out, kept, body + len);
}

static uint8_t *put_text(uint8_t *out, enum flow_field id, struct span text)
{
    return text.len == 0 ? out : wire_put_bytes(out, id, text.data, text.len);
}

static uint8_t *put_side(uint8_t *out, int index, const struct answer *answer)
{
    const struct side *side = &SIDES[index];
    const struct tag_set *tags = answer->tags;
    if (answer->has_asn)
        out = wire_put_num(out, side->as, answer->asn);
    out = put_text(out, side->country, answer->country);
    out = put_text(out, side->group, answer->group);
    if (tags->count != 0) {
        memcpy(out, tags->fields + (size_t)index * tags->fields_len, tags->fields_len);
        out += tags->fields_len;
    }
    return put_text(out, side->as_name, answer->as_name);
}

static uint8_t *put_body(const struct snapshot *snapshot, const struct enrich_options *options,
                         const struct skim *skim, const uint8_t *body, size_t len, uint8_t *out)
{
    struct answer answers[2];
    uint64_t cut = owned_fields(snapshot, options);
    for (int i = 0; i < 2 && snapshot != NULL; i++) {
        snapshot_lookup(snapshot, skim->addr[i].data, skim->addr[i].len, &answers[i]);
        if (answers[i].has_asn)
            cut |= FLOW_BIT(SIDES[i].as);
    }
    out = copy_body(out, skim, cut, body, len);
    if (options->sampling_rate != 0)
        out = wire_put_num(out, FLOW_SAMPLING_RATE, options->sampling_rate);
    for (int i = 0; i < 2 && snapshot != NULL; i++)
        out = put_side(out, i, &answers[i]);
    return out;
}

size_t enrich_frame_bound(const struct snapshot *snapshot, size_t body_len)
{
    size_t answers = snapshot == NULL ? 0 : 2 * snapshot_wire_max(snapshot);
    return FRAME_HEAD_MAX + body_len + NUMBER_MAX + answers;
}

uint8_t *enrich_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                      const uint8_t *body, size_t len, uint8_t *out)
{
    struct skim skim;
    if (skim_body(&skim, body, len) != 0)
        return NULL;
    // Most bodies take two bytes of length: write behind a gap of two, move when it is not so.
    uint8_t *copy = out + 2;
    size_t copy_len = (size_t)(put_body(snapshot, options, &skim, body, len, copy) - copy);
    size_t head = wire_varint_len(copy_len);
    if (head != 2)
        memmove(out + head, copy, copy_len);
    return wire_put_varint(out, copy_len) + copy_len;
}
