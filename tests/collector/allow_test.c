// -allow and the networks that the command line names.
#include "collector/allow.h"

#include "collector/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool admits(const struct allow *allow, const char *text)
{
    struct addr addr;
    assert_int_equal(addr_parse(&addr, text), 0);
    return allow_admits(allow, &addr);
}

static void assert_fault(const char *text, const char *part)
{
    struct fault fault = {.text = ""};
    assert_null(allow_new(text, &fault));
    if (strstr(fault.text, part) == NULL)
        fail_msg("\"%s\" has no \"%s\"", fault.text, part);
}

static void only_the_networks_named_are_admitted(void **state)
{
    struct fault fault;
    struct allow *allow = allow_new("192.0.2.0/24,198.51.100.7,2001:db8::/32,192.0.2.0/25,"
                                    "::ffff:203.0.113.0/120,192.0.2.0/24",
                                    &fault);
    assert_non_null(allow);
    assert_int_equal(allow_count(allow), 5);
    assert_true(admits(allow, "192.0.2.255"));
    assert_true(admits(allow, "198.51.100.7"));
    assert_true(admits(allow, "203.0.113.9"));
    assert_true(admits(allow, "2001:db8:ffff::1"));
    assert_false(admits(allow, "192.0.3.0"));
    assert_false(admits(allow, "198.51.100.8"));
    assert_false(admits(allow, "2001:db9::"));
    assert_false(admits(allow, "::1"));
    assert_false(allow_admits(allow, &(struct addr){.len = 0}));
    allow_unref(allow);
    allow_unref(NULL);
    (void)state;
}

static void every_address_may_be_meant(void **state)
{
    struct fault fault;
    struct allow *allow = allow_new("0.0.0.0/0", &fault);
    struct allow *same = allow_ref(allow);
    allow_unref(allow);
    assert_true(admits(same, "255.255.255.255"));
    assert_false(admits(same, "::"));
    allow_unref(same);
    (void)state;
}

static void faults_say_what_was_wanted(void **state)
{
    assert_fault("", "got \"\"");
    assert_fault("192.0.2.0/24,", "got \"\"");
    assert_fault("192.0.2.0/33", "got \"192.0.2.0/33\"");
    assert_fault("192.0.2.1/24", "wanted 192.0.2.0/24");
    assert_fault("::ffff:192.0.2.1/120", "wanted 192.0.2.0/24");
    assert_fault("office", "got \"office\"");
    assert_fault("@/nowhere", "/nowhere: ");
    (void)state;
}

static void write_list(char path[static 32], const char *text)
{
    snprintf(path, 32, "/tmp/allow_test.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void a_file_has_comments_and_lines(void **state)
{
    char path[32];
    char text[64];
    struct fault fault;
    write_list(path, "# routers\n\n  192.0.2.0/24   # the lab\r\n2001:db8::1");
    snprintf(text, sizeof text, "@%s", path);
    struct allow *allow = allow_new(text, &fault);
    assert_non_null(allow);
    assert_int_equal(allow_count(allow), 2);
    assert_true(admits(allow, "2001:db8::1"));
    allow_unref(allow);
    unlink(path);
    (void)state;
}

static void a_broken_file_is_named_with_its_line(void **state)
{
    char path[32];
    char text[64];
    char wanted[64];
    write_list(path, "192.0.2.0/24\n\n192.0.2.0/99\n");
    snprintf(text, sizeof text, "@%s", path);
    snprintf(wanted, sizeof wanted, "%s:3: got \"192.0.2.0/99\"", path);
    assert_fault(text, wanted);
    unlink(path);
    write_list(path, "# nobody yet\n");
    snprintf(text, sizeof text, "@%s", path);
    assert_fault(text, "no network"); // it would silence the collector
    unlink(path);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_networks_named_are_admitted),
        cmocka_unit_test(every_address_may_be_meant),
        cmocka_unit_test(faults_say_what_was_wanted),
        cmocka_unit_test(a_file_has_comments_and_lines),
        cmocka_unit_test(a_broken_file_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
