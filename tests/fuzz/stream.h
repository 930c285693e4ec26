// Several datagrams of several exporters in one input, so that templates, options and held sets
// meet: for each datagram a byte that says who sends it and when, two bytes of length, its bytes.
//
//   struct stream stream = stream_over(&input);
//   while (stream_next(&stream)) use(&stream.datagram);
#pragma once

#include "collector/decode/decode.h"
#include "common/base/cursor.h"

struct stream {
    struct cursor *input;
    struct datagram datagram; // a copy of exactly its bytes, valid until the next one
    uint8_t *bytes;
};

struct stream stream_over(struct cursor *input);

// False behind the last one, when nothing is left to free.
bool stream_next(struct stream *stream);
