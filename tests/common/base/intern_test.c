// Interned bytes, nearest names and UTF-8.
#include "common/base/intern.h"
#include "common/base/nearest.h"
#include "common/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT 20000

static void numbers_equal_bytes_once(void **state)
{
    (void)state;
    struct intern *intern = intern_new();
    assert_non_null(intern);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < COUNT; i++) {
            char text[64];
            int len = snprintf(text, sizeof text, "%u-%0*u", i, (int)(i % 40), 0);
            assert_int_equal(intern_put(intern, text, (size_t)len), i + 1);
        }
    assert_int_equal(intern_count(intern), COUNT);
    intern_freeze(intern);
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[64];
        size_t len;
        int expected = snprintf(text, sizeof text, "%u-%0*u", i, (int)(i % 40), 0);
        const void *bytes = intern_get(intern, i + 1, &len);
        assert_int_equal(len, expected);
        assert_memory_equal(bytes, text, len);
    }
    intern_free(intern);
    intern_free(NULL);
}

static void numbers_bytes_that_begin_alike(void **state)
{
    (void)state;
    static const char zeros[9];
    struct intern *intern = intern_new();
    for (uint32_t len = 0; len <= sizeof zeros; len++)
        assert_int_equal(intern_put(intern, zeros, len), len + 1);
    intern_free(intern);
}

static const char *nearest_of(const char *text)
{
    static const char *const names[] = {"name", "cidr", "cidrs", "context"};
    struct nearest nearest = {.text = text};
    for (size_t i = 0; i < 4; i++)
        nearest_offer(&nearest, names[i]);
    return nearest.name == NULL ? "" : nearest.name;
}

static void finds_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(nearest_of("nmae"), "name");
    assert_string_equal(nearest_of("Cidr"), "cidr");
    assert_string_equal(nearest_of("cidr5"), "cidr");
    assert_string_equal(nearest_of("cidrss"), "cidrs");
    assert_string_equal(nearest_of("contexts"), "context");
    assert_string_equal(nearest_of("colour"), "");
    assert_string_equal(nearest_of(""), "");
    char longest[200];
    memset(longest, 'c', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(nearest_of(longest), "");
}

static void assert_cleans(const char *text, size_t cap, const char *expected)
{
    uint8_t out[64];
    size_t len = utf8_clean(out, cap, (const uint8_t *)text, strlen(text));
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
}

static void cleans_text(void **state)
{
    (void)state;
    assert_cleans("plain", 64, "plain");
    assert_cleans("plain", 3, "pla");
    assert_cleans("caf\xc3\xa9", 64, "caf\xc3\xa9");
    assert_cleans("caf\xc3\xa9", 4, "caf");
    assert_cleans("caf\xe9!", 64, "caf\xef\xbf\xbd!");
    assert_cleans("\xf0\x9f\x98\x80", 64, "\xf0\x9f\x98\x80");
    assert_cleans("\xc0\xaf", 64, "\xef\xbf\xbd\xef\xbf\xbd");                 // over-long
    assert_cleans("\xed\xa0\x80", 64, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); // surrogate
    assert_cleans("\xf4\x90\x80\x80", 3, "\xef\xbf\xbd");                      // past U+10FFFF
    assert_cleans("\xe2\x82", 64, "\xef\xbf\xbd\xef\xbf\xbd");                 // cut
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_equal_bytes_once),
        cmocka_unit_test(numbers_bytes_that_begin_alike),
        cmocka_unit_test(finds_the_nearest_name),
        cmocka_unit_test(cleans_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
