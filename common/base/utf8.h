// UTF-8 (RFC 3629) in text from outside.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The length of the valid sequence at `at`, 1 to 4, or 0 when there is none.
size_t utf8_sequence(const uint8_t *at, size_t left);

// Whether that sequence stands for a character that moves, colours or reorders what a terminal
// shows, or ends a line: U+0000 to U+001F, U+007F to U+009F, and those that govern the direction of
// writing or separate lines (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069).
bool utf8_is_control(const uint8_t *at, size_t sequence);

// Copies text for a line on a terminal: each such character, and each byte of no valid sequence, as
// one question mark. `out` has room for len bytes and may be the text. Returns the length.
size_t utf8_mask(uint8_t *out, const uint8_t *text, size_t len);

// Copies text, each byte of no valid sequence as U+FFFD, cut before the character that would pass
// `cap` bytes. Returns the length.
size_t utf8_clean(uint8_t *out, size_t cap, const uint8_t *text, size_t len);
