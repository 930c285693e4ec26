// A captured frame, of each link type that is read. Input: a byte that says which, the frame.
#include "collector/frame.h"
#include "tests/fuzz/fuzz.h"

static bool is_within(const uint8_t *bytes, size_t len, const uint8_t *part, size_t part_len)
{
    return part_len == 0 || (part >= bytes && part_len <= len && part + part_len <= bytes + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || !frame_link_known(data[0]))
        return 0;
    uint8_t *bytes = fuzz_copy(data + 1, len - 1);
    struct frame_udp udp;
    struct fragment fragment;
    enum reason why;
    switch (frame_read(data[0], bytes, len - 1, &udp, &fragment, &why)) {
    case FRAME_UDP:
        FUZZ_REQUIRE(udp.source.len == 4 || udp.source.len == 16);
        FUZZ_REQUIRE(is_within(bytes, len - 1, udp.payload, udp.len));
        break;
    case FRAME_FRAGMENT:
        FUZZ_REQUIRE(fragment.version == 4 || fragment.version == 6);
        FUZZ_REQUIRE(is_within(bytes, len - 1, fragment.bytes, fragment.len));
        FUZZ_REQUIRE(fragment.offset % 8 == 0 && fragment.offset <= 0xffff);
        break;
    case FRAME_OTHER:
        FUZZ_REQUIRE(why == REASON_CAPTURE_NOT_UDP || why == REASON_CAPTURE_SHORT);
        break;
    }
    free(bytes);
    return 0;
}
