// A file that may be compressed. Input: a byte that says how much a read gives, the file. It ends,
// with bytes or an error; what is not compressed comes out as it is.
#include "collector/unpack.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define OUTPUT_MAX (1 << 20) // of one input: what is more looks the same

struct source {
    const uint8_t *bytes;
    size_t len;
    size_t step;
};

static ssize_t read_source(void *user, void *out, size_t size)
{
    struct source *source = user;
    size_t len = source->len < size ? source->len : size;
    len = len < source->step ? len : source->step;
    if (len != 0)
        memcpy(out, source->bytes, len);
    source->bytes += len;
    source->len -= len;
    return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[4096];
    if (len == 0)
        return 0;
    struct source source = {.bytes = data + 1, .len = len - 1, .step = (size_t)data[0] + 1};
    bool plain = len < 4 || (data[1] != 0x1f && data[1] != 0x28 && data[1] >> 4 != 5);
    struct unpack *unpack = unpack_new(read_source, &source);
    FUZZ_REQUIRE(unpack != NULL);
    size_t total = 0;
    ssize_t got = 0;
    while (total < OUTPUT_MAX && (got = unpack_take(unpack, out, sizeof out)) > 0) {
        FUZZ_REQUIRE((size_t)got <= sizeof out);
        FUZZ_REQUIRE(!plain || memcmp(out, data + 1 + total, (size_t)got) == 0);
        total += (size_t)got;
    }
    FUZZ_REQUIRE((got < 0) == (unpack_error(unpack) != NULL) || total >= OUTPUT_MAX);
    FUZZ_REQUIRE(!plain || (got == 0 && total == len - 1) || total >= OUTPUT_MAX);
    unpack_free(unpack);
    return 0;
}
