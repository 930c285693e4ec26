// The value of one command line flag, read from its text as Go's flag package reads it.
#pragma once

#include "common/base/options.h"

#include <stdint.h>

union option_value {
    const char *text; // OPTION_STRING
    bool truth;       // OPTION_BOOL
    int64_t integer;  // OPTION_INT, OPTION_DURATION_NS
    uint64_t bytes;   // OPTION_BYTES
};

// False when the text is no value of that kind, or one out of range. A string is borrowed.
bool option_value_read(enum option_kind kind, const char *text, union option_value *out);

// What that would be, for messages: "a whole number".
const char *option_value_wanted(enum option_kind kind);

// Stores the value in the option's target.
void option_value_store(const struct option *option, const union option_value *value);
