// What the log says of exporters that come, fall silent and come back.
#include "collector/monitor/exporter_log.h"

#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define S        UINT64_C(1000000000)
#define START_NS (1700000000 * S)

struct test {
    struct exporter_log log;
    struct survey_exporter exporters[100];
    struct exporter_list list;
    FILE *file;
    int stderr_fd;
};

static int set_up(void **state)
{
    struct test *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->log = (struct exporter_log){.looked_ns = START_NS,
                                      .mute = {.lines = 5, .interval_ns = 3600 * (int64_t)S}};
    test->list.items = test->exporters;
    for (uint32_t i = 0; i < 100; i++)
        test->exporters[i].exporter.key = (struct exporter_key){
            .source = {.len = 4, .bytes = {192, 0, 2, (uint8_t)i}},
            .type = FLOW_TYPE_IPFIX,
            .id = 7};
    test->file = tmpfile();
    assert_non_null(test->file);
    test->stderr_fd = dup(STDERR_FILENO);
    dup2(fileno(test->file), STDERR_FILENO);
    log_setup(LOG_LEVEL_DEBUG, false);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    dup2(test->stderr_fd, STDERR_FILENO);
    close(test->stderr_fd);
    fclose(test->file);
    exporter_log_fini(&test->log);
    free(test);
    return 0;
}

static int lines(const struct test *test, const char *one, const char *other)
{
    char line[1024];
    int count = 0;
    lseek(fileno(test->file), 0, SEEK_SET);
    FILE *in = fdopen(dup(fileno(test->file)), "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in) != NULL)
        count += strstr(line, one) != NULL && strstr(line, other) != NULL;
    fclose(in);
    lseek(fileno(test->file), 0, SEEK_END);
    return count;
}

static void hear(struct test *test, size_t exporter, uint64_t second)
{
    struct exporter *e = &test->exporters[exporter].exporter;
    if (e->first_seen_ns == 0)
        e->first_seen_ns = START_NS + second * S;
    e->last_seen_ns = START_NS + second * S;
}

static void look(struct test *test, uint64_t second)
{
    exporter_log_take(&test->log, &test->list, START_NS + second * S);
}

static void each_change_is_told_once(void **state)
{
    struct test *test = *state;
    look(test, 10);
    assert_int_equal(lines(test, "", ""), 0);
    test->list.count = 2;
    hear(test, 0, 15);
    hear(test, 1, 15);
    test->exporters[0].templates = 2;
    look(test, 20);
    assert_int_equal(lines(test, "level=INFO msg=\"exporter is new\" exporter=192.0.2.", ""), 2);
    assert_int_equal(lines(test, "exporter=192.0.2.0", "domain=7 templates=2"), 1);
    test->exporters[0].templates = 3;
    hear(test, 0, 25);
    look(test, 30);
    assert_int_equal(lines(test, "level=DEBUG msg=\"exporter has more", "templates=3"), 1);
    for (uint64_t second = 40; second <= 400; second += 10) {
        hear(test, 0, second);
        look(test, second);
    }
    assert_int_equal(lines(test, "exporter is silent", "exporter=192.0.2.1 "), 1);
    assert_int_equal(lines(test, "exporter is silent", "last_seen=2023-11-14T22:13:35Z"), 1);
    hear(test, 1, 405);
    look(test, 410);
    look(test, 420);
    assert_int_equal(lines(test, "exporter sends again", "exporter=192.0.2.1 "), 1);
    assert_int_equal(lines(test, "", ""), 5);
}

static void a_flood_of_forged_ones_does_not_flood_the_log(void **state)
{
    struct test *test = *state;
    test->list.count = 100;
    for (size_t i = 0; i < 100; i++)
        hear(test, i, 5);
    look(test, 10);
    assert_int_equal(lines(test, "exporter is new", ""), 5);
    assert_int_equal(lines(test, "muting", ""), 1);
    assert_int_equal(lines(test, "", ""), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_change_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_forged_ones_does_not_flood_the_log, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
