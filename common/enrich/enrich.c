#include "common/enrich/enrich.h"

#include "common/base/copy.h"
#include "common/flow/wire.h"
#include "common/flow/wire_window.h"

#include <assert.h>
#include <string.h>

#define TYPE_VARINT 0
#define TYPE_BYTES  2

#define FRAME_HEAD_MAX 10 // a length as a varint
#define NUMBER_MAX     12 // a number with its tag

// The fields' tags, as values of their varints.
enum {
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    TAG_##id = (number) << 3 |                                                                     \
               (FIELD_##kind == FIELD_NUM || FIELD_##kind == FIELD_NUM32 ? TYPE_VARINT             \
                                                                         : TYPE_BYTES),
#include "common/flow/fields.def"
#undef FIELD
};

#define CONTEXT_FIELDS                                                                             \
    (FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |            \
     FLOW_BIT(FLOW_DST_CONTEXT))
#define COUNTRY_FIELDS (FLOW_BIT(FLOW_SRC_COUNTRY) | FLOW_BIT(FLOW_DST_COUNTRY))
#define AS_NAME_FIELDS (FLOW_BIT(FLOW_SRC_AS_NAME) | FLOW_BIT(FLOW_DST_AS_NAME))
#define AS_FIELDS      (FLOW_BIT(FLOW_SRC_AS) | FLOW_BIT(FLOW_DST_AS))
#define ADDRESS_FIELDS (FLOW_BIT(FLOW_SRC_ADDR) | FLOW_BIT(FLOW_DST_ADDR))

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

static void set_side(const struct snapshot *snapshot, const struct side *side, struct place place,
                     struct flow *flow)
{
    struct answer answer;
    snapshot_answer(snapshot, place, &answer);
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
    for (size_t i = 0; i < answer.tag_count; i++) {
        struct span tag = answer_tag(&answer, i);
        flow_append_bytes(flow, side->context, tag.data, tag.len);
    }
}

// With the answers to the addresses of `plan`. One of the flow's that is not among them, as when a
// body has several, is looked up.
static void set_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                     const struct enrich_plan *plan, struct flow *flow)
{
    if (options->sampling_rate != 0)
        flow_set_num(flow, FLOW_SAMPLING_RATE, options->sampling_rate);
    for (int i = 0; i < 2 && snapshot != NULL; i++) {
        struct span addr = flow_bytes(flow, SIDES[i].addr);
        struct place place = addr.data == plan->addrs[i] ? plan->places[i]
                                                         : snapshot_find(snapshot, addr);
        set_side(snapshot, &SIDES[i], place, flow);
    }
}

void enrich_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                 struct flow *flow)
{
    static const struct enrich_plan none = {.len = 0};
    set_flow(snapshot, options, &none, flow);
}

void enrich_planned_flow(const struct snapshot *snapshot, const struct enrich_options *options,
                         const struct enrich_plan *plan, struct flow *flow)
{
    set_flow(snapshot, options, plan, flow);
}

// The field that has this tag, as a bit, when enrichment may replace it or looks at it. A field of
// another type than the schema's is an unknown one and nobody's.
static inline uint64_t field_bit(uint32_t tag)
{
    static const uint64_t short_tags[128] = {
        [TAG_SAMPLING_RATE] = FLOW_BIT(FLOW_SAMPLING_RATE),
        [TAG_SRC_ADDR] = FLOW_BIT(FLOW_SRC_ADDR),
        [TAG_DST_ADDR] = FLOW_BIT(FLOW_DST_ADDR),
        [TAG_SRC_AS] = FLOW_BIT(FLOW_SRC_AS),
        [TAG_DST_AS] = FLOW_BIT(FLOW_DST_AS),
    };
    if (tag < 128)
        return short_tags[tag];
    if (tag < TAG_SRC_COUNTRY)
        return 0;
    switch (tag) {
    case TAG_SRC_COUNTRY:
        return FLOW_BIT(FLOW_SRC_COUNTRY);
    case TAG_DST_COUNTRY:
        return FLOW_BIT(FLOW_DST_COUNTRY);
    case TAG_SRC_GROUP:
        return FLOW_BIT(FLOW_SRC_GROUP);
    case TAG_DST_GROUP:
        return FLOW_BIT(FLOW_DST_GROUP);
    case TAG_SRC_CONTEXT:
        return FLOW_BIT(FLOW_SRC_CONTEXT);
    case TAG_DST_CONTEXT:
        return FLOW_BIT(FLOW_DST_CONTEXT);
    case TAG_SRC_AS_NAME:
        return FLOW_BIT(FLOW_SRC_AS_NAME);
    case TAG_DST_AS_NAME:
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

// The next field: 1, 0 at the end, -1 when the body is not protobuf.
static int next_piece(struct cursor *body, struct piece *piece)
{
    struct wire_field field;
    int more = wire_next(body, &field);
    if (more == 1)
        *piece = (struct piece){field.at, field_bit(field.number << 3 | field.type), field.bytes};
    return more;
}

static inline void note(struct enrich_plan *plan, uint64_t replaceable, struct span addrs[2],
                        const struct piece *piece, const uint8_t *end)
{
    if ((piece->bit & ADDRESS_FIELDS) != 0) {
        addrs[piece->bit == FLOW_BIT(FLOW_DST_ADDR)] = piece->bytes;
    } else if ((piece->bit & replaceable) != 0) {
        if (plan->cut_count < ENRICH_CUTS_MAX) {
            plan->cuts[plan->cut_count].at = piece->at;
            plan->cuts[plan->cut_count].end = end;
            plan->cuts[plan->cut_count].bit = piece->bit;
        }
        plan->cut_count++;
    }
}

// Whether a tag of two bytes, the first one lowest, is of a number that nobody here looks at: the
// bits that go on, and the type; the second byte is not 0, which is over-long.
static inline bool is_plain_number(uint32_t tag)
{
    const uint32_t looked_at = TAG_SRC_COUNTRY >> 7; // the second byte, from here on
    return (tag & 0x8087) == 0x0080 && tag - 0x0100 < (looked_at - 1) << 8;
}

// Takes a field with a tag of one byte, of which `behind` are the stops behind the tag. False: it
// is an odd one.
static inline bool take_short(struct wire_window *window, uint64_t behind, struct piece *piece)
{
    const uint8_t *at = window->at;
    if (*at < 1 << 3 || *at >= 0x80)
        return false;
    piece->at = at;
    piece->bit = field_bit(*at);
    if ((*at & 7) == TYPE_VARINT) {
        wire_window_pass(window, behind);
        return true;
    }
    if ((*at & 7) != TYPE_BYTES || at[1] >= 0x80 || at[1] > window->end - at - 2)
        return false;
    piece->bytes = (struct span){.data = at + 2, .len = at[1]};
    wire_window_go(window, at + 2 + at[1]);
    return true;
}

// The same for any field: 1, 0 at the end, -1 when the body is not protobuf.
static int take_odd(const uint8_t **at, const uint8_t *end, struct piece *piece)
{
    struct cursor c = cursor_over(*at, (size_t)(end - *at));
    int more = next_piece(&c, piece);
    *at = c.at;
    return more;
}

// One pass over a body: its addresses, of which the last ones win, and where those of its fields
// stand that may be replaced. A glance ends with the first addresses: they come early.
static inline __attribute__((always_inline)) int
pass_over(struct enrich_plan *plan, uint64_t replaceable, struct span addrs[2], bool glance)
{
    struct wire_window window = wire_window_over(plan->body, plan->len);
    struct piece piece;
    plan->cut_count = 0;
    addrs[0] = addrs[1] = (struct span){NULL, 0};
    while (window.at != window.end) {
        uint64_t behind = wire_window_behind_tag(&window);
        if (behind != 0 && is_plain_number(window.at[0] | (uint32_t)window.at[1] << 8)) {
            wire_window_pass(&window, behind);
            continue;
        }
        if (behind == 0 || !take_short(&window, behind, &piece)) {
            const uint8_t *at = window.at;
            int more = take_odd(&at, window.end, &piece);
            if (more != 1)
                return more;
            wire_window_go(&window, at);
        }
        note(plan, replaceable, addrs, &piece, window.at);
        if (glance && addrs[0].data != NULL && addrs[1].data != NULL)
            return 0;
    }
    return 0;
}

static int skim(struct enrich_plan *plan, uint64_t replaceable, struct span addrs[2])
{
    return pass_over(plan, replaceable, addrs, false);
}

// What is no protobuf behind the addresses, or before them, decoding will say.
static void peek(struct enrich_plan *plan, struct span addrs[2])
{
    (void)pass_over(plan, 0, addrs, true);
}

uint64_t enrich_fields(const struct snapshot *snapshot, const struct enrich_options *options)
{
    bool has_asn = snapshot != NULL && snapshot_has_asn(snapshot);
    return owned_fields(snapshot, options) | (has_asn ? AS_FIELDS : 0);
}

static void find_group(const struct snapshot *snapshot, const struct span *addrs,
                       struct enrich_plan *plans, size_t count)
{
    struct place places[SNAPSHOT_GROUP_MAX];
    snapshot_find_group(snapshot, addrs, 2 * count, places);
    for (size_t i = 0; i < count; i++) {
        plans[i].addrs[0] = addrs[2 * i].data;
        plans[i].addrs[1] = addrs[2 * i + 1].data;
        memcpy(plans[i].places, &places[2 * i], sizeof plans[i].places);
    }
}

size_t enrich_plan_group(const struct snapshot *snapshot, const struct enrich_options *options,
                         struct enrich_plan *plans, size_t count)
{
    struct span addrs[SNAPSHOT_GROUP_MAX];
    uint64_t replaceable = enrich_fields(snapshot, options);
    size_t good = 0;
    assert(count <= ENRICH_GROUP_MAX);
    while (good < count && skim(&plans[good], replaceable, &addrs[2 * good]) == 0)
        good++;
    if (snapshot != NULL)
        find_group(snapshot, addrs, plans, good);
    return good;
}

void enrich_peek_group(const struct snapshot *snapshot, struct enrich_plan *plans, size_t count)
{
    struct span addrs[SNAPSHOT_GROUP_MAX];
    assert(count <= ENRICH_GROUP_MAX);
    for (size_t i = 0; i < count; i++)
        peek(&plans[i], &addrs[2 * i]);
    if (snapshot != NULL && count != 0)
        find_group(snapshot, addrs, plans, count);
}

// Copies the rest of the body, from *kept on, without the fields in `cut`, up to the last of them.
static uint8_t *copy_pieces(uint8_t *out, const struct enrich_plan *plan, uint64_t cut,
                            const uint8_t **kept)
{
    struct cursor c = cursor_over(*kept, plan->len - (size_t)(*kept - plan->body));
    struct piece piece;
    while (next_piece(&c, &piece) == 1) {
        if ((piece.bit & cut) == 0)
            continue;
        out = copy_bytes(out, *kept, (size_t)(piece.at - *kept));
        *kept = c.at;
    }
    return out;
}

// Copies the body without the fields in `cut`.
static uint8_t *copy_body(uint8_t *out, const struct enrich_plan *plan, uint64_t cut)
{
    const uint8_t *kept = plan->body; // not copied yet, from here on
    if (plan->len == 0)
        return out;
    for (size_t i = 0; i < plan->cut_count && i < ENRICH_CUTS_MAX; i++) {
        if ((plan->cuts[i].bit & cut) == 0)
            continue;
        out = copy_bytes(out, kept, (size_t)(plan->cuts[i].at - kept));
        kept = plan->cuts[i].end;
    }
    if (plan->cut_count > ENRICH_CUTS_MAX)
        out = copy_pieces(out, plan, cut, &kept);
    return copy_bytes(out, kept, (size_t)(plan->body + plan->len - kept));
}

static uint8_t *put_body(const struct snapshot *snapshot, const struct enrich_options *options,
                         const struct enrich_plan *plan, uint8_t *out)
{
    uint64_t cut = owned_fields(snapshot, options);
    const struct place_tables *tables = NULL;
    if (snapshot != NULL) {
        tables = snapshot_tables(snapshot);
        for (int i = 0; i < 2; i++)
            if (place_has_asn(tables, plan->places[i]))
                cut |= FLOW_BIT(SIDES[i].as);
    }
    out = copy_body(out, plan, cut);
    if (options->sampling_rate != 0)
        out = wire_put_num(out, FLOW_SAMPLING_RATE, options->sampling_rate);
    if (tables == NULL)
        return out;
    out = place_put(tables, plan->places[0], PLACE_SOURCE, out);
    return place_put(tables, plan->places[1], PLACE_DESTINATION, out);
}

size_t enrich_frame_bound(const struct snapshot *snapshot, size_t body_len)
{
    size_t answers = snapshot == NULL ? 0 : 2 * snapshot_wire_max(snapshot);
    assert(FRAME_HEAD_MAX + NUMBER_MAX + answers <= ENRICH_GROWTH_MAX);
    return FRAME_HEAD_MAX + body_len + NUMBER_MAX + answers;
}

uint8_t *enrich_planned_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                              const struct enrich_plan *plan, uint8_t *out)
{
    // Most bodies take two bytes of length: write behind a gap of two, move when it is not so.
    uint8_t *copy = out + 2;
    size_t copy_len = (size_t)(put_body(snapshot, options, plan, copy) - copy);
    size_t head = wire_varint_len(copy_len);
    if (head != 2)
        memmove(out + head, copy, copy_len);
    return wire_put_varint(out, copy_len) + copy_len;
}

uint8_t *enrich_frame(const struct snapshot *snapshot, const struct enrich_options *options,
                      const uint8_t *body, size_t len, uint8_t *out)
{
    struct enrich_plan plan = {.body = body, .len = len};
    struct span addrs[2];
    if (skim(&plan, enrich_fields(snapshot, options), addrs) != 0)
        return NULL;
    for (int i = 0; i < 2 && snapshot != NULL; i++)
        plan.places[i] = snapshot_find(snapshot, addrs[i]);
    return enrich_planned_frame(snapshot, options, &plan, out);
}
