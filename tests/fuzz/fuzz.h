// What the fuzz targets share. Each target is one LLVMFuzzerTestOneInput: linked with libFuzzer
// when configured with -DFUZZ=ON, else with replay.c, which runs it over its corpus.
#pragma once

#include "common/flow/format.h"
#include "tests/support/require.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_LOG_NOTHING   100 // for log_setup: above every level
#define FUZZ_FORMATTED_MAX 32  // flows of one input that are formatted: the rest looks the same

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FUZZ_REQUIRE REQUIRE

// A copy of exactly these bytes, so that a sanitizer sees what reads past them.
uint8_t *fuzz_copy(const uint8_t *data, size_t len);

// Writes the flow in every format: each stays within its bound, JSON is one valid object in valid
// UTF-8 on one line, text is one line. Every format there is, or the one given.
void fuzz_format_flow(const struct flow *flow);
void fuzz_format_flow_as(const struct format *format, const struct flow *flow);

// Whether these bytes are one JSON value (RFC 8259) in valid UTF-8 without a line break.
bool fuzz_is_json(const uint8_t *text, size_t len);

// A file in memory with these bytes, and its path, of FUZZ_PATH_MAX bytes. Returns the descriptor.
#define FUZZ_PATH_MAX 64
int fuzz_file(const uint8_t *data, size_t len, char path[static FUZZ_PATH_MAX]);
