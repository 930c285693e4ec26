#include "common/enrich/place.h"

#include "common/base/copy.h"
#include "common/enrich/snapshot.h"
#include "common/flow/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TAG_LEN      2 // of a field's number and type, where the number is above 15
#define NUMBER_FIELD 6 // an AS number with its tag

// A source's field has an even number and the destination's the next one; the number stands above
// three bits of type, and the lowest bits of a tag come first: one bit of the first byte.
#define HAS_TWO_SIDES(id)                                                                          \
    static_assert(                                                                                 \
        FIELD_NUMBER_SRC_##id % 2 == 0 && FIELD_NUMBER_DST_##id == FIELD_NUMBER_SRC_##id + 1, #id)
HAS_TWO_SIDES(AS);
HAS_TWO_SIDES(AS_NAME);
HAS_TWO_SIDES(COUNTRY);
HAS_TWO_SIDES(GROUP);
HAS_TWO_SIDES(CONTEXT);

// The inside of a length-delimited field, which has fewer than 16,384 bytes.
static inline struct span inside(const uint8_t *field)
{
    const uint8_t *len = field + TAG_LEN;
    if (len[0] < 0x80)
        return (struct span){.data = len + 1, .len = len[0]};
    return (struct span){.data = len + 2, .len = (len[0] & 0x7fU) | (size_t)len[1] << 7};
}

static inline size_t field_len(const uint8_t *field)
{
    struct span bytes = inside(field);
    return (size_t)(bytes.data - field) + bytes.len;
}

static inline uint8_t *put_field(uint8_t *out, const uint8_t *field, size_t len,
                                 enum place_side side)
{
    uint8_t *end = copy_bytes(out, field, len);
    *out |= (uint8_t)side;
    return end;
}

// Records begin with a byte: the count of tags, or the length of the number's field.
#define TAG_REFERENCE sizeof(uint32_t)
#define CONTEXT_MAX   (1 + FLOW_LIST_MAX * TAG_REFERENCE + PLACE_FIELD_HEAD + PLACE_NAME_MAX)
#define SYSTEM_MAX    (1 + NUMBER_FIELD + PLACE_FIELD_HEAD + PLACE_NAME_MAX)

// Appends a record so that it lies in one cache line if one holds it, and in as few units as will
// do. The units before the first record stand for none.
static uint32_t add_record(struct place_records *records, const uint8_t *record, size_t len,
                           uint32_t reference_max)
{
    size_t at = records->len == 0 ? PLACE_UNIT_BYTES : records->len;
    size_t left = PLACE_LINE_BYTES - at % PLACE_LINE_BYTES;
    if (len > left && len <= PLACE_LINE_BYTES)
        at += left;
    size_t end = (at + len + PLACE_UNIT_BYTES - 1) / PLACE_UNIT_BYTES * PLACE_UNIT_BYTES;
    if (at / PLACE_UNIT_BYTES > reference_max)
        return 0;
    if (end > records->cap) {
        size_t cap = 2 * end + 4096;
        uint8_t *bytes = realloc(records->bytes, cap);
        if (bytes == NULL)
            return 0;
        records->bytes = bytes;
        records->cap = cap;
    }
    memset(records->bytes + records->len, 0, end - records->len);
    memcpy(records->bytes + at, record, len);
    records->len = end;
    return (uint32_t)(at / PLACE_UNIT_BYTES);
}

uint32_t place_add_context(struct place_records *records, const uint32_t *tags, size_t tag_count,
                           struct span group)
{
    uint8_t record[CONTEXT_MAX];
    assert(tag_count <= FLOW_LIST_MAX && group.len <= PLACE_NAME_MAX);
    record[0] = (uint8_t)tag_count;
    if (tag_count != 0)
        memcpy(record + 1, tags, tag_count * TAG_REFERENCE);
    uint8_t *field = record + 1 + tag_count * TAG_REFERENCE;
    const uint8_t *end = wire_put_bytes(field, FLOW_SRC_GROUP, group.data, group.len);
    return add_record(records, record, (size_t)(end - record), PLACE_CONTEXT_MAX);
}

uint32_t place_add_system(struct place_records *records, uint32_t asn, struct span name)
{
    uint8_t record[SYSTEM_MAX];
    assert(name.len <= PLACE_NAME_MAX);
    uint8_t *end = record + 1;
    if (asn != 0)
        end = wire_put_num(end, FLOW_SRC_AS, asn);
    record[0] = (uint8_t)(end - record - 1);
    end = wire_put_bytes(end, FLOW_SRC_AS_NAME, name.data, name.len);
    return add_record(records, record, (size_t)(end - record), PLACE_SYSTEM_MAX);
}

static inline const uint8_t *context_record(const struct place_tables *tables, struct place place)
{
    return tables->contexts + (size_t)place_context(place) * PLACE_UNIT_BYTES;
}

static inline const uint8_t *system_record(const struct place_tables *tables, struct place place)
{
    return tables->systems + (size_t)place_system(place) * PLACE_UNIT_BYTES;
}

static inline const uint8_t *group_field(const uint8_t *record)
{
    return record + 1 + record[0] * TAG_REFERENCE;
}

static inline const uint8_t *name_field(const uint8_t *record)
{
    return record + 1 + record[0];
}

static inline uint32_t tag_reference(const uint8_t *record, size_t index)
{
    uint32_t reference;
    memcpy(&reference, record + 1 + index * TAG_REFERENCE, sizeof reference);
    return reference;
}

size_t place_tags(const uint8_t *contexts, uint32_t context, uint32_t *tags)
{
    if (context == 0)
        return 0;
    const uint8_t *record = contexts + (size_t)context * PLACE_UNIT_BYTES;
    memcpy(tags, record + 1, record[0] * TAG_REFERENCE);
    return record[0];
}

static uint32_t number_of(const uint8_t *field, size_t len)
{
    uint32_t number = 0;
    for (size_t i = len - 1; i > 0; i--)
        number = number << 7 | (field[i] & 0x7f);
    return number;
}

bool place_has_asn(const struct place_tables *tables, struct place place)
{
    return place_system(place) != 0 && *system_record(tables, place) != 0;
}

void place_answer(const struct place_tables *tables, struct place place, struct answer *answer)
{
    *answer = (struct answer){.tags = tables->tags};
    if (place_country(place) != 0)
        answer->country = (struct span){tables->countries + 2 * (size_t)place_country(place), 2};
    if (place_context(place) != 0) {
        answer->context = context_record(tables, place);
        answer->tag_count = answer->context[0];
        answer->group = inside(group_field(answer->context));
    }
    if (place_system(place) != 0) {
        const uint8_t *record = system_record(tables, place);
        answer->as_name = inside(name_field(record));
        answer->has_asn = record[0] != 0;
        if (answer->has_asn)
            answer->asn = number_of(record + 1, record[0]);
    }
}

struct span answer_tag(const struct answer *answer, size_t index)
{
    assert(index < answer->tag_count);
    return inside(answer->tags + tag_reference(answer->context, index));
}

static inline uint8_t *put_system(uint8_t *out, const uint8_t *record, enum place_side side)
{
    const uint8_t *name = name_field(record);
    if (record[0] != 0)
        out = put_field(out, record + 1, record[0], side);
    return inside(name).len == 0 ? out : put_field(out, name, field_len(name), side);
}

static inline uint8_t *put_country(uint8_t *out, const uint8_t *letters, enum place_side side)
{
    const unsigned tag = FIELD_NUMBER_SRC_COUNTRY << 3 | 2;
    *out++ = (uint8_t)(tag | 0x80 | side);
    *out++ = (uint8_t)(tag >> 7);
    *out++ = 2;
    *out++ = letters[0];
    *out++ = letters[1];
    return out;
}

static inline uint8_t *put_context(uint8_t *out, const struct place_tables *tables,
                                   const uint8_t *record, enum place_side side)
{
    const uint8_t *group = group_field(record);
    out = put_field(out, group, field_len(group), side);
    for (size_t i = 0; i < record[0]; i++) {
        const uint8_t *tag = tables->tags + tag_reference(record, i);
        out = put_field(out, tag, field_len(tag), side);
    }
    return out;
}

uint8_t *place_put(const struct place_tables *tables, struct place place, enum place_side side,
                   uint8_t *out)
{
    if (place_system(place) != 0)
        out = put_system(out, system_record(tables, place), side);
    if (place_country(place) != 0)
        out = put_country(out, tables->countries + 2 * (size_t)place_country(place), side);
    if (place_context(place) != 0)
        out = put_context(out, tables, context_record(tables, place), side);
    return out;
}
