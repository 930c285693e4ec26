// Values as text, the way goflow2 prints them.
#include "common/flow/render.h"

#include "common/base/addr.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_text(const uint8_t *out, const uint8_t *end, const char *expected)
{
    assert_int_equal(end - out, strlen(expected));
    assert_memory_equal(out, expected, strlen(expected));
}

static void check_number(uint64_t value)
{
    uint8_t out[RENDER_NUM_MAX];
    char expected[32];
    snprintf(expected, sizeof expected, "%" PRIu64, value);
    assert_text(out, render_num(out, value), expected);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++, power *= 10) {
        check_number(power - 1);
        check_number(power);
        check_number(power + 1);
    }
    check_number(UINT64_MAX);
    for (uint64_t value = 0; value < 100000; value++)
        check_number(value);
    for (int shift = 0; shift < 64; shift++)
        check_number(UINT64_MAX >> shift);
}

static void hardware_addresses(void **state)
{
    (void)state;
    uint8_t out[RENDER_MAC_MAX];
    assert_text(out, render_mac(out, 0x0200000000aa), "02:00:00:00:00:aa");
    assert_text(out, render_mac(out, 0), "00:00:00:00:00:00");
    assert_text(out, render_mac(out, UINT64_MAX), "ff:ff:ff:ff:ff:ff");
}

static void check_ip(const char *address, const char *expected)
{
    uint8_t out[RENDER_IP_MAX];
    uint8_t bytes[16];
    bool six = strchr(address, ':') != NULL;
    assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, address, bytes), 1);
    assert_text(out, render_ip(out, (struct span){bytes, six ? 16 : 4}), expected);
}

static void addresses(void **state)
{
    (void)state;
    check_ip("0.0.0.0", "0.0.0.0");
    check_ip("255.255.255.255", "255.255.255.255");
    check_ip("10.0.99.100", "10.0.99.100");
    check_ip("::", "::");
    check_ip("::1", "::1");
    check_ip("1::", "1::");
    check_ip("2001:db8::1", "2001:db8::1");
    check_ip("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"); // one zero group stays
    check_ip("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");          // the longest run
    check_ip("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");    // the first of equal runs
    check_ip("::ffff:1.2.3.4", "::ffff:1.2.3.4");
    check_ip("::1.2.3.4", "::102:304");
    check_ip("FD00:0:0:0:0:0:0:00AB", "fd00::ab");
    uint8_t out[RENDER_IP_MAX];
    assert_text(out, render_ip(out, (struct span){out, 0}), "");
    assert_text(out, render_ip(out, (struct span){out, 5}), "");
}

// RFC 5952's rules are glibc's as well, but for the two forms with a dotted quad.
static void addresses_like_the_c_library(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 50000; round++) {
        uint8_t bytes[16] = {0x20};
        for (int i = 1; i < 16; i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            bytes[i] = seed >> 61 < 5 ? 0 : (uint8_t)(seed >> 40);
        }
        char expected[INET6_ADDRSTRLEN];
        uint8_t out[RENDER_IP_MAX];
        assert_non_null(inet_ntop(AF_INET6, bytes, expected, sizeof expected));
        assert_text(out, render_ip(out, (struct span){bytes, 16}), expected);
    }
}

static void networks(void **state)
{
    (void)state;
    static const uint8_t four[] = {10, 1, 2, 3};
    static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff};
    const struct span v4 = {four, 4};
    const struct span v6 = {six, 16};
    uint8_t out[RENDER_PREFIX_MAX];
    assert_text(out, render_prefix(out, v4, 0), "0.0.0.0/0");
    assert_text(out, render_prefix(out, v4, 8), "10.0.0.0/8");
    assert_text(out, render_prefix(out, v4, 31), "10.1.2.2/31");
    assert_text(out, render_prefix(out, v4, 32), "10.1.2.3/32");
    assert_text(out, render_prefix(out, v4, 33), "invalid Prefix");
    assert_text(out, render_prefix(out, v4, UINT64_MAX), "invalid Prefix");
    assert_text(out, render_prefix(out, v6, 0), "::/0");
    assert_text(out, render_prefix(out, v6, 33), "2001:db8:8000::/33");
    assert_text(out, render_prefix(out, v6, 128), "2001:db8:ffff::/128");
    assert_text(out, render_prefix(out, v6, 129), "invalid Prefix");
    assert_text(out, render_prefix(out, (struct span){four, 0}, 24), "");
}

static void check_name(const char *(*name_of)(uint64_t, size_t *), uint64_t value,
                       const char *expected)
{
    size_t len = 0;
    const char *name = name_of(value, &len);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(name, expected, len);
}

static void names(void **state)
{
    (void)state;
    check_name(render_etype_name, 0x0800, "IPv4");
    check_name(render_etype_name, 0x86dd, "IPv6");
    check_name(render_etype_name, 0x0806, "ARP");
    check_name(render_etype_name, 0x88cc, "");
    check_name(render_proto_name, 0, "HOPOPT");
    check_name(render_proto_name, 6, "TCP");
    check_name(render_proto_name, 58, "IPv6-ICMP");
    check_name(render_proto_name, 124, "ISIS over IPv4");
    check_name(render_proto_name, 200, "unassigned");
    check_name(render_proto_name, 254, "experimental");
    check_name(render_proto_name, 255, "reserved");
    check_name(render_proto_name, 256, "unknown");
    for (uint64_t proto = 0; proto < 256; proto++) {
        size_t len = 0;
        assert_non_null(render_proto_name(proto, &len));
        assert_in_range(len, 1, RENDER_NAME_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),   cmocka_unit_test(hardware_addresses),
        cmocka_unit_test(addresses), cmocka_unit_test(addresses_like_the_c_library),
        cmocka_unit_test(networks),  cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
