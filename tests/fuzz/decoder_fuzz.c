// A stream of datagrams through one decoder. Input: a byte of settings, the stream.
#include "collector/decode/decode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stream.h"

static void take(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    if (ledger->flows_delivered++ < FUZZ_FORMATTED_MAX)
        fuzz_format_flow(flow);
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
    struct stream stream = stream_over(&input);
    while (stream_next(&stream)) {
        decoder_run(decoder, (enum decode_scheme)((settings & 63) % DECODE_SCHEMES),
                    &stream.datagram);
        FUZZ_REQUIRE(ledger_balanced(&ledger));
    }
    decoder_free(decoder);
    return 0;
}
