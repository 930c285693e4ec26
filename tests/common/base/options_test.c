// The flag parser follows Go's flag package: these cases are its rules, and ours for bad input.
#include "common/base/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct values {
    const char *format;
    const char *listen;
    bool quick;
    int64_t rate;
    uint64_t size;
    int64_t drain_ns;
    int rest;
    char message[1024];
};

// Parses the arguments and keeps what was written to stderr.
static enum options_result parse(struct values *v, int argc, char *const argv[])
{
    const struct option options[] = {
        {"format", OPTION_STRING, &v->format, "one of `name`: bin, json", "Output"},
        {"listen", OPTION_STRING, &v->listen, "where to listen\nand how", "Input"},
        {"quick", OPTION_BOOL, &v->quick, "hurry", NULL},
        {"rate", OPTION_INT, &v->rate, "rate", NULL},
        {"transport.file.buffer", OPTION_BYTES, &v->size, "buffer", NULL},
        {"drain", OPTION_DURATION_NS, &v->drain_ns, "drain", NULL},
    };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    enum options_result result = options_parse(options, COUNT(options), argc, argv, &v->rest);
    if (result == OPTIONS_HELP)
        options_help(options, COUNT(options), "synopsis", STDERR_FILENO);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t len = read(ends[0], v->message, sizeof v->message - 1);
    v->message[len < 0 ? 0 : len] = '\0';
    close(ends[0]);
    return result;
}

static struct values defaults(void)
{
    return (struct values){.format = "json", .listen = "", .drain_ns = 5000000000, .size = 1 << 20};
}

#define PARSE(v, ...)                                                                              \
    parse(v, (int)COUNT(((const char *[]){"x", __VA_ARGS__})),                                     \
          (char *const *)(const char *const[]){"x", __VA_ARGS__})

static void spellings_are_the_same(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-format", "bin"), OPTIONS_OK);
    assert_string_equal(v.format, "bin");
    assert_int_equal(PARSE(&v, "--format=text"), OPTIONS_OK);
    assert_string_equal(v.format, "text");
    assert_int_equal(PARSE(&v, "-format=a=b"), OPTIONS_OK);
    assert_string_equal(v.format, "a=b");
    assert_int_equal(PARSE(&v, "-format="), OPTIONS_OK);
    assert_string_equal(v.format, "");
    assert_int_equal(PARSE(&v, "-format", "1", "-format", "-2"), OPTIONS_OK);
    assert_string_equal(v.format, "-2");
}

static void booleans_never_take_the_next_argument(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-quick", "false"), OPTIONS_OK);
    assert_true(v.quick);
    assert_int_equal(v.rest, 2);
    assert_int_equal(PARSE(&v, "-quick=F"), OPTIONS_OK);
    assert_false(v.quick);
    assert_int_equal(PARSE(&v, "-quick=True"), OPTIONS_OK);
    assert_true(v.quick);
    assert_int_equal(PARSE(&v, "-quick=yes"), OPTIONS_BAD);
    assert_string_equal(v.message, "-quick: got \"yes\", wanted true or false\n");
}

static void parsing_stops_at_the_first_argument(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-format", "a", "here", "-format", "b"), OPTIONS_OK);
    assert_string_equal(v.format, "a");
    assert_int_equal(v.rest, 3);
    assert_int_equal(PARSE(&v, "-format", "c", "--", "-format", "d"), OPTIONS_OK);
    assert_string_equal(v.format, "c");
    assert_int_equal(v.rest, 4);
    assert_int_equal(PARSE(&v, "-", "-format", "e"), OPTIONS_OK);
    assert_int_equal(v.rest, 1);
    assert_string_equal(v.format, "c");
}

static void durations_are_go_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"300ms", 300000000},
        {"10s", 10000000000},
        {"1m30s", 90000000000},
        {"2h", 7200000000000},
        {"1.5h", 5400000000000},
        {".5s", 500000000},
        {"-1s", -1000000000},
        {"7us8ns", 7008},
        {"3\u00b5s", 3000},
    };
    static const char *const bad[] = {"10",  "",   "s",         "1",   "1x",
                                      "1s2", ".s", "10000000h", "1 s", "--1s"};
    struct values v = defaults();
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(PARSE(&v, "-drain", good[i].text), OPTIONS_OK);
        assert_int_equal(v.drain_ns, good[i].ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(PARSE(&v, "-drain", bad[i]), OPTIONS_BAD);
}

static void numbers_and_sizes(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-rate=-12", "-transport.file.buffer", "64MiB"), OPTIONS_OK);
    assert_int_equal(v.rate, -12);
    assert_int_equal(v.size, 64 << 20);
    assert_int_equal(PARSE(&v, "-transport.file.buffer=4096"), OPTIONS_OK);
    assert_int_equal(v.size, 4096);
    assert_int_equal(PARSE(&v, "-transport.file.buffer=2g"), OPTIONS_OK);
    assert_int_equal(v.size, UINT64_C(2) << 30);
    static const char *const bad[] = {"-rate=",
                                      "-rate=1x",
                                      "-rate= 1",
                                      "-rate=99999999999999999999",
                                      "-transport.file.buffer=-1",
                                      "-transport.file.buffer=99999999999GiB",
                                      "-transport.file.buffer=1parsec"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(PARSE(&v, bad[i]), OPTIONS_BAD);
}

static void an_unknown_flag_names_the_nearest(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-formt=bin"), OPTIONS_BAD);
    assert_string_equal(v.message, "-formt: unknown flag, the nearest is -format\n");
    assert_int_equal(PARSE(&v, "--transport.buffer", "1"), OPTIONS_BAD);
    assert_string_equal(
        v.message, "--transport.buffer: unknown flag, the nearest is -transport.file.buffer\n");
    assert_int_equal(PARSE(&v, "-wholly.different"), OPTIONS_BAD);
    assert_string_equal(v.message, "-wholly.different: unknown flag, -h lists those there are\n");
    assert_int_equal(PARSE(&v, "---format"), OPTIONS_BAD);
    assert_int_equal(PARSE(&v, "-form"), OPTIONS_BAD); // no abbreviations
    assert_int_equal(PARSE(&v, "-for\nmat"), OPTIONS_BAD);
    assert_ptr_equal(strchr(v.message, '\n'), v.message + strlen(v.message) - 1);
}

static void a_missing_value_is_bad(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-rate"), OPTIONS_BAD);
    assert_string_equal(v.message, "-rate: got no value, wanted a whole number\n");
}

static void nothing_is_stored_when_something_is_bad(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-format", "bin", "-rate=x"), OPTIONS_BAD);
    assert_string_equal(v.format, "json");
}

static void help_shows_defaults_and_groups(void **state)
{
    (void)state;
    struct values v = defaults();
    assert_int_equal(PARSE(&v, "-format=bin", "--help"), OPTIONS_HELP);
    assert_non_null(strstr(v.message, "synopsis\n\nOutput\n  -format name\n"
                                      "        one of name: bin, json (default \"json\")\n"));
    assert_non_null(
        strstr(v.message, "  -listen text\n        where to listen\n        and how\n"));
    assert_non_null(strstr(v.message, "  -quick\n"));
    assert_non_null(strstr(v.message, "(default 1MiB)"));
    assert_non_null(strstr(v.message, "(default 5s)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_are_the_same),
        cmocka_unit_test(booleans_never_take_the_next_argument),
        cmocka_unit_test(parsing_stops_at_the_first_argument),
        cmocka_unit_test(durations_are_go_durations),
        cmocka_unit_test(numbers_and_sizes),
        cmocka_unit_test(an_unknown_flag_names_the_nearest),
        cmocka_unit_test(a_missing_value_is_bad),
        cmocka_unit_test(nothing_is_stored_when_something_is_bad),
        cmocka_unit_test(help_shows_defaults_and_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
