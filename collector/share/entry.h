// An announcement as an entry of the bucket: its key and its bytes. No state.
#pragma once

#include "collector/decode/decode.h"

#define SHARE_KEY_MAX    96
#define SHARE_HEADER_MAX 48 // of an entry, before the announcement
#define SHARE_ENTRY_MAX  (SHARE_HEADER_MAX + 65535)

// Writes the key: the exporter and the templates, so that a later announcement of the very same
// ones takes its place. False when it is no announcement that could be shared.
bool share_key(const struct datagram *announcement, char key[static SHARE_KEY_MAX]);

// Writes the entry of at most SHARE_ENTRY_MAX bytes; its length. `author` tells the own ones.
size_t share_write(const struct datagram *announcement, uint64_t author, uint8_t *out);

// Reads one; the announcement points into it. False when it is malformed.
bool share_read(const uint8_t *bytes, size_t len, uint64_t *author, struct datagram *announcement);
