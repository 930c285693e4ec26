// -produce raw: several datagrams of one exporter; each message is valid JSON, or a line of text.
//
// The corpus is that of the decoder, and so is the input: see decoder_fuzz.c.
#include "collector/decode/raw.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define SENDER_LEN 3

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

static void send(struct raw *raw, unsigned settings, struct cursor *input)
{
    uint8_t sender = cursor_u8(input);
    size_t len = cursor_u16(input);
    if (len > cursor_left(input))
        len = cursor_left(input);
    uint8_t *bytes = fuzz_copy(input->at, len);
    cursor_skip(input, len);
    const struct datagram datagram = {
        .data = bytes,
        .len = len,
        .source = {.bytes = {192, 0, 2, (uint8_t)(sender & 1)}, .len = 4},
        .port = (uint16_t)(2000 + (sender >> 1 & 7)),
        .received_ns = UINT64_C(1700000000000000000)};
    raw_run(raw, (enum decode_scheme)(settings % 3), &datagram);
    free(bytes);
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
    while (cursor_left(&input) >= SENDER_LEN) {
        send(raw, settings & 63, &input);
        FUZZ_REQUIRE(ledger_balanced(&run.ledger));
    }
    raw_free(raw);
    decoder_free(decoder);
    return 0;
}
