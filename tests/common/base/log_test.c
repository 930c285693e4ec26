// Lines of the log, read back from a pipe: what strangers send neither ends a line nor governs the
// terminal it is shown on.
#include "common/base/log.h"

#include "common/base/fault.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE_MAX_BYTES 8192

// What one call writes to stderr.
static void read_line(char line[static LINE_MAX_BYTES], const char *message, const char *value)
{
    int pipes[2];
    int before = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    assert_true(before >= 0 && dup2(pipes[1], STDERR_FILENO) >= 0);
    log_info(message, "error", value);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t len = read(pipes[0], line, LINE_MAX_BYTES - 1);
    assert_true(len > 0);
    line[len] = '\0';
    close(before);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_value_is_quoted_where_it_must_be(void **state)
{
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {
        {"plain", "error=plain\n"},
        {"m\xc3\xbcnchen", "error=m\xc3\xbcnchen\n"},
        {"", "error=\"\"\n"},
        {"two words", "error=\"two words\"\n"},
        {"a\nlevel=ERROR", "error=\"a\\nlevel=ERROR\"\n"},
        {"\x1b]0;x\a", "error=\"\\u001b]0;x\\u0007\"\n"},
        {"\xc2\x9b"
         "31m",
         "error=\"\\u009b31m\"\n"},
        {"\x9b"
         "31m",
         "error=\"\\ufffd31m\"\n"},
        {"\xe2\x80\xae"
         "txt.exe",
         "error=\"\\u202etxt.exe\"\n"},
        {"\xe2\x81\xa6", "error=\"\\u2066\"\n"},
    };
    char line[LINE_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        read_line(line, "failed", cases[i].value);
        const char *value = strstr(line, " error=");
        assert_non_null(value);
        assert_string_equal(value + 1, cases[i].shown);
        read_line(line, cases[i].value, "x"); // so is the message
        assert_non_null(strstr(line, " error=x\n"));
        assert_null(strpbrk(line, "\x1b\a\r"));
        assert_true(strchr(line, '\n') == line + strlen(line) - 1);
    }
}

// In JSON numbers are numbers, and what strangers send is text, whatever it looks like.
static void numbers_have_no_quotes(void **state)
{
    static const struct {
        struct log_text value;
        const char *shown;
        const char *shown_json;
    } cases[] = {
        {{"17"}, "error=17\n", "\"error\":\"17\"}\n"},
        {{"\001x"}, "error=\"\\u0001x\"\n", "\"error\":\"\\u0001x\"}\n"},
        {{"\0011,\"level\":\"ERROR\""},
         "error=\"\\u00011,\\\"level\\\":\\\"ERROR\\\"\"\n",
         "\"error\":\"\\u00011,\\\"level\\\":\\\"ERROR\\\"\"}\n"},
        {{"\00101"}, "error=\"\\u000101\"\n", "\"error\":\"\\u000101\"}\n"},
        {{"\001"}, "error=\"\\u0001\"\n", "\"error\":\"\\u0001\"}\n"},
    };
    const struct log_text zero = log_number(0);
    const struct log_text least = log_number(INT64_MIN);
    const struct log_text most = log_unsigned(UINT64_MAX);
    const struct log_text *const numbers[] = {&zero, &least, &most};
    static const char *const digits[] = {"0", "-9223372036854775808", "18446744073709551615"};
    char line[LINE_MAX_BYTES];
    char shown[64];
    (void)state;
    for (int json = 0; json < 2; json++) {
        log_setup(LOG_LEVEL_INFO, json != 0);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            read_line(line, "x", cases[i].value.text);
            assert_string_equal(strstr(line, json != 0 ? "\"error\"" : "error="),
                                json != 0 ? cases[i].shown_json : cases[i].shown);
        }
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            read_line(line, "x", numbers[i]->text);
            snprintf(shown, sizeof shown, json != 0 ? "\"error\":%s}\n" : "error=%s\n", digits[i]);
            assert_string_equal(strstr(line, json != 0 ? "\"error\"" : "error="), shown);
        }
    }
    log_setup(LOG_LEVEL_INFO, false);
}

static void a_fault_is_a_line_for_a_terminal(void **state)
{
    struct fault fault;
    (void)state;
    assert_int_equal(fault_set(&fault, "x:1: got \"%s\"", "\x1b[2J\xc2\x9b\xe2\x80\xae\x9b\nz"),
                     -1);
    assert_string_equal(fault.text, "x:1: got \"?[2J????z\"");
}

// What is too long is cut, and not inside of a character.
static void a_long_fault_ends_whole(void **state)
{
    char text[2 * FAULT_TEXT_MAX];
    struct fault fault;
    (void)state;
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xbc", 3);
    fault_set(&fault, "%s", text);
    size_t len = strlen(fault.text);
    assert_int_equal(len, FAULT_TEXT_MAX - 1);
    assert_int_equal(fault.text[len - 1], '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_quoted_where_it_must_be),
        cmocka_unit_test(numbers_have_no_quotes),
        cmocka_unit_test(a_fault_is_a_line_for_a_terminal),
        cmocka_unit_test(a_long_fault_ends_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
