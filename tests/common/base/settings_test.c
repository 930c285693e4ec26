// Flags over variables over the file, where each value came from, and what is never shown.
#include "common/base/settings.h"

#include "common/base/log.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ARGUMENTS_MAX 8
#define TEXT_MAX_LEN  256

static struct {
    struct settings settings;
    const char *format;
    const char *servers;
    const char *token;
    bool quick;
    bool version;
    int64_t rate;
    int64_t ttl_ns;
    uint64_t size;

    char arguments[ARGUMENTS_MAX][TEXT_MAX_LEN]; // writable, as those of a process are
    char message[2048];
} t;

static void begin(void)
{
    memset(&t, 0, sizeof t);
    t.format = "json";
    t.servers = "nats://localhost:4222";
    t.token = "";
    t.ttl_ns = 5000000000;
    settings_begin(&t.settings, "FLOWS_");
    const struct option rows[] = {
        {"format", OPTION_STRING, &t.format, "format", "Output"},
        {"nats.servers", OPTION_URLS, &t.servers, "servers", NULL},
        {"nats.token", OPTION_SECRET, &t.token, "token", NULL},
        {"quick", OPTION_BOOL, &t.quick, "hurry", NULL},
        {"v", OPTION_ACTION, &t.version, "version", NULL},
        {"rate", OPTION_INT, &t.rate, "rate", NULL},
        {"templates.ttl", OPTION_DURATION_NS, &t.ttl_ns, "ttl", NULL},
        {"templates.sweep-size", OPTION_BYTES, &t.size, "size", NULL},
    };
    memcpy(t.settings.rows + t.settings.count, rows, sizeof rows);
    t.settings.count += sizeof rows / sizeof rows[0];
}

static int saved_stderr;
static int ends[2];

static void hear(void)
{
    assert_int_equal(pipe(ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static void heard(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t len = read(ends[0], t.message, sizeof t.message - 1);
    t.message[len < 0 ? 0 : len] = '\0';
    close(ends[0]);
}

// Reads anew: the yaml (NULL: no file), then a list of variables and one of arguments, both ended
// by NULL.
static enum options_result read_all(const char *yaml, const char *const *variables,
                                    const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 3] = {(char *)"flows"};
    int argc = 1;
    if (t.settings.count != 0)
        settings_end(&t.settings);
    begin();
    if (yaml != NULL) {
        argv[argc++] = (char *)"-config";
        argv[argc++] = (char *)scratch_text(yaml);
    }
    for (int i = 0; arguments[i] != NULL; i++) {
        snprintf(t.arguments[i], TEXT_MAX_LEN, "%s", arguments[i]);
        argv[argc++] = t.arguments[i];
    }
    hear();
    enum options_result result = settings_read(&t.settings, argc, argv, (char *const *)variables);
    heard();
    return result;
}

#define NONE      ((const char *const[]){NULL})
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(const char *yaml, const char *expected)
{
    assert_int_equal(read_all(yaml, NONE, NONE), OPTIONS_FAULTY_FILE);
    assert_string_equal(scratch_behind(t.message), expected);
}

// The file is as it should be, but for a value that no file could give.
static void assert_value_refused(const char *yaml, const char *expected)
{
    assert_int_equal(read_all(yaml, NONE, NONE), OPTIONS_BAD);
    assert_string_equal(scratch_behind(t.message), expected);
}

static const char *shown(void)
{
    static char room[4096];
    struct buf out = buf_over(room, sizeof room - 1);
    settings_put(&t.settings, &out);
    room[out.len] = '\0';
    return room;
}

static void without_anything_the_defaults_stay(void **state)
{
    (void)state;
    assert_int_equal(read_all(NULL, LIST("OTHER=1", "FLOWS=1"), NONE), OPTIONS_OK);
    assert_string_equal(t.format, "json");
    assert_int_equal(t.ttl_ns, 5000000000);
    assert_string_equal(shown(), "");
    assert_int_equal(t.settings.strange_count, 0);
}

static void flags_go_before_variables_before_the_file(void **state)
{
    (void)state;
    static const char yaml[] = "format: file\nrate: 1\nquick: true\n";
    assert_int_equal(read_all(yaml, NONE, NONE), OPTIONS_OK);
    assert_string_equal(t.format, "file");
    assert_true(t.quick);
    assert_int_equal(read_all(yaml, LIST("FLOWS_FORMAT=variable", "FLOWS_RATE=2"), NONE),
                     OPTIONS_OK);
    assert_string_equal(t.format, "variable");
    assert_int_equal(t.rate, 2);
    assert_int_equal(read_all(yaml, LIST("FLOWS_FORMAT=variable", "FLOWS_RATE=2"),
                              LIST("-format=flag", "-quick=false")),
                     OPTIONS_OK);
    assert_string_equal(t.format, "flag");
    assert_int_equal(t.rate, 2);
    assert_false(t.quick);
}

static void an_argument_that_is_no_flag_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_all(NULL, NONE, LIST("-format", "src_port", "==", "53")), OPTIONS_BAD);
    assert_non_null(strstr(t.message, "got the argument \"==\", wanted flags alone"));
    assert_int_equal(read_all(NULL, NONE, LIST("--", "-rate")), OPTIONS_BAD);
    assert_int_equal(read_all(NULL, NONE, LIST("-rate=1", "--")), OPTIONS_OK);
}

// Whoever mends one thing after the other starts a daemon as often as there are faults.
static void all_that_is_wrong_is_said(void **state)
{
    (void)state;
    assert_int_equal(read_all("rate: x\nformta: json\ntemplates:\n  ttl: 30\n",
                              LIST("FLOWS_QUICK=maybe"),
                              LIST("-fromat", "json", "-rate=y", "-templates.ttl=z")),
                     OPTIONS_BAD);
    static const char *const said[] = {
        "-fromat: unknown flag, the nearest is -format\n",
        "-rate: got \"y\", wanted a whole number\n",
        "-templates.ttl: got \"z\", wanted a duration such as 300ms, 10s or 1m30s\n",
        ":1: rate: got \"x\", wanted a whole number\n",
        ":2: unknown setting \"formta\", did you mean \"format\"?\n",
        ":4: templates.ttl: got \"30\", wanted a duration such as 300ms, 10s or 1m30s\n",
        "FLOWS_QUICK: got \"maybe\", wanted true or false\n",
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (strstr(t.message, said[i]) == NULL)
            fail_msg("not said: %sof: %s", said[i], t.message);
}

static void each_value_says_where_it_came_from(void **state)
{
    (void)state;
    assert_int_equal(read_all("\ntemplates:\n  ttl: 1m30s\n", LIST("FLOWS_TEMPLATES_SWEEP_SIZE=2k"),
                              LIST("-rate", "7", "-v")),
                     OPTIONS_OK);
    const char *config = scratch_text("");
    char expected[1024];
    snprintf(expected, sizeof expected,
             "  config                             \"%s\"  (flag)\n"
             "  rate                               7  (flag)\n"
             "  templates.ttl                      90s  (%s:3)\n"
             "  templates.sweep-size               2048  (FLOWS_TEMPLATES_SWEEP_SIZE)\n",
             config, config);
    assert_string_equal(shown(), expected);
    hear();
    assert_int_equal(settings_refuse(&t.settings, "templates.ttl", "%d to %d", 1, 2), -1);
    settings_refuse(&t.settings, "templates.sweep-size", "more");
    settings_refuse(&t.settings, "rate", "less");
    settings_refuse(&t.settings, "format", "bin");
    heard();
    snprintf(expected, sizeof expected,
             "%s:3: templates.ttl: got 90s, wanted 1 to 2\n"
             "FLOWS_TEMPLATES_SWEEP_SIZE: got 2048, wanted more\n"
             "-rate: got 7, wanted less\n"
             "-format: got \"json\", wanted bin\n",
             config);
    assert_string_equal(t.message, expected);
}

static void blocks_and_lists_are_names_and_commas(void **state)
{
    (void)state;
    assert_int_equal(read_all("format: [a, 'b', \"c d\"]\n"
                              "nats:\n  servers: [nats://a, nats://b]\n"
                              "templates: {ttl: 5m, sweep-size: 1MiB}\n",
                              NONE, NONE),
                     OPTIONS_OK);
    assert_string_equal(t.format, "a,b,c d");
    assert_string_equal(t.servers, "nats://a,nats://b");
    assert_int_equal(t.ttl_ns, INT64_C(300000000000));
    assert_int_equal(t.size, 1 << 20);
    assert_int_equal(read_all("format: ''\nnats: {}\n", NONE, NONE), OPTIONS_OK);
    assert_string_equal(t.format, "");
    assert_int_equal(read_all("# all by default\n", NONE, NONE), OPTIONS_OK);
    assert_int_equal(read_all("", NONE, NONE), OPTIONS_OK);
}

static void what_is_wrong_in_a_file_is_named(void **state)
{
    (void)state;
    char deep[256] = "";
    assert_refused("\nfromat: x\n", ":2: unknown setting \"fromat\", did you mean \"format\"?\n");
    assert_refused("nats:\n  tokn: x\n",
                   ":2: unknown setting \"nats.tokn\", did you mean \"nats.token\"?\n");
    assert_refused("zzzzzzzz: 1", ":1: unknown setting \"zzzzzzzz\", -h lists those there are\n");
    assert_refused("format.file: x",
                   ":1: unknown setting \"format.file\", -h lists those there are\n");
    assert_refused("rate: 5\nrate: 6\n", ":2: rate: given twice, first on line 1\n");
    assert_refused("nats: {token: a}\nnats.token: b\n",
                   ":2: nats.token: given twice, first on line 1\n");
    assert_value_refused("rate: five", ":1: rate: got \"five\", wanted a whole number\n");
    assert_value_refused("quick: maybe", ":1: quick: got \"maybe\", wanted true or false\n");
    assert_value_refused(
        "templates.ttl: 5",
        ":1: templates.ttl: got \"5\", wanted a duration such as 300ms, 10s or 1m30s\n");
    assert_refused("rate:\n", ":1: rate: wanted a value, '' for the empty text, got nothing\n");
    assert_refused("rate: {a: 1}", ":1: unknown setting \"rate.a\", did you mean \"rate\"?\n");
    assert_refused("format: [[a]]", ":1: format: expected text, got a list\n");
    assert_refused("[format]", ":1: the file: expected names and values, got a list\n");
    assert_refused("v: true", ":1: v: is for the command line, not for this file\n");
    assert_refused("config: x", ":1: config: is for the command line, not for this file\n");
    assert_refused("format: \"a\\0b\"", ":1: format: holds a NUL character\n");
    assert_refused("format: [a\n", ":2: not valid YAML: did not find expected ',' or ']'\n");
    assert_refused("nats.token.file: /nowhere/token",
                   ":1: nats.token.file: /nowhere/token: cannot be opened: No such file or "
                   "directory\n");
    for (int i = 0; i < 17; i++)
        memcpy(deep + strlen(deep), "{a: ", 5);
    assert_refused(deep, ":1: more than 16 blocks in each other\n");
    assert_int_equal(read_all(NULL, LIST("FLOWS_CONFIG=/nowhere/f"), NONE), OPTIONS_FAULTY_FILE);
    assert_string_equal(t.message, "/nowhere/f: cannot be opened: No such file or directory\n");
}

static void what_is_wrong_in_a_variable_is_named(void **state)
{
    (void)state;
    assert_int_equal(read_all(NULL, LIST("FLOWS_RATE=x"), NONE), OPTIONS_BAD);
    assert_string_equal(t.message, "FLOWS_RATE: got \"x\", wanted a whole number\n");
    assert_int_equal(read_all(NULL, LIST("FLOWS_RATE="), NONE), OPTIONS_BAD);
    assert_string_equal(t.message, "FLOWS_RATE: got \"\", wanted a whole number\n");
    assert_int_equal(read_all(NULL, LIST("FLOWS_FORMAT="), NONE), OPTIONS_OK);
    assert_string_equal(t.format, "");
    assert_int_equal(read_all(NULL, LIST("FLOWS_NATS_TOKEN_FILE=/nowhere/t"), NONE),
                     OPTIONS_FAULTY_FILE);
    assert_string_equal(t.message, "FLOWS_NATS_TOKEN_FILE: /nowhere/t: cannot be opened: No such "
                                   "file or directory\n");
    assert_int_equal(read_all(NULL, LIST("FLOWS_NATS_TOKEN=a", "FLOWS_NATS_TOKEN_FILE=/b"), NONE),
                     OPTIONS_BAD);
    assert_string_equal(t.message, "FLOWS_NATS_TOKEN_FILE: wanted the value or its file, not "
                                   "both\n");
}

// Other programs may set variables of that prefix, as Kubernetes does.
static void unknown_variables_are_told_of(void **state)
{
    (void)state;
    assert_int_equal(
        read_all(NULL,
                 LIST("FLOWS_FROMAT=x", "FLOWS_SERVICE_PORT_8080_UDP_ADDR=y", "FLOWS_V=true",
                      "FLOWS_FORMAT_FILE=z", "FLOWS_ARGS=-format=json"),
                 NONE),
        OPTIONS_OK);
    assert_int_equal(t.settings.strange_count, 4);
    hear();
    settings_warn(&t.settings);
    heard();
    assert_non_null(strstr(t.message, "no setting goes by this variable\" variable=FLOWS_FROMAT "
                                      "nearest=FLOWS_FORMAT\n"));
    assert_non_null(strstr(t.message, "variable=FLOWS_SERVICE_PORT_8080_UDP_ADDR\n"));
    assert_non_null(strstr(t.message, "means nothing as a variable\" variable=FLOWS_V\n"));
    assert_null(strstr(t.message, "=x"));
}

static void the_variable_names_the_file(void **state)
{
    (void)state;
    char variable[128];
    snprintf(variable, sizeof variable, "FLOWS_CONFIG=%s", scratch_text("rate: 5\n"));
    assert_int_equal(read_all(NULL, LIST("FLOWS_RATE=6", variable), NONE), OPTIONS_OK);
    assert_int_equal(t.rate, 6);
    assert_int_equal(read_all(NULL, LIST(variable), NONE), OPTIONS_OK);
    assert_int_equal(t.rate, 5);
    assert_non_null(strstr(shown(), "(FLOWS_CONFIG)\n"));
}

static void secrets_come_from_files(void **state)
{
    (void)state;
    char variable[128];
    const char *path = scratch_text("sesame\r\n");
    snprintf(variable, sizeof variable, "FLOWS_NATS_TOKEN_FILE=%s", path);
    assert_int_equal(read_all(NULL, LIST(variable), NONE), OPTIONS_OK);
    assert_string_equal(t.token, "sesame");
    assert_int_equal(read_all(NULL, NONE, LIST("-nats.token.file", path)), OPTIONS_OK);
    assert_string_equal(t.token, "sesame");
    assert_int_equal(read_all(NULL, NONE, LIST("-nats.servers.file", path)), OPTIONS_OK);
    assert_string_equal(t.servers, "sesame");
    scratch_text("\n");
    assert_int_equal(read_all(NULL, LIST(variable), NONE), OPTIONS_FAULTY_FILE);
    assert_non_null(strstr(t.message, "got 1 bytes, wanted a line of text"));
    char *large = malloc(SETTINGS_SECRET_MAX + 1);
    memset(large, 'x', SETTINGS_SECRET_MAX + 1);
    scratch_write(large, SETTINGS_SECRET_MAX + 1);
    assert_int_equal(read_all(NULL, LIST(variable), NONE), OPTIONS_FAULTY_FILE);
    free(large);
}

static void secrets_are_never_shown(void **state)
{
    (void)state;
    assert_int_equal(read_all(NULL, LIST("FLOWS_NATS_TOKEN=a"),
                              LIST("-nats.token", "sesame", "-nats.token=opensesame",
                                   "-nats.servers=nats://me:pw@a:1,nats://b,tls://key@c")),
                     OPTIONS_OK);
    assert_string_equal(t.token, "opensesame");
    assert_string_equal(t.servers, "nats://me:pw@a:1,nats://b,tls://key@c");
    assert_string_equal(t.arguments[1], "xxxxxx");
    assert_string_equal(t.arguments[2], "-nats.token=xxxxxxxxxx");
    assert_string_equal(t.arguments[3], "-nats.servers=nats://xxxxx@a:1,nats://b,tls://xxx@c");
    assert_string_equal(shown(), "  nats.servers                       "
                                 "\"nats://***@a:1,nats://b,tls://***@c\"  (flag)\n"
                                 "  nats.token                         ***  (flag)\n");
}

// Whatever stands in front of an @, escaped or not.
static void no_password_of_a_url_is_shown(void **state)
{
    (void)state;
    static const struct {
        const char *given;
        const char *shown;
    } cases[] = {
        {"nats://a:1", "nats://a:1"},
        {"me:pw@a:1", "***@a:1"},
        {"nats://me:p/w@a:1/x,b", "nats://***@a:1/x,b"},
        {"nats://me:p@w@a", "nats://***@a"},
        {"b,me:p://w@a,c", "***@a,c"}, // rather too much than too little
        {"nats://me:p,w@a,c", "nats://***@a,c"},
        {"@", "***@"},
        {"a@,b@", "***@"},
        {"nats://a@b,tls://c,d@e", "nats://***@b,tls://***@e"},
        {",,", ",,"},
        {"http://h:1/?user=me&password=pw", "http://h:1/?***"},
        {"http://me:pw@h/?a=b,http://h?c", "http://***@h/?***,http://h?***"},
        {"http://me:p?w@h/x,http://g", "http://***,http://g"},
        {"http://h/?password=a@b", "http://***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TEXT_MAX_LEN];
        char expected[TEXT_MAX_LEN];
        snprintf(text, sizeof text, "FLOWS_NATS_SERVERS=%s", cases[i].given);
        snprintf(expected, sizeof expected,
                 "  nats.servers                       \"%s\"  "
                 "(FLOWS_NATS_SERVERS)\n",
                 cases[i].shown);
        assert_int_equal(read_all(NULL, LIST(text), NONE), OPTIONS_OK);
        assert_string_equal(shown(), expected);
    }
}

// Nor by a mistake in writing it down.
static void no_message_repeats_a_secret(void **state)
{
    (void)state;
    static const char *const flags[] = {"-nats.token:S3CRET", "-nats.tokenn=S3CRET",
                                        "-nats.servers!nats://me:S3CRET@a", "-format/S3CRET"};
    static const char *const files[] = {"nats.token: {S3CRET: x}",
                                        "nats.token: {a.S3CRET: }",
                                        "nats.token: {? [S3CRET] : x}",
                                        "nats: {token: {S3CRET}}",
                                        "S3CRET",
                                        "nats.token: \"S3CRET",
                                        "nats.token: [[S3CRET]]",
                                        "nats.token: !x {S3CRET}"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        assert_int_equal(read_all(NULL, NONE, LIST(flags[i])), OPTIONS_BAD);
        assert_true(*t.message != '\0');
        assert_null(strstr(t.message, "S3CRET"));
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_int_equal(read_all(files[i], NONE, NONE), OPTIONS_FAULTY_FILE);
        assert_true(*t.message != '\0');
        assert_null(strstr(t.message, "S3CRET"));
    }
    assert_int_equal(read_all(NULL, NONE, LIST("-nats.token", "my", "S3CRET")), OPTIONS_BAD);
    assert_non_null(strstr(t.message, "got the argument \"***\""));
    assert_int_equal(read_all(NULL, NONE, LIST("-nats.token=my", "-format=x", "more")),
                     OPTIONS_BAD);
    assert_non_null(strstr(t.message, "got the argument \"more\""));
}

static int finish(void **state)
{
    (void)state;
    settings_end(&t.settings);
    scratch_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_defaults_stay),
        cmocka_unit_test(flags_go_before_variables_before_the_file),
        cmocka_unit_test(an_argument_that_is_no_flag_is_refused),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(each_value_says_where_it_came_from),
        cmocka_unit_test(blocks_and_lists_are_names_and_commas),
        cmocka_unit_test(what_is_wrong_in_a_file_is_named),
        cmocka_unit_test(what_is_wrong_in_a_variable_is_named),
        cmocka_unit_test(unknown_variables_are_told_of),
        cmocka_unit_test(the_variable_names_the_file),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(no_password_of_a_url_is_shown),
        cmocka_unit_test(no_message_repeats_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
