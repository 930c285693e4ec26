// YAML by schema: what lands where, and the words for what does not. context_test has more.
#include "common/base/conf.h"
#include "common/base/log.h"

#include "tests/support/said.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define LISTS_31 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define ENDS_31  "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

struct inner {
    struct conf_number depth;
};

struct item {
    struct conf_text name;
    struct conf_number size;
    struct conf_list words;
};

struct root {
    struct conf_text title;
    struct conf_number on;
    struct conf_map map;
    struct inner inner;
};

// What the callbacks saw, as one text.
static char seen[4096];
static unsigned item_count;
static struct fault fault;

static void see(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void see(const char *format, ...)
{
    va_list arguments;
    size_t at = strlen(seen);
    va_start(arguments, format);
    vsnprintf(seen + at, sizeof seen - at, format, arguments);
    va_end(arguments);
}

static int see_item(struct conf *conf, void *object, unsigned line)
{
    const struct item *item = object;
    assert_ptr_equal(conf_context(conf), seen);
    if (++item_count > 100) // the text would not hold them
        return 0;
    see("item@%u %s %lld@%u", line, item->name.text == NULL ? "-" : item->name.text,
        (long long)item->size.value, item->size.line);
    for (size_t i = 0; i < item->words.count; i++)
        see(" %s@%u", item->words.items[i].text, item->words.items[i].line);
    see("\n");
    if (item->size.value == 13)
        return conf_fail(conf, item->size.line, "size: unlucky");
    return 0;
}

static int see_root(struct conf *conf, void *object, unsigned line)
{
    const struct root *root = object;
    (void)conf;
    see("root@%u %s on=%lld depth=%lld", line, root->title.text == NULL ? "-" : root->title.text,
        (long long)root->on.value, (long long)root->inner.depth.value);
    for (size_t i = 0; i < root->map.count; i++)
        see(" %s=%s", root->map.items[i].key.text, root->map.items[i].value.text);
    see("\n");
    return 0;
}

static const struct conf_field INNER_FIELDS[] = {
    {"depth", CONF_NUMBER, offsetof(struct inner, depth), NULL},
};
static const struct conf_schema INNER = {"inner", INNER_FIELDS, 1, sizeof(struct inner),
                                         NULL,    false};

static const struct conf_field ITEM_FIELDS[] = {
    {"name", CONF_TEXT, offsetof(struct item, name), NULL},
    {"size", CONF_NUMBER, offsetof(struct item, size), NULL},
    {"words", CONF_TEXTS, offsetof(struct item, words), NULL},
};
static const struct conf_schema ITEM = {"item",   ITEM_FIELDS,       3, sizeof(struct item),
                                        see_item, CONF_UNKNOWN_FAILS};

static const struct conf_field ROOT_FIELDS[] = {
    {"title", CONF_TEXT, offsetof(struct root, title), NULL},
    {"on", CONF_BOOL, offsetof(struct root, on), NULL},
    {"map", CONF_MAP, offsetof(struct root, map), NULL},
    {"inner", CONF_OBJECT, offsetof(struct root, inner), &INNER},
    {"items", CONF_OBJECTS, 0, &ITEM},
    {"other", CONF_SKIP, 0, NULL},
};
static const struct conf_schema ROOT = {"the file",          ROOT_FIELDS, 6,
                                        sizeof(struct root), see_root,    CONF_UNKNOWN_FAILS};
static const struct conf_schema LENIENT = {"the file",          ROOT_FIELDS, 6,
                                           sizeof(struct root), see_root,    CONF_UNKNOWN_WARNS};

static int read_text(const char *yaml)
{
    struct root root;
    seen[0] = '\0';
    item_count = 0;
    return conf_read(scratch_text(yaml), &ROOT, &root, seen, &fault);
}

static void assert_reads(const char *yaml, const char *expected)
{
    if (read_text(yaml) != 0)
        fail_msg("refused: %s", fault.text);
    assert_string_equal(seen, expected);
}

static void assert_refused(const char *yaml, const char *expected)
{
    assert_int_equal(read_text(yaml), -1);
    assert_string_equal(scratch_behind(fault.text), expected);
}

static void reads_every_kind(void **state)
{
    (void)state;
    assert_reads("title: a title\n"
                 "on: yes\n"
                 "map: {a: 1, \"b c\": ''}\n"
                 "items:\n"
                 "  - name: first\n"
                 "    size: 0x10\n"
                 "    words:\n"
                 "      - one\n"
                 "      - two\n"
                 "  - {size: -3, words: [a, b, c, d, e, f, g, h, i]}\n"
                 "  - {}\n"
                 "inner: {depth: 7}\n",
                 "item@5 first 16@6 one@8 two@9\n"
                 "item@10 - -3@10 a@10 b@10 c@10 d@10 e@10 f@10 g@10 h@10 i@10\n"
                 "item@11 - 0@0\n"
                 "root@1 a title on=1 depth=7 a=1 b c=\n");
    assert_reads("on: off\n", "root@1 - on=0 depth=0\n");
}

// Many items, so that the memory of one is used again for the next.
static void keeps_what_is_outside_of_lists(void **state)
{
    (void)state;
    static char yaml[400000] = "title: kept\nmap: {k: v}\nitems:\n";
    size_t at = strlen(yaml);
    for (int i = 0; i < 10000; i++)
        at += (size_t)snprintf(yaml + at, sizeof yaml - at, "- {words: [x%d, y, z]}\n", i);
    assert_int_equal(read_text(yaml), 0);
    assert_int_equal(item_count, 10000);
    assert_memory_equal(seen, "item@4 - 0@0 x0@4 y@4 z@4\n", 26);
    assert_non_null(strstr(seen, "root@1 kept on=0 depth=0 k=v\n"));
}

static void reads_a_text_of_any_length(void **state)
{
    (void)state;
    static char yaml[300000];
    struct root root;
    memset(yaml, 'x', sizeof yaml - 1);
    memcpy(yaml, "title: ", 7);
    seen[0] = '\0';
    assert_int_equal(conf_read(scratch_text(yaml), &ROOT, &root, seen, &fault), 0);
    assert_int_equal(root.title.len, sizeof yaml - 1 - 7);
}

static void refuses_wrong_values(void **state)
{
    (void)state;
    assert_refused("inner: {depth: 010x}\n", ":1: depth: expected a number, got \"010x\"");
    assert_refused("inner: {depth: ' 1'}\n", ":1: depth: expected a number, got \" 1\"");
    assert_refused("inner: {depth: +1}\n", ":1: depth: expected a number, got \"+1\"");
    assert_refused("inner: {depth: 0x}\n", ":1: depth: expected a number, got \"0x\"");
    assert_refused("inner: {depth: 99999999999999999999}\n",
                   ":1: depth: expected a number, got \"99999999999999999999\"");
    assert_refused("on: 1\n", ":1: on: expected true or false, got \"1\"");
    assert_refused("map: [a]\n", ":1: map: expected a mapping, got a list");
    assert_refused("map: {[a]: b}\n", ":1: map: expected text as the key, got a list");
    assert_refused("inner: []\n", ":1: inner: expected a mapping, got a list");
    assert_refused("items: {}\n", ":1: items: expected a list, got a mapping");
    assert_refused("titel: x\n", ":1: unknown key \"titel\" in the file, did you mean \"title\"?");
    assert_refused("\n\nitems:\n- words: [a,\n   b,\n   {c: d}]\n",
                   ":6: words: expected text, got a mapping");
    assert_refused("items:\n- size: 13\n", ":2: size: unlucky");
}

static void refuses_bytes_that_are_no_text(void **state)
{
    (void)state;
    struct root root;
    static const uint8_t latin1[] = "title: caf\xe9\n";
    assert_int_equal(
        conf_read(scratch_write(latin1, sizeof latin1 - 1), &ROOT, &root, seen, &fault), -1);
    assert_non_null(strstr(fault.text, "not valid YAML"));
}

static void passes_over_what_is_for_others(void **state)
{
    (void)state;
    assert_reads("other: {a: [1, {b: c}], d: }\ntitle: t\n", "root@1 t on=0 depth=0\n");
    assert_reads("other: text\ntitle: t\n", "root@1 t on=0 depth=0\n");
    assert_refused("other: [1\n", ":2: not valid YAML: did not find expected ',' or ']'");
}

// Deep nesting takes the parser time that grows with its square, wherever it stands.
static void deep_nesting_is_refused(void **state)
{
    static const char *const begins[] = {"other: ", "title: ", "", "items: ", "- "};
    static const char *const levels[] = {"[", "{a: ", "- ", "? "};
    const size_t count = 100000;
    char *text = malloc(count * 4 + 16);
    struct root root;
    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        for (size_t j = 0; j < sizeof levels / sizeof levels[0]; j++) {
            size_t len = strlen(begins[i]);
            memcpy(text, begins[i], len);
            for (size_t k = 0; k < count; k++, len += strlen(levels[j]))
                memcpy(text + len, levels[j], strlen(levels[j]));
            assert_int_equal(conf_read(scratch_write(text, len), &ROOT, &root, seen, &fault), -1);
            assert_int_equal(conf_read(scratch_write(text, len), &LENIENT, &root, seen, &fault),
                             -1);
        }
    }
    free(text);
    assert_reads("other: " LISTS_31 LISTS_31 "[x]" ENDS_31 ENDS_31 "\ntitle: t\n",
                 "root@1 t on=0 depth=0\n");
    assert_refused("other: [" LISTS_31 LISTS_31 "[x]" ENDS_31 ENDS_31 "]\n",
                   ":1: more than 64 lists and mappings in each other");
}

static void a_lenient_schema_warns_of_unknown_keys(void **state)
{
    (void)state;
    struct root root;
    log_setup(LOG_LEVEL_ERROR, false);
    seen[0] = '\0';
    assert_int_equal(conf_read(scratch_text("titel: {x: [y]}\ntitle: t\ninner: ~\nmap:\n"),
                               &LENIENT, &root, seen, &fault),
                     0);
    assert_string_equal(seen, "root@1 t on=0 depth=0\n");
    assert_int_equal(conf_read(scratch_text("title: t\ntitle: u\n"), &LENIENT, &root, seen, &fault),
                     -1);
    assert_string_equal(scratch_behind(fault.text),
                        ":2: key \"title\" given twice, first on line 1");
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

// Wherever in a value the fault is, what stands behind the value is read.
static void a_fault_ends_its_value_only(void **state)
{
    static const char *const faulty[] = {
        "title: [a, {b: [c]}]",    "title: {a: [b]}",          "on: maybe",
        "map: {a: [b, c], d: e}",  "map: {a: b, a: c, d: e}",  "map: {[a, b]: c, d: e}",
        "inner: [{depth: 1}]",     "inner: {depth: {a: [b]}}", "inner: {dpth: [1, [2]]}",
        "items: {a: [b]}",         "titel: {a: {b: [c]}}",     "[a, {b: c}]: {d: [e]}",
        "other: x, other: [y, z]",
    };
    char said[SAID_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, "{%s,\n items: [{name: n, size: 13}]}\n", faulty[i]);
        if (strncmp(faulty[i], "items", 5) == 0)
            snprintf(yaml, sizeof yaml, "{%s,\n inner: {depth: x}}\n", faulty[i]);
        said_begin();
        int result = read_text(yaml);
        said_end(said);
        assert_int_equal(result, -1);
        if (count_lines(said) != 1 || strstr(said, ":1: ") == NULL)
            fail_msg("of %s: %s", faulty[i], said);
        assert_memory_equal(scratch_behind(fault.text), ":2: ", 4);
    }
}

// An object of which something is wrong is not handed on, the ones beside it are.
static void faulty_items_are_passed_over(void **state)
{
    char said[SAID_MAX];
    (void)state;
    said_begin();
    int result = read_text("items:\n"
                           "- {name: a}\n"
                           "- {name: [b], words: x}\n"
                           "- no object\n"
                           "- {name: c, nmae: d}\n"
                           "- {name: e}\n"
                           "title: t\n");
    said_end(said);
    assert_int_equal(result, -1);
    assert_string_equal(seen, "item@2 a 0@0\nitem@6 e 0@0\nroot@1 t on=0 depth=0\n");
    assert_int_equal(count_lines(said), 3);
    assert_string_equal(scratch_behind(fault.text),
                        ":5: unknown key \"nmae\" in item, did you mean \"name\"?");
}

// What is no YAML ends a file; what was found before it is said.
static void what_is_no_yaml_ends_the_file(void **state)
{
    char said[SAID_MAX];
    (void)state;
    said_begin();
    int result = read_text("on: maybe\ninner: {depth: x}\nitems: [\n");
    said_end(said);
    assert_int_equal(result, -1);
    if (count_lines(said) != 2)
        fail_msg("%s", said);
    assert_non_null(strstr(scratch_behind(fault.text), ":4: not valid YAML"));
    said_begin();
    result = read_text("on: maybe\ntitle: *a\ninner: {depth: x}\n");
    said_end(said);
    assert_int_equal(result, -1);
    assert_int_equal(count_lines(said), 1);
    assert_string_equal(scratch_behind(fault.text), ":2: aliases (*name) are not supported");
}

static void many_faults_are_cut_short(void **state)
{
    char said[SAID_MAX];
    char yaml[8192] = "items:\n";
    size_t at = strlen(yaml);
    (void)state;
    for (unsigned count = 0; count < 2 * CONF_FAULTS_MAX; count++) {
        at += (size_t)snprintf(yaml + at, sizeof yaml - at, "- {size: x}\n");
        said_begin();
        int result = read_text(yaml);
        said_end(said);
        assert_int_equal(result, -1);
        assert_int_equal(count_lines(said), count < CONF_FAULTS_MAX ? count : CONF_FAULTS_MAX);
    }
    assert_string_equal(scratch_behind(fault.text),
                        ": more than 20 errors, the rest is not looked at");
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
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(keeps_what_is_outside_of_lists),
        cmocka_unit_test(reads_a_text_of_any_length),
        cmocka_unit_test(refuses_wrong_values),
        cmocka_unit_test(refuses_bytes_that_are_no_text),
        cmocka_unit_test(passes_over_what_is_for_others),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(a_lenient_schema_warns_of_unknown_keys),
        cmocka_unit_test(a_fault_ends_its_value_only),
        cmocka_unit_test(faulty_items_are_passed_over),
        cmocka_unit_test(what_is_no_yaml_ends_the_file),
        cmocka_unit_test(many_faults_are_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
