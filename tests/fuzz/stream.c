#include "tests/fuzz/stream.h"

#include "tests/fuzz/fuzz.h"

#define SENDER_LEN 3
#define BEGIN_NS   UINT64_C(1700000000000000000)
#define STEP_NS    UINT64_C(20000000000)

static void run_one(struct decoder *decoder, enum decode_scheme scheme, struct cursor *input,
                    uint64_t *received_ns)
{
    uint8_t sender = cursor_u8(input);
    size_t len = cursor_u16(input);
    if (len > cursor_left(input))
        len = cursor_left(input);
    uint8_t *bytes = fuzz_copy(input->at, len);
    cursor_skip(input, len);
    *received_ns += (sender >> 4) * STEP_NS;
    const struct datagram datagram = {
        .data = bytes,
        .len = len,
        .source = {.bytes = {192, 0, 2, (uint8_t)(sender & 1)}, .len = 4},
        .port = (uint16_t)(2000 + (sender >> 1 & 7)),
        .received_ns = *received_ns};
    decoder_run(decoder, scheme, &datagram);
    free(bytes);
}

void stream_run(struct decoder *decoder, enum decode_scheme scheme, struct cursor *input,
                const struct ledger *ledger)
{
    uint64_t received_ns = BEGIN_NS;
    while (cursor_left(input) >= SENDER_LEN) {
        run_one(decoder, scheme, input, &received_ns);
        FUZZ_REQUIRE(ledger_balanced(ledger));
    }
}
