// An entry of the bucket that collectors share templates through: refused, or borrowed before a
// stream of datagrams. Input: two bytes of length, the entry, the stream.
#include "collector/share/entry.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stream.h"

#include <string.h>

static void take(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    if (ledger->flows_delivered++ < FUZZ_FORMATTED_MAX)
        fuzz_format_flow(flow);
}

// What was read is written as it was; what has a key has one that the server takes.
static void write_again(const struct datagram *announcement, uint64_t author, const uint8_t *bytes,
                        size_t len)
{
    static const char valid[] = "0123456789abcdef.";
    char key[SHARE_KEY_MAX];
    uint8_t *out = malloc(SHARE_HEADER_MAX + announcement->len);
    FUZZ_REQUIRE(out != NULL);
    size_t out_len = share_write(announcement, author, out);
    FUZZ_REQUIRE(out_len == len);
    if (announcement->source.len == sizeof announcement->source.bytes)
        FUZZ_REQUIRE(memcmp(out, bytes, len) == 0);
    if (share_key(announcement, key))
        FUZZ_REQUIRE(strlen(key) == strspn(key, valid) && strstr(key, "..") == NULL);
    free(out);
}

static void borrow(struct decoder *decoder, const struct ledger *ledger, const uint8_t *bytes,
                   size_t len)
{
    uint64_t author;
    struct datagram announcement = {.len = 0};
    if (!share_read(bytes, len, &author, &announcement))
        return;
    FUZZ_REQUIRE(announcement.data + announcement.len == bytes + len);
    decoder_borrow(decoder, &announcement);
    FUZZ_REQUIRE(ledger->datagrams_received == 0 && ledger->flows_delivered == 0);
    write_again(&announcement, author, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ledger ledger = {.datagrams_received = 0};
    const struct decode_options options = {.hash_seed = 1,
                                           .hold = {4096, 8192, UINT64_C(300000000000)}};
    struct cursor input = cursor_over(data, len);
    struct decoder *decoder = decoder_new(&options, &ledger, take, &ledger);
    FUZZ_REQUIRE(decoder != NULL);
    size_t entry_len = cursor_u16(&input);
    if (entry_len > cursor_left(&input))
        entry_len = cursor_left(&input);
    uint8_t *entry = fuzz_copy(input.at, entry_len);
    cursor_skip(&input, entry_len);
    borrow(decoder, &ledger, entry, entry_len);
    free(entry);
    struct stream stream = stream_over(&input);
    while (stream_next(&stream)) {
        decoder_run(decoder, DECODE_FLOW, &stream.datagram);
        FUZZ_REQUIRE(ledger_balanced(&ledger));
    }
    decoder_free(decoder);
    return 0;
}
