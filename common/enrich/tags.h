// Sets of tags (key, value), each kept once, merged along enclosing networks and encoded ahead of
// time. A set is a number; 0 is the empty one. One thread builds; after tags_freeze any may read.
#pragma once

#include "common/flow/flow.h"

#include <stddef.h>
#include <stdint.h>

#define TAGS_FAILED UINT32_MAX // in place of a set: no memory

struct tag {
    struct span key;
    struct span value;
};

// A set as flows need it, ordered by key.
struct tag_set {
    const struct span *entries; // encoded map entries (wire_put_entry)
    uint32_t count;
    uint32_t fields_len;   // of each of the two encodings
    const uint8_t *fields; // the set as src_context fields, then as dst_context fields
};

struct tags;

// NULL without memory.
struct tags *tags_new(void);
void tags_free(struct tags *tags);

// The set of these tags, in any order (they are sorted in place); no key twice.
uint32_t tags_put(struct tags *tags, struct tag *items, size_t count);

// The set of both, where `inner` wins key by key.
uint32_t tags_merge(struct tags *tags, uint32_t outer, uint32_t inner);

size_t tags_count(const struct tags *tags, uint32_t set);

// Encodes all sets: no tags_put or tags_merge after it. 0, or -1 without memory.
int tags_freeze(struct tags *tags);

const struct tag_set *tags_get(const struct tags *tags, uint32_t set);

size_t tags_bytes(const struct tags *tags);
