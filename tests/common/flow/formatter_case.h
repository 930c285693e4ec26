// Formatters out of yaml, and flows to print with them, for tests.
#pragma once

#include "common/flow/format.h"
#include "common/flow/formatter.h"

extern struct flow flow;
extern struct fault fault;

// Fails the test when the file is refused.
struct formatter *load_filled(const char *yaml, unsigned filled);
struct format *compile_filled(const char *yaml, enum format_kind kind, unsigned filled);

// What is printed of `flow`, within its bound.
void assert_filled(const char *yaml, enum format_kind kind, unsigned filled, const char *expected);
void assert_json(const char *yaml, const char *expected);
void assert_text(const char *yaml, const char *expected);

// Adds a custom value to `flow`.
void add_number(uint32_t number, uint64_t value);
void add_bytes(uint32_t number, const void *bytes, size_t len);
void add_double(uint32_t number, double value);

// For the group: without warnings; and without the file afterwards.
int quiet(void **state);
int remove_scratch(void **state);
