// -produce raw: several datagrams of one exporter; each message is valid JSON, or a line of text.
//
// The corpus is that of the decoder, and so is the input: see decoder_fuzz.c.
#include "collector/decode/raw/raw.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stream.h"

#include <string.h>

struct run {
    struct ledger ledger;
    enum raw_kind kind;
};

static void ignore(void *user, struct flow *flow)
{
    (void)user;
    (void)flow;
}

static void take(void *user, const struct flow *flow, const char *bytes, size_t len)
{
    struct run *run = user;
    FUZZ_REQUIRE(flow_has(flow, FLOW_TYPE));
    if (run->kind == RAW_JSON)
        FUZZ_REQUIRE(fuzz_is_json((const uint8_t *)bytes, len));
    else
        FUZZ_REQUIRE(len != 0 && memchr(bytes, '\n', len) == NULL);
    run->ledger.flows_delivered++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor input = cursor_over(data, len);
    unsigned settings = cursor_u8(&input);
    struct run run = {.kind = (settings & 128) != 0 ? RAW_TEXT : RAW_JSON};
    const struct decode_options options = {.templates_shared = (settings & 64) != 0,
                                           .hash_seed = 1};
    struct decoder *decoder = decoder_new(&options, &run.ledger, ignore, &run);
    const struct raw_options raw_options = {
        .kind = run.kind, .decoder = decoder, .ledger = &run.ledger, .emit = take, .user = &run};
    FUZZ_REQUIRE(decoder != NULL);
    struct raw *raw = raw_new(&raw_options);
    FUZZ_REQUIRE(raw != NULL);
    struct stream stream = stream_over(&input);
    while (stream_next(&stream)) {
        raw_run(raw, (enum decode_scheme)((settings & 63) % DECODE_SCHEMES), &stream.datagram);
        FUZZ_REQUIRE(ledger_balanced(&run.ledger));
    }
    raw_free(raw);
    decoder_free(decoder);
    return 0;
}
