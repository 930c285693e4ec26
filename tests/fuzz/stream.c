#include "tests/fuzz/stream.h"

#include "tests/fuzz/fuzz.h"

#define HEAD_LEN 3
#define BEGIN_NS UINT64_C(1700000000000000000)
#define STEP_NS  UINT64_C(20000000000)

struct stream stream_over(struct cursor *input)
{
    return (struct stream){.input = input, .datagram = {.received_ns = BEGIN_NS}};
}

bool stream_next(struct stream *stream)
{
    struct cursor *input = stream->input;
    free(stream->bytes);
    stream->bytes = NULL;
    if (cursor_left(input) < HEAD_LEN)
        return false;
    uint8_t sender = cursor_u8(input);
    size_t len = cursor_u16(input);
    if (len > cursor_left(input))
        len = cursor_left(input);
    stream->bytes = fuzz_copy(input->at, len);
    cursor_skip(input, len);
    stream->datagram = (struct datagram){
        .data = stream->bytes,
        .len = len,
        .source = {.bytes = {192, 0, 2, (uint8_t)(sender & 1)}, .len = 4},
        .port = (uint16_t)(2000 + (sender >> 1 & 7)),
        .received_ns = stream->datagram.received_ns + (sender >> 4) * STEP_NS};
    return true;
}
