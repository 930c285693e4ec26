// What is known of the addresses behind one prefix, laid out so that an answer costs few cache
// lines: its parts lie encoded as the fields of a flow's source, ready to be appended.
//
// Built by the thread that builds a snapshot; read by any.
#pragma once

#include "common/enrich/pages.h"
#include "common/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Three references in one number, which is the value of the prefix; each 0 where nothing is known.
struct place {
    uint64_t bits; // context 28, system 26, country 10
};

// The unit in which references to contexts and systems count: a record begins with one. No record
// lies across two cache lines that one holds.
#define PLACE_UNIT_BYTES  16
#define PLACE_LINE_BYTES  64
#define PLACE_CONTEXT_MAX ((1u << 28) - 1)
#define PLACE_SYSTEM_MAX  ((1u << 26) - 1)
#define PLACE_COUNTRY_MAX ((1u << 10) - 1)

static inline uint32_t place_context(struct place place)
{
    return (uint32_t)(place.bits >> 36);
}

static inline uint32_t place_system(struct place place)
{
    return (uint32_t)(place.bits >> 10) & PLACE_SYSTEM_MAX;
}

static inline uint32_t place_country(struct place place)
{
    return (uint32_t)place.bits & PLACE_COUNTRY_MAX;
}

static inline struct place place_pack(uint32_t context, uint32_t system, uint32_t country)
{
    return (struct place){(uint64_t)context << 36 | (uint64_t)system << 10 | country};
}

// Owned by the snapshot.
struct place_tables {
    uint8_t *contexts;  // records: count of tags, where they begin in `tags`, the group's field
    uint8_t *tags;      // fields
    uint8_t *systems;   // records: length of the number's field, that field, the name's field
    uint8_t *countries; // ISO 3166-1 alpha-2, two letters each; the first ones stand for none
};

// The longest group and AS name, in bytes.
#define PLACE_NAME_MAX 255

// Records under construction, one behind the other.
struct place_records {
    uint8_t *bytes;
    size_t len;
    size_t cap;
};

// Append one record; return the reference to it, or 0 without memory or past the largest one.
uint32_t place_add_context(struct place_records *records, const uint32_t *tags, size_t tag_count,
                           struct span group);
uint32_t place_add_system(struct place_records *records, uint32_t asn, struct span name);

// Copies the tags of a context's record out, at most FLOW_LIST_MAX; with 0 there are none. Returns
// their count.
size_t place_tags(const uint8_t *contexts, uint32_t context, uint32_t *tags);

struct answer;
void place_answer(const struct place_tables *tables, struct place place, struct answer *answer);

// The two sides of a flow: what is added to the first byte of a source's field to make it the
// destination's.
enum place_side {
    PLACE_SOURCE = 0,
    PLACE_DESTINATION = 8,
};

// Writes the fields of one side; returns the end. `out` has room for PLACE_SYSTEM_WIRE_MAX,
// PLACE_COUNTRY_WIRE_MAX and the bytes of the longest context.
#define PLACE_FIELD_HEAD       4 // of a group, a name
#define PLACE_SYSTEM_WIRE_MAX  (6 + PLACE_FIELD_HEAD + PLACE_NAME_MAX)
#define PLACE_COUNTRY_WIRE_MAX 5
uint8_t *place_put(const struct place_tables *tables, struct place place, enum place_side side,
                   uint8_t *out);

// Fetch the records of a place ahead of their use.
static inline void place_touch(const struct place_tables *tables, struct place place)
{
    pages_touch(tables->contexts + (size_t)place_context(place) * PLACE_UNIT_BYTES);
    pages_touch(tables->systems + (size_t)place_system(place) * PLACE_UNIT_BYTES);
}

bool place_has_asn(const struct place_tables *tables, struct place place);
