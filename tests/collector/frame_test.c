// The UDP datagram inside a captured frame, for every link type, and what is no datagram.
#include "collector/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#define ETHERNET(type)                                                                             \
    "020000000002"                                                                                 \
    "020000000001" type
// 192.0.2.1:4660 -> 192.0.2.2:2055, "hey"
#define UDP_HEADER  "12340807000b0000"
#define IPV4        "4500001f0000000040110000c0000201c0000202" UDP_HEADER "686579"
#define IPV6_SOURCE "20010db8000000000000000000000001"
#define IPV6_TARGET "20010db8000000000000000000000002"
#define IPV6        "60000000000b1140" IPV6_SOURCE IPV6_TARGET UDP_HEADER "686579"

struct bytes {
    uint8_t *data; // of exactly that length, so that a sanitizer sees any read past it
    size_t len;
};

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct bytes bytes_of(const char *hex)
{
    struct bytes out = {.len = strlen(hex) / 2};
    out.data = malloc(out.len == 0 ? 1 : out.len);
    assert_non_null(out.data);
    for (size_t i = 0; i < out.len; i++)
        out.data[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return out;
}

static void found(int link_type, const char *hex, const char *source)
{
    struct bytes frame = bytes_of(hex);
    struct frame_udp udp;
    enum reason why = REASON_COUNT;
    char text[ADDR_TEXT_MAX];
    struct fragment fragment;
    if (frame_read(link_type, frame.data, frame.len, &udp, &fragment, &why) != FRAME_UDP)
        fail_msg("%s: %s", hex, reason_label(why));
    assert_string_equal(addr_string(text, &udp.source), source);
    assert_int_equal(udp.port, 0x1234);
    assert_int_equal(udp.len, 3);
    assert_memory_equal(udp.payload, "hey", 3);
    assert_false(udp.cut);
    free(frame.data);
}

static void missing(int link_type, const char *hex, enum reason wanted)
{
    struct bytes frame = bytes_of(hex);
    struct frame_udp udp;
    enum reason why = REASON_COUNT;
    struct fragment fragment;
    assert_int_equal(frame_read(link_type, frame.data, frame.len, &udp, &fragment, &why),
                     FRAME_OTHER);
    assert_string_equal(reason_label(why), reason_label(wanted));
    free(frame.data);
}

static void in_part(int link_type, const char *hex, uint32_t id, size_t offset, bool more)
{
    struct bytes frame = bytes_of(hex);
    struct frame_udp udp;
    struct fragment fragment;
    enum reason why = REASON_COUNT;
    assert_int_equal(frame_read(link_type, frame.data, frame.len, &udp, &fragment, &why),
                     FRAME_FRAGMENT);
    assert_int_equal(fragment.id, id);
    assert_int_equal(fragment.offset, offset);
    assert_int_equal(fragment.more, more);
    assert_int_equal(fragment.len, 11);
    assert_int_equal(fragment.protocol, 17);
    assert_memory_equal(fragment.bytes + 8, "hey", 3);
    free(frame.data);
}

static void every_link_type(void **state)
{
    (void)state;
    found(DLT_EN10MB, ETHERNET("0800") IPV4, "192.0.2.1");
    found(DLT_EN10MB, ETHERNET("86dd") IPV6, "2001:db8::1");
    found(DLT_EN10MB, ETHERNET("8100") "00140800" IPV4, "192.0.2.1");
    found(DLT_EN10MB, ETHERNET("9200") "0064810000140800" IPV4, "192.0.2.1");
    found(DLT_EN10MB, ETHERNET("88a8") "0064810000140800" IPV4, "192.0.2.1");
    found(DLT_LINUX_SLL, "00000001000602000000000100000800" IPV4, "192.0.2.1");
    found(DLT_LINUX_SLL, "000000010006020000000001000086dd" IPV6, "2001:db8::1");
    found(DLT_LINUX_SLL2, "0800000000000001000100060200000000010000" IPV4, "192.0.2.1");
    found(DLT_RAW, IPV4, "192.0.2.1");
    found(DLT_RAW, IPV6, "2001:db8::1");
    found(DLT_IPV4, IPV4, "192.0.2.1");
    found(DLT_IPV6, IPV6, "2001:db8::1");
    found(DLT_NULL, "02000000" IPV4, "192.0.2.1");
    found(DLT_NULL, "1e000000" IPV6, "2001:db8::1");
    found(DLT_LOOP, "00000002" IPV4, "192.0.2.1");
    assert_true(frame_link_known(DLT_EN10MB));
    assert_false(frame_link_known(DLT_IEEE802_11));
}

static void padding_and_options_are_not_payload(void **state)
{
    (void)state;
    found(DLT_EN10MB, ETHERNET("0800") IPV4 "0000000000000000", "192.0.2.1");
    found(DLT_RAW,
          "460000230000000040110000c0000201c0000202"
          "01010101" UDP_HEADER "686579",
          "192.0.2.1");
    found(DLT_RAW, "450000000000000040110000c0000201c0000202" UDP_HEADER "686579", "192.0.2.1");
}

static void ipv6_extension_headers(void **state)
{
    (void)state;
    found(DLT_RAW,
          "60000000001b0040" IPV6_SOURCE IPV6_TARGET "3c00010400000000"
          "1100010400000000" UDP_HEADER "686579",
          "2001:db8::1");
    found(DLT_RAW,
          "6000000000132c40" IPV6_SOURCE IPV6_TARGET "1100000000000001" UDP_HEADER "686579",
          "2001:db8::1"); // an atomic fragment
    found(DLT_RAW,
          "6000000000173340" IPV6_SOURCE IPV6_TARGET "110100000000000100000001" UDP_HEADER "686579",
          "2001:db8::1");
    missing(DLT_RAW, "60000000000b3b40" IPV6_SOURCE IPV6_TARGET UDP_HEADER "686579",
            REASON_CAPTURE_NOT_UDP);
    missing(DLT_RAW, "60000000000b0040" IPV6_SOURCE IPV6_TARGET "11ff010400000000686579",
            REASON_CAPTURE_NOT_UDP); // longer than the packet
}

static void fragments(void **state)
{
    (void)state;
    in_part(DLT_RAW, "4500001f1234200040110000c0000201c0000202" UDP_HEADER "686579", 0x1234, 0,
            true);
    in_part(DLT_RAW, "4500001f1234000140110000c0000201c0000202" UDP_HEADER "686579", 0x1234, 8,
            false);
    in_part(DLT_EN10MB,
            ETHERNET("0800") "4500001f12345fff40110000c0000201c0000202" UDP_HEADER "686579"
                             "000000",
            0x1234, 65528, false);
    in_part(DLT_RAW,
            "6000000000132c40" IPV6_SOURCE IPV6_TARGET "1100000112345678" UDP_HEADER "686579",
            0x12345678, 0, true);
    in_part(DLT_RAW,
            "60000000001b0040" IPV6_SOURCE IPV6_TARGET "2c00010400000000"
            "1100fff012345678" UDP_HEADER "686579",
            0x12345678, 65520, false);
    missing(DLT_RAW, "450000201234200040110000c0000201c0000202" UDP_HEADER "686579",
            REASON_CAPTURE_SHORT); // less than the whole of it was captured
    missing(DLT_RAW, "4500001f1234200040060000c0000201c0000202" UDP_HEADER "686579",
            REASON_CAPTURE_NOT_UDP);
    missing(DLT_RAW,
            "6000000000132c40" IPV6_SOURCE IPV6_TARGET "0600000112345678" UDP_HEADER "686579",
            REASON_CAPTURE_NOT_UDP);
}

static void what_is_no_datagram(void **state)
{
    (void)state;
    missing(DLT_EN10MB, ETHERNET("0806") "0001", REASON_CAPTURE_NOT_UDP);
    missing(DLT_EN10MB, ETHERNET("0800") IPV6, REASON_CAPTURE_NOT_UDP);
    missing(DLT_RAW, "4500001f0000000040060000c0000201c0000202" UDP_HEADER "686579",
            REASON_CAPTURE_NOT_UDP);
    missing(DLT_RAW, "4400001f0000000040110000c0000201c0000202" UDP_HEADER "686579",
            REASON_CAPTURE_NOT_UDP);
    missing(DLT_RAW,
            "4500001f0000000040110000c0000201c0000202"
            "1234080700070000"
            "686579",
            REASON_CAPTURE_NOT_UDP); // a UDP length below its header's
    missing(DLT_RAW,
            "4500001f0000000040110000c0000201c0000202"
            "12340807000c0000"
            "68657900",
            REASON_CAPTURE_NOT_UDP); // one past the packet's end
}

// The snapshot length cuts: the payload as far as it goes, or a reason, never a read past the end.
static void cut_at_every_byte(void **state)
{
    (void)state;
    static const char *const frames[] = {ETHERNET("0800") IPV4, ETHERNET("8100") "001486dd" IPV6};
    for (size_t f = 0; f < 2; f++) {
        struct bytes whole = bytes_of(frames[f]);
        for (size_t len = 0; len < whole.len; len++) {
            struct bytes part = {.data = malloc(len == 0 ? 1 : len), .len = len};
            struct frame_udp udp;
            struct fragment fragment;
            enum reason why = REASON_COUNT;
            assert_non_null(part.data);
            memcpy(part.data, whole.data, len);
            if (frame_read(DLT_EN10MB, part.data, part.len, &udp, &fragment, &why) == FRAME_UDP) {
                assert_true(udp.cut);
                assert_int_equal(udp.len, len - (whole.len - 3));
            } else {
                assert_int_equal(why, REASON_CAPTURE_SHORT);
                assert_true(len < whole.len - 3);
            }
            free(part.data);
        }
        free(whole.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_link_type),
        cmocka_unit_test(padding_and_options_are_not_payload),
        cmocka_unit_test(ipv6_extension_headers),
        cmocka_unit_test(fragments),
        cmocka_unit_test(what_is_no_datagram),
        cmocka_unit_test(cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
