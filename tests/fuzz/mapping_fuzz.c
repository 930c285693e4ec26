// mapping.yaml, and a stream of datagrams that is decoded and formatted by it. Input: the file, a
// NUL (which no YAML has), the stream.
#include "collector/decode/decode.h"
#include "common/base/log.h"
#include "common/flow/formatter.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stream.h"

#include <string.h>
#include <unistd.h>

struct printer {
    struct ledger ledger;
    struct format *formats[3];
};

static void take(void *user, struct flow *flow)
{
    struct printer *printer = user;
    if (printer->ledger.flows_delivered++ >= FUZZ_FORMATTED_MAX)
        return;
    for (int kind = 0; kind < 3; kind++)
        fuzz_format_flow_as(printer->formats[kind], flow);
    (void)format_key(printer->formats[FORMAT_BIN], flow);
}

static void decode(struct mapping *mapping, const struct formatter *formatter, struct cursor *input)
{
    struct printer printer = {.ledger = {.datagrams_received = 0}};
    const struct decode_options options = {.hash_seed = 1, .mapping = mapping};
    for (int kind = 0; kind < 3; kind++) {
        printer.formats[kind] = format_compile((enum format_kind)kind, FORMAT_CONTEXT, formatter);
        FUZZ_REQUIRE(printer.formats[kind] != NULL);
    }
    struct decoder *decoder = decoder_new(&options, &printer.ledger, take, &printer);
    FUZZ_REQUIRE(decoder != NULL);
    struct stream stream = stream_over(input);
    while (stream_next(&stream)) {
        decoder_run(decoder, DECODE_FLOW, &stream.datagram);
        FUZZ_REQUIRE(ledger_balanced(&printer.ledger));
    }
    decoder_free(decoder);
    for (int kind = 0; kind < 3; kind++)
        format_free(printer.formats[kind]);
}

// The enricher reads the first block alone; what it takes, the collector may still refuse.
static void load(const char *path, struct cursor *input)
{
    struct fault fault = {.text = ""};
    struct mapping *mapping = NULL;
    struct formatter *formatter;
    int result = formatter_load(&formatter, path, FORMAT_CONTEXT, &fault);
    FUZZ_REQUIRE((result == 0) == (fault.text[0] == '\0'));
    FUZZ_REQUIRE(result != 0 || formatter != NULL);
    if (formatter != NULL) { // what there is of it serves for looking at the rest
        struct fault rest = {.text = ""};
        mapping = mapping_load(path, formatter, &rest);
        FUZZ_REQUIRE((mapping == NULL) == (rest.text[0] != '\0'));
        FUZZ_REQUIRE(strchr(rest.text, '\n') == NULL);
    }
    if (result != 0) {
        mapping_unref(mapping);
        mapping = NULL;
    }
    FUZZ_REQUIRE(strchr(fault.text, '\n') == NULL);
    if (mapping != NULL)
        decode(mapping, formatter, input);
    mapping_unref(mapping);
    formatter_free(formatter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t none[] = {0};
    char path[FUZZ_PATH_MAX];
    const uint8_t *end = len == 0 ? NULL : memchr(data, 0, len);
    size_t text_len = end == NULL ? len : (size_t)(end - data);
    struct cursor input = end == NULL ? cursor_over(none, 0)
                                      : cursor_over(end + 1, len - text_len - 1);
    log_setup(FUZZ_LOG_NOTHING, false); // files are full of things to warn of
    int fd = fuzz_file(data, text_len, path);
    load(path, &input);
    close(fd);
    return 0;
}
