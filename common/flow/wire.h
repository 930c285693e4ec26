// Flows as protobuf bytes, and back: varint length, then the fields of proto/flow.proto.
// https://protobuf.dev/programming-guides/encoding
#pragma once

#include "common/flow/flow.h"

// The bytes that a flow needs at most in wire_write, length prefix included.
size_t wire_bound(const struct flow *flow);

// Writes the flow, length-prefixed, fields in ascending order, zeros left out: byte for byte what a
// canonical proto3 encoder gives. Custom values stand behind them in their order, one by one. `out`
// has room for wire_bound(flow) bytes. Returns the end.
uint8_t *wire_write(uint8_t *out, const struct flow *flow);

enum wire_frame {
    WIRE_FRAME = 1,    // a whole frame was found
    WIRE_MORE = 0,     // the frame goes on past the bytes given
    WIRE_INVALID = -1, // the length is over-long or larger than WIRE_FRAME_MAX
};

// The largest body accepted; goflow2's reader has the same limit (4 MiB).
#define WIRE_FRAME_MAX (4u << 20)

// Looks at the frame that starts at `in`: *head is the size of its length prefix, *body the length
// of what follows.
enum wire_frame wire_frame(const uint8_t *in, size_t len, size_t *head, size_t *body);

// Fills `flow` (reset first) from one message body. Known fields are taken in any order, the last
// one wins; what is unknown, or of another wire type, becomes a custom value. Spans point into
// `body`. 0, or -1 when it is not protobuf.
int wire_read(struct flow *flow, const uint8_t *body, size_t len);

// One field of a message body, as it lies there.
struct wire_field {
    uint32_t number;
    uint32_t type;     // 0 varint, 1 64-bit, 2 length-delimited, 5 32-bit
    const uint8_t *at; // the tag
    const uint8_t *end;
    uint64_t value;    // of a varint; the bits of a 32-bit or 64-bit field
    struct span bytes; // of a length-delimited field
};

// Takes the next field: 1, 0 at the end, -1 when the body is not protobuf.
int wire_next(struct cursor *body, struct wire_field *field);

// Whether those bytes are the body of a flow, as far as one can tell: protobuf, known fields have
// their types, and there is one of them. Of the beginning of a body (`whole` is false) what is
// there is looked at.
bool wire_is_flow(const uint8_t *body, size_t len, bool whole);

// Pieces of encoding for who appends fields to a frame. Each returns the end of what it wrote.
#define WIRE_VARINT_MAX 10
uint8_t *wire_put_varint(uint8_t *out, uint64_t value);
uint8_t *wire_put_num(uint8_t *out, enum flow_field id, uint64_t value);
uint8_t *wire_put_bytes(uint8_t *out, enum flow_field id, const void *data, size_t len);
size_t wire_varint_len(uint64_t value);

// Writes one map<string, string> entry (the inside of a *_context item), at most
// len(key) + len(value) + 12 bytes; and reads one back. 0, or -1 when it is not an entry.
uint8_t *wire_put_entry(uint8_t *out, struct span key, struct span value);
int wire_entry(struct span entry, struct span *key, struct span *value);
