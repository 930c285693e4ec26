// context.yaml: which networks it makes, and every way in which it is refused.
#include "common/enrich/context.h"

#include "common/enrich/snapshot.h"
#include "common/flow/wire.h"

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

static struct context context;
static struct fault fault;

// "10.0.0.0/8 name k=v k=v\n" for each prefix, in order.
static void describe(char *out, size_t cap)
{
    const struct place_tables tables = {.contexts = context.records.bytes, .tags = context.tags};
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < context.entry_count; i++) {
        const struct lpm_entry *entry = &context.entries[i];
        char text[PREFIX_TEXT_MAX];
        struct answer answer;
        place_answer(&tables, place_pack((uint32_t)entry->value, 0, 0), &answer);
        at += (size_t)snprintf(out + at, cap - at, "%s %.*s", prefix_string(text, &entry->prefix),
                               (int)answer.group.len, (const char *)answer.group.data);
        for (size_t tag = 0; tag < answer.tag_count; tag++) {
            struct span key;
            struct span value;
            assert_int_equal(wire_entry(answer_tag(&answer, tag), &key, &value), 0);
            at += (size_t)snprintf(out + at, cap - at, " %.*s=%.*s", (int)key.len,
                                   (const char *)key.data, (int)value.len,
                                   (const char *)value.data);
        }
        at += (size_t)snprintf(out + at, cap - at, "\n");
    }
}

static void assert_makes(const char *yaml, const char *expected)
{
    char out[4096];
    if (context_load(&context, scratch_text(yaml), &fault) != 0)
        fail_msg("refused: %s", fault.text);
    describe(out, sizeof out);
    assert_string_equal(out, expected);
    context_fini(&context);
}

static void assert_refused(const char *yaml, const char *expected)
{
    assert_int_equal(context_load(&context, scratch_text(yaml), &fault), -1);
    assert_string_equal(scratch_behind(fault.text), expected);
    context_fini(&context);
}

static void reads_networks(void **state)
{
    (void)state;
    assert_makes("networks:\n"
                 "  - name: web\n"
                 "    cidr: 192.0.2.0/24\n"
                 "    context:\n"
                 "      tier: frontend\n"
                 "      application: web\n"
                 "  - {name: both, cidrs: [10.0.0.0/8, '2001:db8::/32']}\n",
                 "10.0.0.0/8 both\n"
                 "192.0.2.0/24 web application=web tier=frontend\n"
                 "2001:db8::/32 both\n");
}

static void inherits_from_enclosing_networks(void **state)
{
    (void)state;
    assert_makes("networks:\n"
                 "- {name: host, cidr: 10.1.2.3/32, context: {owner: me, port: 80}}\n"
                 "- {name: all, cidr: 0.0.0.0/0, context: {owner: us, zone: outside}}\n"
                 "- {name: ten, cidr: 10.0.0.0/8, context: {zone: inside}}\n"
                 "- {name: bare, cidr: 10.1.0.0/16}\n"
                 "- {name: beside, cidr: 11.0.0.0/8, context: {a: ''}}\n"
                 "- {name: six, cidr: '::/0', context: {b: c}}\n",
                 "0.0.0.0/0 all owner=us zone=outside\n"
                 "10.0.0.0/8 ten owner=us zone=inside\n"
                 "10.1.0.0/16 bare owner=us zone=inside\n"
                 "10.1.2.3/32 host owner=me port=80 zone=inside\n"
                 "11.0.0.0/8 beside a= owner=us zone=outside\n"
                 "::/0 six b=c\n");
}

static void takes_mapped_prefixes_as_ipv4(void **state)
{
    (void)state;
    assert_makes("networks: [{name: a, cidr: '::ffff:192.0.2.0/120'}]", "192.0.2.0/24 a\n");
    assert_makes("networks: [{name: a, cidr: '::ffff:0.0.0.0/96'}]", "0.0.0.0/0 a\n");
    assert_refused("networks: [{name: a, cidr: '::ffff:192.0.2.0/120'},\n"
                   " {name: b, cidr: 192.0.2.0/24}]",
                   ":2: duplicate CIDR 192.0.2.0/24, first on line 1");
}

static void refuses_bad_cidrs(void **state)
{
    (void)state;
    assert_refused("networks:\n  - name: a\n    cidr: 10.0.0.1\n",
                   ":3: bad CIDR \"10.0.0.1\": expected address/bits");
    assert_refused("networks:\n  - name: a\n    cidr: 10.0.0/8\n",
                   ":3: bad CIDR \"10.0.0/8\": not an IPv4 or IPv6 address");
    assert_refused("networks:\n  - name: a\n    cidr: 10.0.0.0/33\n",
                   ":3: bad CIDR \"10.0.0.0/33\": the bits must be 0 to 32");
    assert_refused("networks:\n  - name: a\n    cidrs:\n    - 10.0.0.0/8\n    - 2001:db8::/129\n",
                   ":5: bad CIDR \"2001:db8::/129\": the bits must be 0 to 128");
    assert_refused("networks:\n  - name: a\n    cidr: 10.1.0.0/8\n",
                   ":3: CIDR 10.1.0.0/8 has host bits set, the network is 10.0.0.0/8");
    assert_refused("networks:\n  - name: a\n    cidr: 2001:db8::1/64\n",
                   ":3: CIDR 2001:db8::1/64 has host bits set, the network is 2001:db8::/64");
    assert_refused("networks:\n- {name: a, cidr: 10.0.0.0/8}\n- {name: b, cidr: 11.0.0.0/8}\n"
                   "- {name: c, cidr: 10.0.0.0/8}\n",
                   ":4: duplicate CIDR 10.0.0.0/8, first on line 2");
}

static void refuses_what_is_missing(void **state)
{
    (void)state;
    assert_refused("networks:\n  - cidr: 10.0.0.0/8\n", ":2: network without \"name\"");
    assert_refused("networks:\n  - name: a\n", ":2: network \"a\" without \"cidr\" or \"cidrs\"");
    assert_refused("networks: [{name: a, cidrs: []}]",
                   ":1: network \"a\" without \"cidr\" or \"cidrs\"");
    assert_refused("networks: [{name: '', cidr: 10.0.0.0/8}]", ":1: name is empty");
    assert_refused("", ":1: the file is empty");
    assert_refused("# only a comment\n", ":1: the file is empty");
    assert_refused("networks: []\n", ":1: no networks, expected networks: [{name, cidr, context}]");
    assert_refused("{}\n", ":1: no networks, expected networks: [{name, cidr, context}]");
    assert_refused("networks:\n", ":1: networks: expected a list, got nothing");
}

static void refuses_wrong_keys_and_types(void **state)
{
    (void)state;
    assert_refused("networks:\n  - name: a\n    cdir: 10.0.0.0/8\n",
                   ":3: unknown key \"cdir\" in network, did you mean \"cidr\"?");
    assert_refused("hosts: []\n", ":1: unknown key \"hosts\" in the file, valid: networks");
    assert_refused("- 1\n", ":1: the file: expected a mapping, got a list");
    assert_refused("networks: {a: b}\n", ":1: networks: expected a list, got a mapping");
    assert_refused("networks: [10.0.0.0/8]\n",
                   ":1: network: expected a mapping, got \"10.0.0.0/8\"");
    assert_refused("networks:\n- name: [a]\n", ":2: name: expected text, got a list");
    assert_refused("networks:\n- name: a\n  cidr:\n", ":3: cidr: expected text, got nothing");
    assert_refused("networks:\n- name: a\n  cidrs: 10.0.0.0/8\n",
                   ":3: cidrs: expected a list, got \"10.0.0.0/8\"");
    assert_refused("networks:\n- name: a\n  context: web\n",
                   ":3: context: expected a mapping, got \"web\"");
    assert_refused("networks:\n- name: a\n  context: {tier: [1, 2]}\n",
                   ":3: tier: expected text, got a list");
    assert_refused("a\n\nb", ":1: the file: expected a mapping, got \"a?b\""); // one line
    assert_refused("networks:\n- name: a\n  name: b\n",
                   ":3: key \"name\" given twice, first on line 2");
    assert_refused("networks:\n- name: a\n  context:\n    k: 1\n    k: 2\n",
                   ":5: context: key \"k\" given twice, first on line 4");
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    char yaml[8192];
    char name[CONTEXT_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    snprintf(yaml, sizeof yaml, "networks: [{name: %.*s, cidr: 10.0.0.0/8}]", (int)sizeof name,
             name);
    assert_refused(yaml, ":1: name of 257 bytes, at most 255: "
                         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\"");
    // Two networks of 40 tags each: too many only when one lies in the other.
    size_t at = (size_t)snprintf(yaml, sizeof yaml, "networks:\n");
    for (int network = 0; network < 2; network++) {
        at += (size_t)snprintf(yaml + at, sizeof yaml - at,
                               "- {name: a, cidr: 10.0.0.0/%d, "
                               "context: {",
                               8 + network);
        for (int tag = 0; tag < 40; tag++)
            at += (size_t)snprintf(yaml + at, sizeof yaml - at, "k%d: v, ", 100 * network + tag);
        at += (size_t)snprintf(yaml + at, sizeof yaml - at, "}}\n");
    }
    assert_refused(yaml, ":3: 80 tags with those of enclosing networks, at most 64");
}

static void refuses_what_is_no_yaml(void **state)
{
    (void)state;
    assert_refused("networks: [\n", ":2: not valid YAML: did not find expected node content");
    assert_refused("networks: &a []\n---\nnetworks: []\n",
                   ":2: a second document begins, expected the end");
    assert_refused("networks:\n- &a {name: a, cidr: 10.0.0.0/8}\n- *a\n",
                   ":3: aliases (*name) are not supported");
    assert_refused("networks: [{name: a, cidr: 10.0.0.0/8}]\n---\nnetworks: []\n",
                   ":2: a second document begins, expected the end");
    assert_refused("networks: [{name: \"a\\0b\", cidr: 10.0.0.0/8}]\n",
                   ":1: name: holds a NUL character");
    assert_int_equal(context_load(&context, "/nowhere/context.yaml", &fault), -1);
    assert_string_equal(fault.text,
                        "/nowhere/context.yaml: cannot be opened: No such file or directory");
    context_fini(&context);
    assert_int_equal(context_load(&context, "/", &fault), -1);
    assert_string_equal(fault.text, "/: is a directory, expected a file");
    context_fini(&context);
}

static void survives_being_cut_anywhere(void **state)
{
    (void)state;
    const char *yaml = "networks:\n- {name: a, cidr: 10.0.0.0/8, context: {k: \"v\\u00e9\"}}\n"
                       "- name: b\n  cidrs: ['2001:db8::/32', 10.1.0.0/16]\n  context:\n    l: |\n"
                       "      text\n";
    for (size_t len = 0; len <= strlen(yaml); len++) {
        int result = context_load(&context, scratch_write(yaml, len), &fault);
        assert_true(result == 0 || (result == -1 && scratch_behind(fault.text)[0] == ':'));
        context_fini(&context);
    }
}

static int remove_scratch(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}

// The last one is handed back, the others are in the log.
static void all_that_is_wrong_is_said(void **state)
{
    static const char *const wanted[] = {
        ":2: unknown key \\\"cdir\\\" in network, did you mean \\\"cidr\\\"?",
        ":3: CIDR 10.1.2.3/16 has host bits set, the network is 10.1.0.0/16",
        ":3: bad CIDR \\\"10.2.0.0\\\": expected address/bits",
        ":4: network without \\\"name\\\"",
        ":4: bad CIDR \\\"x/8\\\": not an IPv4 or IPv6 address",
        ":5: context: expected a mapping, got a list",
        ":6: key of a tag is empty",
    };
    char said[SAID_MAX];
    const char *at = said;
    (void)state;
    said_begin();
    int result = context_load(&context,
                              scratch_text("networks:\n"
                                           "- {name: a, cdir: 10.0.0.0/8}\n"
                                           "- {name: b, cidrs: [10.1.2.3/16, 10.2.0.0]}\n"
                                           "- {cidr: x/8}\n"
                                           "- {name: c, cidr: 10.3.0.0/16, context: [a, {b: c}]}\n"
                                           "- {name: d, cidr: 10.4.0.0/16, context: {'': v}}\n"
                                           "- {name: e, cidr: 10.5.0.0/16}\n"
                                           "- {name: f, cidr: 10.5.0.0/16}\n"),
                              &fault);
    said_end(said);
    context_fini(&context);
    assert_int_equal(result, -1);
    assert_string_equal(scratch_behind(fault.text),
                        ":8: duplicate CIDR 10.5.0.0/16, first on line 7");
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        at = strstr(at, wanted[i]);
        if (at == NULL)
            fail_msg("not said, or not in its order: %s", wanted[i]);
    }
    at = said;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        at = strchr(at, '\n') + 1;
    assert_string_equal(at, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_networks),
        cmocka_unit_test(inherits_from_enclosing_networks),
        cmocka_unit_test(takes_mapped_prefixes_as_ipv4),
        cmocka_unit_test(refuses_bad_cidrs),
        cmocka_unit_test(refuses_what_is_missing),
        cmocka_unit_test(refuses_wrong_keys_and_types),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(refuses_what_is_no_yaml),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(survives_being_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
