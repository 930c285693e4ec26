// Members of the JSON of -produce raw, and tables of those that a header or a record has.
//
// What is written goes behind a comma unless it is the first of its object or list. Inside raw/
// only.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/buf.h"
#include "common/base/cursor.h"

// How a member stands in the datagram.
enum raw_field_kind {
    RAW_U8,
    RAW_U16,
    RAW_U32,
    RAW_U64,
    RAW_IPV4,    // 4 bytes
    RAW_IPV6,    // 16 bytes
    RAW_ADDRESS, // sFlow's: its type, printed as NAME-ip-version, and the address
    RAW_MAC,     // XDR's: 6 bytes, padded to 8
    RAW_MAC_6,   // 6 bytes
    RAW_STRING,  // XDR's: its length, the bytes and their padding
    RAW_HEADER,  // the same, and its length is a member too: original-length
    RAW_PATH,    // sFlow's AS path: several members
    RAW_NUMBERS, // a count, printed as NAME-length, and that many numbers
};

struct raw_field {
    const char *name;
    enum raw_field_kind kind;
};

// Members in the order of the bytes. The cursor is failed when there are too few of them.
struct raw_layout {
    const struct raw_field *fields;
    size_t count;
};

#define RAW_LAYOUT(array)                                                                          \
    {                                                                                              \
        (array), sizeof(array) / sizeof(array)[0]                                                  \
    }

void raw_item(struct buf *out); // before an item of a list
void raw_open(struct buf *out, const char *name, char bracket);
void raw_number(struct buf *out, const char *name, uint64_t value);
void raw_null(struct buf *out, const char *name);
void raw_bool(struct buf *out, const char *name, bool value);
void raw_base64(struct buf *out, const char *name, const uint8_t *bytes, size_t len);
void raw_fields(struct buf *out, struct cursor *c, const struct raw_layout *layout);

// Takes back all that was written since the buffer was that long.
void raw_undo(struct buf *out, size_t len);
