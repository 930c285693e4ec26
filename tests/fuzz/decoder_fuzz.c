// Several datagrams of several exporters through one decoder, so that templates, options and held
// sets meet.
//
// Input: a byte of settings; then for each datagram a byte that says who sends it and when, two
// bytes of length, its bytes.
#include "collector/decode/decode.h"
#include "tests/fuzz/fuzz.h"

#define SENDER_LEN    3
#define FORMATTED_MAX 32 // flows of one input that are formatted: the rest looks the same

static void take(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    if (ledger->flows_delivered++ < FORMATTED_MAX)
        fuzz_format_flow(flow);
}

static void run(struct decoder *decoder, unsigned settings, struct cursor *input,
                uint64_t *received_ns)
{
    uint8_t sender = cursor_u8(input);
    size_t len = cursor_u16(input);
    if (len > cursor_left(input))
        len = cursor_left(input);
    uint8_t *bytes = fuzz_copy(input->at, len);
    cursor_skip(input, len);
    *received_ns += (uint64_t)(sender >> 4) * 20 * 1000000000;
    const struct datagram datagram = {
        .data = bytes,
        .len = len,
        .source = {.bytes = {192, 0, 2, (uint8_t)(sender & 1)}, .len = 4},
        .port = (uint16_t)(2000 + (sender >> 1 & 7)),
        .received_ns = *received_ns};
    decoder_run(decoder, (enum decode_scheme)(settings % 3), &datagram);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor input = cursor_over(data, len);
    unsigned settings = cursor_u8(&input);
    struct ledger ledger = {.datagrams_received = 0};
    struct decode_options options = {.templates_shared = (settings & 64) != 0, .hash_seed = 1};
    if ((settings & 128) != 0)
        options.hold = (struct hold_limits){4096, 8192, UINT64_C(300000000000)};
    struct decoder *decoder = decoder_new(&options, &ledger, take, &ledger);
    FUZZ_REQUIRE(decoder != NULL);
    uint64_t received_ns = UINT64_C(1700000000000000000);
    while (cursor_left(&input) >= SENDER_LEN) {
        run(decoder, settings & 63, &input, &received_ns);
        FUZZ_REQUIRE(ledger_balanced(&ledger));
    }
    decoder_free(decoder);
    return 0;
}
