// Writes MaxMind databases (format 2.0) fast: prefixes in ascending order, records shared by
// number. https://maxmind.github.io/MaxMind-DB
#pragma once

#include "tests/bench/geography.h"

struct database;

struct database *database_new(void); // NULL without memory
void database_free(struct database *database);

// Appends a value to the data section; the pairs of a map follow it, key before value. Returns its
// place, for database_prefix.
uint32_t database_map(struct database *database, unsigned pairs);
uint32_t database_text(struct database *database, const char *text);
uint32_t database_number(struct database *database, uint32_t number);

// Gives a prefix the record at that place. No prefix may enclose another.
void database_prefix(struct database *database, const struct geography_prefix *prefix,
                     uint32_t record);

// 0, or a negative errno (-ENOMEM also when memory was short before).
int database_write(struct database *database, const char *path, const char *type, uint64_t built);
