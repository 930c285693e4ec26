// UTF-8 (RFC 3629) in text from outside.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The length of the valid sequence at `at`, 1 to 4, or 0 when there is none.
size_t utf8_sequence(const uint8_t *at, size_t left);

// Copies text, each byte of no valid sequence as U+FFFD, cut before the character that would pass
// `cap` bytes. Returns the length.
size_t utf8_clean(uint8_t *out, size_t cap, const uint8_t *text, size_t len);
