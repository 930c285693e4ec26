// What a flow must hold, for the tests of the decoders.
#pragma once

#include "common/flow/flow.h"

#include "tests/collector/decode/bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// Bytes and lists of numbers in hexadecimal; "" for what is not set.
void assert_bytes(const struct flow *flow, enum flow_field id, const char *hex);
void assert_list(const struct flow *flow, enum flow_field id, const char *hex);

void assert_nums(const struct flow *flow, enum flow_field a, uint64_t a_value, enum flow_field b,
                 uint64_t b_value);
