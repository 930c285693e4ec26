// Escaping of JSON strings, RFC 8259 section 7.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JSON_ESCAPED_MAX(len) (6 * (len))

// Writes the inside of a JSON string at `out`, which has room for JSON_ESCAPED_MAX(len) bytes.
//
// Escaped: quotes, backslashes, what a terminal takes for commands (utf8_is_control), and, as Go's
// encoder does, <, >, &. A byte that belongs to no valid UTF-8 sequence becomes \ufffd, so that
// every line is valid JSON whatever the network sent. Returns the end of what was written.
uint8_t *json_escape(uint8_t *out, const uint8_t *bytes, size_t len);
