// A protobuf message body read as a flow, written again in every format, and read back: the second
// writing equals the first.
#include "common/flow/wire.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void fields(const uint8_t *bytes, size_t len)
{
    struct cursor body = cursor_over(bytes, len);
    struct wire_field field;
    size_t left = cursor_left(&body);
    while (wire_next(&body, &field) == 1) {
        FUZZ_REQUIRE(cursor_left(&body) < left && field.at < field.end);
        left = cursor_left(&body);
    }
}

static uint8_t *write_flow(const struct flow *flow, size_t *head, size_t *body)
{
    size_t bound = wire_bound(flow);
    uint8_t *out = malloc(bound);
    FUZZ_REQUIRE(out != NULL);
    size_t len = (size_t)(wire_write(out, flow) - out);
    FUZZ_REQUIRE(len <= bound);
    FUZZ_REQUIRE(wire_frame(out, len, head, body) == WIRE_FRAME && *head + *body == len);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct flow flow;
    static struct flow again;
    size_t head;
    size_t body;
    (void)wire_frame(data, len, &head, &body);
    uint8_t *bytes = fuzz_copy(data, len);
    fields(bytes, len);
    if (wire_read(&flow, bytes, len) == 0) {
        fuzz_format_flow(&flow);
        uint8_t *first = write_flow(&flow, &head, &body);
        size_t first_len = head + body;
        FUZZ_REQUIRE(wire_read(&again, first + head, body) == 0);
        uint8_t *second = write_flow(&again, &head, &body);
        FUZZ_REQUIRE(head + body == first_len && memcmp(first, second, first_len) == 0);
        free(first);
        free(second);
    }
    free(bytes);
    return 0;
}
