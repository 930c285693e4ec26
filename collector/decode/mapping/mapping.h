// The decoder's part of mapping.yaml: where elements of templates and bits of sampled headers go.
// docs/mapping.md is its manual.
//
// Read once, immutable afterwards, with counted references: any thread may use it. A decoder takes
// a new one between two datagrams; its templates are compiled again for it.
#pragma once

#include "common/base/fault.h"
#include "common/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping;
struct mapping_element;
struct formatter;
struct ledger;

// Reads the blocks ipfix, netflowv9 and sflow; destinations are those of `formatter`, which is not
// kept. NULL with the fault filled.
struct mapping *mapping_load(const char *path, const struct formatter *formatter,
                             struct fault *fault);

struct mapping *mapping_ref(struct mapping *mapping);
void mapping_unref(struct mapping *mapping); // NULL is allowed

// What follows is for the decoders. The elements of one protocol, by enterprise and number.
struct mapping_elements {
    struct mapping_element *items;
    size_t count;
};

const struct mapping_elements *mapping_elements(const struct mapping *mapping, bool ipfix);

// The index of an element's item, or -1.
int mapping_find(const struct mapping_elements *elements, uint32_t enterprise, uint16_t element);

// Whether the item gives the sampling rate, which is for the caller to take.
bool mapping_is_sampling(const struct mapping_elements *elements, int index);
// Of such an item: whether its low byte comes first, and which sampling element it is like, its own
// or samplingInterval.
bool mapping_is_little(const struct mapping_elements *elements, int index);
uint16_t mapping_sampling_element(const struct mapping_elements *elements, int index);
// The number of such an item. Of a sampling element itself whose low byte comes first it is the
// smaller one of both orders: the mapping that goflow2 ships says so of samplingInterval, whatever
// exporters do.
uint64_t mapping_sampling_number(const struct mapping_elements *elements, int index,
                                 const uint8_t *data, size_t len);

// Puts the bytes of an item's element into the flow, which borrows them. What its type cannot have
// is counted and left out.
void mapping_take(const struct mapping_elements *elements, int index, const uint8_t *data,
                  size_t len, struct flow *flow, struct ledger *ledger);

// Copies `length` bits from bit `offset` on, filled up with zeros past the end of the data. The
// bits of a last byte that is not whole stand low in it. `out` has room for (length + 7) / 8 bytes.
void mapping_bits(uint8_t *out, const uint8_t *data, size_t len, size_t offset, size_t length);
