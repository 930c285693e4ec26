// Sets of tags (key, value) while context.yaml is read. A tag is encoded once, as a src_context
// field, and known by where these bytes stand; a set is a sorted list of tags. One thread.
#pragma once

#include "common/flow/flow.h"

#include <stddef.h>
#include <stdint.h>

#define TAGS_FAILED UINT32_MAX // in place of a set: no memory

struct tag {
    struct span key;
    struct span value;
};

struct tags;

// NULL without memory.
struct tags *tags_new(void);
void tags_free(struct tags *tags);

// The set of these tags, in any order (they are sorted in place); no key twice. 0: the empty one.
uint32_t tags_put(struct tags *tags, struct tag *items, size_t count);

// The tags of a set as offsets into the fields, ordered by key; they move with the next tags_put.
const uint32_t *tags_get(const struct tags *tags, uint32_t set, size_t *count);

// Merges two lists, where `inner` wins key by key, into `out`, which has room for both. Returns how
// many came out.
size_t tags_merge(const struct tags *tags, const uint32_t *outer, size_t outer_count,
                  const uint32_t *inner, size_t inner_count, uint32_t *out);

// The bytes of their fields together.
size_t tags_fields_len(const struct tags *tags, const uint32_t *list, size_t count);

// A copy of what the offsets point into, its length in *len: src_context fields, one behind the
// other. NULL without memory.
uint8_t *tags_copy_fields(const struct tags *tags, size_t *len);
