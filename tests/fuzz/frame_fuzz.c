// A captured frame, of each link type that is read. Input: a byte that says which, the frame.
#include "collector/frame.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || !frame_link_known(data[0]))
        return 0;
    uint8_t *bytes = fuzz_copy(data + 1, len - 1);
    struct frame_udp udp;
    enum reason why;
    if (frame_udp(&udp, data[0], bytes, len - 1, &why)) {
        FUZZ_REQUIRE(udp.source.len == 4 || udp.source.len == 16);
        FUZZ_REQUIRE(udp.len == 0 || (udp.payload >= bytes && udp.len <= len - 1 &&
                                      udp.payload + udp.len <= bytes + len - 1));
    } else {
        FUZZ_REQUIRE(why == REASON_CAPTURE_NOT_UDP || why == REASON_CAPTURE_FRAGMENT ||
                     why == REASON_CAPTURE_SHORT);
    }
    free(bytes);
    return 0;
}
