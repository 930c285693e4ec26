// The files that templates and sampling rates are kept in: what they look like, what is refused,
// and that they are replaced whole.
#include "collector/keep/disk.h"
#include "collector/keep/template_load.h"
#include "collector/keep/terms_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD_SRC "{\"pen-provided\":false,\"type\":8,\"length\":4,\"pen\":0}"
#define FIELD_PEN "{\"pen-provided\":true,\"type\":%s,\"length\":4,\"pen\":9}"

static struct template_list load(const char *text)
{
    struct template_list list;
    struct fault fault = {.text = ""};
    if (template_load(&list, "t.json", text, strlen(text), &fault) != 0)
        fail_msg("%s", fault.text);
    return list;
}

static void assert_bytes(const struct template_list *list, size_t i, const uint8_t *bytes,
                         size_t len)
{
    assert_int_equal(list->items[i].len, len);
    assert_memory_equal(list->items[i].data, bytes, len);
}

static void test_a_data_template(void **state)
{
    static const uint8_t wanted[] = {0, 9, 0, 1, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
                                     0, 0, 0, 7, 0, 0, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4};
    struct template_list list = load(
        "{\"192.0.2.1:2055\":{\"9/7/256\":{\"template-id\":256,\"field-count\":1,"
        "\"fields\":[" FIELD_SRC "]}}}");
    (void)state;
    assert_int_equal(list.count, 1);
    assert_bytes(&list, 0, wanted, sizeof wanted);
    assert_int_equal(list.items[0].port, 2055);
    assert_int_equal(list.items[0].source.len, 4);
    template_list_fini(&list);
}

// goflow2 leaves bit 15 in the types of IPFIX options templates; ours does not write it.
static void test_the_enterprise_bit(void **state)
{
    static const uint8_t wanted[] = {0, 10,   0, 38, 0,    0, 0,  0, 0, 0, 0, 0, 0,
                                     0, 0,    7, 0,  3,    0, 22, 1, 1, 0, 2, 0, 1,
                                     0, 0x95, 0, 4,  0x80, 1, 0,  4, 0, 0, 0, 9};
    static const char *const types[] = {"1", "32769"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char field[80];
        char text[400];
        snprintf(field, sizeof field, FIELD_PEN, types[i]);
        snprintf(text, sizeof text,
                 "{\"[2001:db8::1]:4739\":{\"10/7/257\":{\"template-id\":257,\"field-count\":2,"
                 "\"scope-field-count\":1,\"options\":[%s],\"scopes\":[{\"type\":149,"
                 "\"length\":4}]}}}",
                 field);
        struct template_list list = load(text);
        assert_int_equal(list.count, 1);
        assert_bytes(&list, 0, wanted, sizeof wanted);
        assert_int_equal(list.items[0].source.len, 16);
        template_list_fini(&list);
    }
}

// What goflow2 makes of padding and of withdrawals is in its files, but no template.
static void test_what_is_no_template_is_left_out(void **state)
{
    struct template_list list = load(
        "{\"192.0.2.1:1\":{\"10/1/0\":{\"fields\":null},\"10/1/300\":{\"fields\":[]},"
        "\"10/1/301\":{\"fields\":[" FIELD_SRC "]}}}");
    (void)state;
    assert_int_equal(list.count, 1);
    assert_int_equal(list.left_out, 2);
    template_list_fini(&list);
}

static void test_broken_files(void **state)
{
    static const char *const cases[][2] = {
        {"{\"192.0.2.1:1\":\n {\"9/1/256\":", "t.json:2:"},
        {"{\"router\":{}}", "\"router\""},
        {"{\"192.0.2.1:99999\":{}}", "address:port"},
        {"{\"192.0.2.1:1\":{\"8/1/256\":{\"fields\":[]}}}", "\"8/1/256\""},
        {"{\"192.0.2.1:1\":{\"9/1/256x\":{\"fields\":[]}}}", "\"9/1/256x\""},
        {"{\"192.0.2.1:1\":{\"9/1/256\":[]}}", "the template"},
        {"{\"192.0.2.1:1\":{\"9/1/256\":{}}}", "fields"},
        {"{\"192.0.2.1:1\":{\"9/1/256\":{\"fields\":[{\"type\":65536,\"length\":1}]}}}", "type"},
        {"{\"192.0.2.1:1\":{\"9/1/256\":{\"fields\":[{\"type\":1}]}}}", "length"},
        {"[]", "object"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct template_list list;
        struct fault fault = {.text = ""};
        // A good template before the fault is not loaded either.
        assert_int_equal(template_load(&list, "t.json", cases[i][0], strlen(cases[i][0]), &fault),
                         -1);
        assert_non_null(strstr(fault.text, cases[i][1]));
        assert_int_equal(list.count, 0);
        assert_null(list.items);
    }
}

static void test_terms_are_written_as_they_are_read(void **state)
{
    static const char text[] =
        "{\"192.0.2.1:2055\":{\"10/5\":{\"system-init-ms\":1700000000000},"
        "\"9/0\":{\"sampling-rate\":1000,\"selectors\":{\"1\":1000,\"2\":10}}},"
        "\"[2001:db8::1]:1\":{\"10/0\":{\"proven\":true},"
        "\"9/1\":{\"sampling-rate\":100,\"selectors\":{\"7\":100},\"scopes\":["
        "{\"rate\":50},{\"selector\":\"18446744073709551615\",\"template\":256,\"rate\":3},"
        "{\"ingress\":1,\"egress\":2,\"rate\":4},{\"interface\":11,\"rate\":5},"
        "{\"card\":1,\"rate\":6},{\"domain\":4294967295,\"rate\":7}],"
        "\"system-init-ms\":5,\"proven\":true},"
        "\"9/4294967295\":{\"sampling-rate\":2}}}";
    struct terms_list list;
    struct fault fault = {.text = ""};
    char *written = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(terms_load(&list, "t", text, sizeof text - 1, &fault), 0);
    assert_int_equal(list.count, 5);
    assert_true(list.tells_proven);
    FILE *out = open_memstream(&written, &len);
    terms_write(out, &list);
    fclose(out);
    assert_string_equal(written, text);
    free(written);
    terms_list_fini(&list);
    assert_int_equal(terms_load(&list, "t", text, sizeof text - 2, &fault), -1);
    assert_int_equal(list.count, 0);
}

static void test_a_file_is_replaced_whole(void **state)
{
    char folder[] = "/tmp/state_test.XXXXXX";
    char path[64];
    char beside[80];
    char *text;
    size_t len;
    struct fault fault = {.text = ""};
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    snprintf(beside, sizeof beside, "%s_tmp", path);
    assert_int_equal(disk_read(&text, &len, path, 100, &fault), 0);
    assert_null(text);
    assert_int_equal(disk_replace(path, "first", 5, &fault), 0);
    assert_int_equal(disk_replace(path, "2nd", 3, &fault), 0);
    assert_int_equal(access(beside, F_OK), -1);
    assert_int_equal(disk_read(&text, &len, path, 100, &fault), 0);
    assert_string_equal(text, "2nd");
    assert_int_equal(len, 3);
    free(text);
    assert_int_equal(disk_read(&text, &len, path, 2, &fault), -1);
    assert_int_equal(mkdir(beside, 0755), 0); // in the way
    assert_int_equal(disk_replace(path, "third", 5, &fault), -1);
    assert_int_equal(disk_read(&text, &len, path, 100, &fault), 0);
    assert_string_equal(text, "2nd");
    free(text);
    rmdir(beside);
    unlink(path);
    for (int i = 0; i < 2; i++) {
        *strrchr(path, '/') = '\0';
        rmdir(path);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_data_template),
        cmocka_unit_test(test_the_enterprise_bit),
        cmocka_unit_test(test_what_is_no_template_is_left_out),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_terms_are_written_as_they_are_read),
        cmocka_unit_test(test_a_file_is_replaced_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
