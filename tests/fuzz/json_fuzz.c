// Any bytes escaped as the inside of a JSON string.
#include "common/base/json.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *bytes = fuzz_copy(data, len);
    uint8_t *out = malloc(JSON_ESCAPED_MAX(len) + 2);
    FUZZ_REQUIRE(out != NULL);
    uint8_t *end = json_escape(out + 1, bytes, len);
    FUZZ_REQUIRE((size_t)(end - out - 1) <= JSON_ESCAPED_MAX(len));
    out[0] = *end = '"';
    FUZZ_REQUIRE(fuzz_is_json(out, (size_t)(end - out) + 1));
    free(out);
    free(bytes);
    return 0;
}
