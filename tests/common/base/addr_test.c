// Addresses and prefixes: parsing, masks, texts.
#include "common/base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct addr addr(const char *text)
{
    struct addr out;
    assert_int_equal(addr_parse(&out, text), 0);
    return out;
}

static struct prefix prefix(const char *text)
{
    struct prefix out;
    assert_int_equal(prefix_parse(&out, text), PREFIX_OK);
    return out;
}

static void addresses_are_read_and_written(void **state)
{
    (void)state;
    static const char *const texts[] = {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1",
                                        "::ffff:192.0.2.1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char out[ADDR_TEXT_MAX];
        struct addr a = addr(texts[i]);
        assert_string_equal(addr_string(out, &a), texts[i]);
    }
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "1.2.3", "1.2.3.256", "1.2.3.4 ",
                                        ":::", "g::",   "01.2.3.4",  "fe80::1%eth0"};
    struct addr out;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(addr_parse(&out, texts[i]), -1);
}

static void mapped_addresses_become_ipv4(void **state)
{
    (void)state;
    struct addr mapped = addr("::ffff:192.0.2.1");
    struct addr plain = addr("192.0.2.1");
    struct addr made = addr_of(mapped.bytes, mapped.len);
    assert_true(addr_equal(&made, &plain));
    assert_false(addr_equal(&mapped, &plain));
    assert_int_equal(addr_of(mapped.bytes, 5).len, 0);
    assert_int_equal(addr_of(mapped.bytes, 0).len, 0);
}

static void prefixes_are_read(void **state)
{
    (void)state;
    char out[PREFIX_TEXT_MAX];
    struct prefix p = prefix("10.1.2.3/8");
    struct prefix masked = prefix_mask(&p);
    assert_string_equal(prefix_string(out, &p), "10.1.2.3/8");
    assert_string_equal(prefix_string(out, &masked), "10.0.0.0/8");
    p = prefix("2001:db8:ffff::/33");
    masked = prefix_mask(&p);
    assert_string_equal(prefix_string(out, &masked), "2001:db8:8000::/33");
    p = prefix("::1/128");
    masked = prefix_mask(&p);
    assert_string_equal(prefix_string(out, &masked), "::1/128");
    p = prefix("255.255.255.255/0");
    masked = prefix_mask(&p);
    assert_string_equal(prefix_string(out, &masked), "0.0.0.0/0");
}

static void bad_prefixes_are_told_apart(void **state)
{
    (void)state;
    struct prefix out;
    assert_int_equal(prefix_parse(&out, "10.0.0.0"), PREFIX_NO_SLASH);
    assert_int_equal(prefix_parse(&out, "10.0.0/8"), PREFIX_BAD_ADDRESS);
    assert_int_equal(prefix_parse(&out, "10.0.0.0/33"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out, "::/129"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out, "10.0.0.0/"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out, "10.0.0.0/08"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out, "10.0.0.0/-1"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out, "10.0.0.0/8/8"), PREFIX_BAD_BITS);
    assert_int_equal(prefix_parse(&out,
                                  "10000000000000000000000000000000000000000000000000000000000000"
                                  "000000.0.0.0/8"),
                     PREFIX_BAD_ADDRESS);
}

static void prefixes_contain(void **state)
{
    (void)state;
    struct prefix ten = prefix("10.0.0.0/8");
    struct prefix all = prefix("0.0.0.0/0");
    struct addr inside = addr("10.255.0.1");
    struct addr outside = addr("11.0.0.1");
    struct addr six = addr("::10.0.0.1");
    assert_true(prefix_contains(&ten, &inside));
    assert_false(prefix_contains(&ten, &outside));
    assert_false(prefix_contains(&all, &six));
    assert_true(prefix_contains(&all, &outside));
}

// At every length, an address that differs from the prefix in one bit alone.
static void a_prefix_contains_what_differs_behind_it(void **state)
{
    (void)state;
    for (uint8_t len = 4; len <= 16; len = (uint8_t)(len + 12)) {
        for (unsigned bits = 0; bits <= len * 8u; bits++) {
            struct prefix prefix = {.addr = {.bytes = {0xa5, 0x5a, 0xff, 1}, .len = len},
                                    .bits = (uint8_t)bits};
            for (unsigned bit = 0; bit < len * 8u; bit++) {
                struct addr addr = prefix.addr;
                addr.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
                assert_int_equal(prefix_contains(&prefix, &addr), bit >= bits);
            }
            assert_true(prefix_contains(&prefix, &prefix.addr));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(mapped_addresses_become_ipv4),
        cmocka_unit_test(prefixes_are_read),
        cmocka_unit_test(bad_prefixes_are_told_apart),
        cmocka_unit_test(prefixes_contain),
        cmocka_unit_test(a_prefix_contains_what_differs_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
