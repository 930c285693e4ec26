// Values as text, the way goflow2 prints them.
#include "common/flow/render.h"

#include "common/base/addr.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

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

static void bytes_as_digits(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0xff, 0x1a};
    uint8_t out[6];
    assert_text(out, render_hex(out, (struct span){bytes, 3}), "00ff1a");
    assert_text(out, render_hex(out, (struct span){NULL, 0}), "");
}

static void times(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        uint32_t nanoseconds;
        const char *text;
    } cases[] = {
        {0, 0, "1970-01-01T00:00:00Z"},
        {1700000000, 123456789, "2023-11-14T22:13:20.123456789Z"},
        {1700000000, 100000000, "2023-11-14T22:13:20.1Z"},
        {-1, 1, "1969-12-31T23:59:59.000000001Z"},
        {951782400, 0, "2000-02-29T00:00:00Z"},
        {4107542400, 0, "2100-03-01T00:00:00Z"},
        {253402300800, 0, "10000-01-01T00:00:00Z"},
        {-62167219200, 0, "0000-01-01T00:00:00Z"},
        {-62167219201, 0, "-0001-12-31T23:59:59Z"},
        {INT64_MAX, 999999999, "292277026596-12-04T15:30:07.999999999Z"},
        {INT64_MIN, 0, "-292277022657-01-27T08:29:52Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[RENDER_TIME_MAX];
        assert_text(out, render_time(out, cases[i].seconds, cases[i].nanoseconds), cases[i].text);
    }
}

static void times_like_the_c_library(void **state)
{
    (void)state;
    for (int64_t seconds = -20000000000; seconds < 20000000000; seconds += 86400 * 13 + 4567) {
        uint8_t out[RENDER_TIME_MAX];
        char expected[64];
        struct tm tm;
        time_t t = (time_t)seconds;
        gmtime_r(&t, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &tm);
        assert_text(out, render_time(out, seconds, 0), expected);
    }
}

static void floats_read_back_as_they_were(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},       {1, "1"},        {-0.5, "-0.5"},           {1e300, "1e+300"},
        {0.1, "0.1"},   {1e21, "1e+21"}, {123456789, "123456789"}, {1.0 / 3, "0.3333333333333333"},
        {INFINITY, ""}, {NAN, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[RENDER_FLOAT_MAX];
        assert_text(out, render_float(out, cases[i].value), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(hardware_addresses),
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_like_the_c_library),
        cmocka_unit_test(networks),
        cmocka_unit_test(names),
        cmocka_unit_test(bytes_as_digits),
        cmocka_unit_test(times),
        cmocka_unit_test(times_like_the_c_library),
        cmocka_unit_test(floats_read_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
