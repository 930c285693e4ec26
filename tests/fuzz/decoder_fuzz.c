// A stream of datagrams through one decoder, beside one that writes straight to the wire what it
// can. Input: a byte of settings, the stream.
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stream.h"
#include "tests/support/twin.h"

static unsigned formatted;

static void look(const struct flow *flow)
{
    if (formatted++ < FUZZ_FORMATTED_MAX)
        fuzz_format_flow(flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor input = cursor_over(data, len);
    unsigned settings = cursor_u8(&input);
    struct decode_options options = {.templates_shared = (settings & 64) != 0, .hash_seed = 1};
    if ((settings & 128) != 0)
        options.hold = (struct hold_limits){4096, 8192, UINT64_C(300000000000)};
    static struct twin twin;
    formatted = 0;
    twin_init(&twin, &options);
    twin.whole.look = look;
    struct stream stream = stream_over(&input);
    while (stream_next(&stream)) {
        twin_run(&twin, (enum decode_scheme)((settings & 63) % DECODE_SCHEMES), &stream.datagram);
        FUZZ_REQUIRE(ledger_balanced(&twin.whole.ledger));
    }
    twin_fini(&twin);
    return 0;
}
