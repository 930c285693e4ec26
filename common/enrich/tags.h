// Tags (key, value) while context.yaml is read: each is encoded once, as a src_context field, and
// known by where these bytes begin. A list of tags is ordered by key. One thread.
#pragma once

#include "common/flow/flow.h"

#include <stddef.h>
#include <stdint.h>

struct tag {
    struct span key;
    struct span value;
};

struct tags;

// NULL without memory.
struct tags *tags_new(void);
void tags_free(struct tags *tags);

// Makes a list of these tags, which come in any order and are sorted in place; no key twice. 0, or
// -1 without memory.
int tags_put(struct tags *tags, struct tag *items, size_t count, uint32_t *list);

// Merges two lists, where `inner` wins key by key, into `out`, which has room for both. Returns how
// many came out.
size_t tags_merge(const struct tags *tags, const uint32_t *outer, size_t outer_count,
                  const uint32_t *inner, size_t inner_count, uint32_t *out);

// The bytes of their fields together.
size_t tags_fields_len(const struct tags *tags, const uint32_t *list, size_t count);

// A copy of what the offsets point into, its length in *len: src_context fields, one behind the
// other. NULL without memory.
uint8_t *tags_copy_fields(const struct tags *tags, size_t *len);
