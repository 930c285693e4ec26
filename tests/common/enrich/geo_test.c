// MaxMind databases: every layout, and files that are cut, changed or not databases at all.
#include "common/enrich/geo.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FILE_MAX 16384

// What the database library keeps of a file that it refuses to open is not ours to free.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libmaxminddb\n";
}

static struct geo geo;
static struct fault fault;
static uint8_t bytes[FILE_MAX];

static void describe(char *out, size_t cap, enum geo_kind kind)
{
    size_t at = 0;
    for (size_t i = 0; i < geo.entry_count; i++) {
        const struct lpm_entry *entry = &geo.entries[i];
        char text[PREFIX_TEXT_MAX];
        uint32_t value = (uint32_t)entry->value;
        struct span name;
        at += (size_t)snprintf(out + at, cap - at, "%s ", prefix_string(text, &entry->prefix));
        if (kind == GEO_ASN)
            at += (size_t)snprintf(out + at, cap - at, "%u ", geo_asn(geo.values, value, &name));
        else
            name.data = intern_get(geo.values, value, &name.len);
        at += (size_t)snprintf(out + at, cap - at, "%.*s\n", (int)name.len,
                               (const char *)name.data);
    }
}

static const char AS_TEXT[] = "192.0.2.0/24 64496 Example Hosting\n"
                              "198.51.100.0/24 64497 Example Mail and Web\n"
                              "203.0.113.0/25 64498 Example Telecom\n"
                              "203.0.113.128/25 64499 Example Mobile\n"
                              "2001:db8:2::/48 64496 Example Hosting\n"
                              "2001:db8:a::/48 64497 Example Mail and Web\n"
                              "2001:db8:b::/48 65550 Example Backbone\n";
static const char COUNTRY_TEXT[] = "192.0.2.0/24 DE\n"
                                   "198.51.100.0/24 US\n"
                                   "203.0.113.0/25 JP\n"
                                   "203.0.113.128/25 BR\n"
                                   "2001:db8:2::/48 DE\n"
                                   "2001:db8:a::/48 US\n"
                                   "2001:db8:b::/48 ZA\n";

// Where only the registry's country is known, that one; never the country that a base represents.
static const char CITY_TEXT[] = "192.0.2.0/24 DE\n"
                                "198.51.100.0/24 US\n"
                                "203.0.113.0/24 DE\n";

static void reads_every_layout(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum geo_kind kind;
        const char *text;
    } cases[] = {
        {FIXTURES "/demo-asn.mmdb", GEO_ASN, AS_TEXT},
        {FIXTURES "/flat-asn.mmdb", GEO_ASN, AS_TEXT},
        {FIXTURES "/demo-country.mmdb", GEO_COUNTRY, COUNTRY_TEXT},
        {FIXTURES "/flat-country.mmdb", GEO_COUNTRY, COUNTRY_TEXT},
        {FIXTURES "/demo-enterprise.mmdb", GEO_ASN, AS_TEXT},
        {FIXTURES "/demo-enterprise.mmdb", GEO_COUNTRY, COUNTRY_TEXT},
        {FIXTURES "/demo-city.mmdb", GEO_COUNTRY, CITY_TEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[2048] = "";
        if (geo_load(&geo, cases[i].kind, cases[i].path, &fault) != 0)
            fail_msg("refused: %s", fault.text);
        describe(out, sizeof out, cases[i].kind);
        assert_string_equal(out, cases[i].text);
        assert_true(geo.built > 1500000000);
        geo_fini(&geo);
    }
}

static size_t read_fixture(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    assert_true(len > 0 && len < sizeof bytes);
    fclose(file);
    return len;
}

static void assert_refused(const char *path, enum geo_kind kind, const char *expected)
{
    assert_int_equal(geo_load(&geo, kind, path, &fault), -1);
    assert_non_null(strstr(fault.text, expected));
    assert_memory_equal(fault.text, path, strlen(path));
    geo_fini(&geo);
}

static void refuses_what_is_no_database(void **state)
{
    (void)state;
    assert_refused("/nowhere/x.mmdb", GEO_ASN, "cannot be opened: No such file");
    assert_refused("/", GEO_ASN, "cannot be read: Is a directory");
    assert_refused(scratch_text(""), GEO_ASN, ": the file is empty");
    assert_refused(scratch_text("hello"), GEO_ASN, ": not a MaxMind database");
    assert_refused(FIXTURES "/demo-country.mmdb", GEO_ASN, ": no record with an AS in it");
    assert_refused(FIXTURES "/demo-asn.mmdb", GEO_COUNTRY, ": no record with a country in it");
    assert_refused(FIXTURES "/demo-city.mmdb", GEO_ASN, ": no record with an AS in it");
}

static void refuses_a_tree_that_loops(void **state)
{
    (void)state;
    size_t len = read_fixture(FIXTURES "/demo-asn.mmdb");
    memset(bytes, 0, 12); // both records of the first two nodes: node 0 (24-bit records)
    assert_refused(scratch_write(bytes, len), GEO_ASN, ": corrupt database: ");
}

// Whatever the bytes are: an answer or a refusal with words, in bounded time, no crash.
static void survives_any_file(const char *path, enum geo_kind kind)
{
    size_t len = read_fixture(path);
    for (size_t cut = 0; cut < len; cut += 7) {
        if (geo_load(&geo, kind, scratch_write(bytes, cut), &fault) != 0)
            assert_true(fault.text[0] != '\0');
        geo_fini(&geo);
    }
    for (size_t at = 0; at < len; at++) {
        static const uint8_t flips[] = {0xff, 0x01, 0x80};
        uint8_t kept = bytes[at];
        bytes[at] ^= flips[at % sizeof flips];
        if (geo_load(&geo, kind, scratch_write(bytes, len), &fault) != 0)
            assert_true(fault.text[0] != '\0');
        geo_fini(&geo);
        bytes[at] = kept;
    }
}

static void survives_cut_and_changed_files(void **state)
{
    (void)state;
    survives_any_file(FIXTURES "/demo-asn.mmdb", GEO_ASN);
    survives_any_file(FIXTURES "/demo-country.mmdb", GEO_COUNTRY);
    survives_any_file(FIXTURES "/flat-asn.mmdb", GEO_ASN);
    survives_any_file(FIXTURES "/demo-enterprise.mmdb", GEO_ASN);
}

static int remove_scratch(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_layout),
        cmocka_unit_test(refuses_what_is_no_database),
        cmocka_unit_test(refuses_a_tree_that_loops),
        cmocka_unit_test(survives_cut_and_changed_files),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
