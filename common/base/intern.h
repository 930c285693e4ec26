// Equal byte strings kept once, each under a small number.
//
// Numbers count up from 1 in the order of first appearance. One thread builds; after intern_freeze
// the bytes never move again and any thread may read.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct intern;

// NULL without memory.
struct intern *intern_new(void);
void intern_free(struct intern *intern);

// The number of these bytes; 0 without memory, or past 4 GiB of bytes.
uint32_t intern_put(struct intern *intern, const void *bytes, size_t len);

uint32_t intern_count(const struct intern *intern);

// The bytes of a number from 1 to intern_count; they move with the next intern_put.
const void *intern_get(const struct intern *intern, uint32_t number, size_t *len);

// Gives the search index back: no intern_put after it.
void intern_freeze(struct intern *intern);

size_t intern_bytes(const struct intern *intern);
