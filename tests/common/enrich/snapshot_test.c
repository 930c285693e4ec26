// What a snapshot answers when context, AS and country overlap in every way.
#include "common/enrich/snapshot.h"

#include "common/base/addr.h"
#include "common/base/log.h"
#include "common/flow/wire.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct snapshot *snapshot;

static void load(const char *yaml, const char *asn, const char *country)
{
    struct snapshot_options options = {.asn_path = asn, .country_path = country};
    if (yaml != NULL)
        options.context_path = scratch_text(yaml);
    snapshot = snapshot_new(&options);
    assert_non_null(snapshot);
}

// "group k=v AS64496 name DE", "-" for what has no answer.
static const char *answer_text(const char *address)
{
    static char out[512];
    struct addr addr;
    struct answer answer;
    assert_int_equal(addr_parse(&addr, address), 0);
    snapshot_lookup(snapshot, addr.bytes, addr.len, &answer);
    size_t at = (size_t)snprintf(out, sizeof out, "%.*s", (int)answer.group.len,
                                 (const char *)answer.group.data);
    for (size_t i = 0; i < answer.tag_count; i++) {
        struct span key;
        struct span value;
        assert_int_equal(wire_entry(answer_tag(&answer, i), &key, &value), 0);
        at += (size_t)snprintf(out + at, sizeof out - at, " %.*s=%.*s", (int)key.len,
                               (const char *)key.data, (int)value.len, (const char *)value.data);
    }
    assert_int_equal(answer.has_asn, answer.asn != 0);
    snprintf(out + at, sizeof out - at, "|%u %.*s|%.*s", answer.asn, (int)answer.as_name.len,
             (const char *)answer.as_name.data, (int)answer.country.len,
             (const char *)answer.country.data);
    return out;
}

static void answers_for_all_sources_at_once(void **state)
{
    (void)state;
    load("networks:\n"
         "- {name: everything, cidr: 0.0.0.0/0, context: {z: outside}}\n"
         "- {name: half, cidr: 203.0.113.0/26, context: {z: inside}}\n"
         "- {name: both, cidr: 203.0.113.0/24, context: {y: '1'}}\n"
         "- {name: same, cidr: 203.0.113.128/25}\n"
         "- {name: six, cidr: '2001:db8::/32'}\n",
         FIXTURES "/demo-asn.mmdb", FIXTURES "/demo-country.mmdb");
    assert_string_equal(answer_text("8.8.8.8"), "everything z=outside|0 |");
    assert_string_equal(answer_text("192.0.2.1"), "everything z=outside|64496 Example Hosting|DE");
    assert_string_equal(answer_text("203.0.113.63"), "half y=1 z=inside|64498 Example Telecom|JP");
    assert_string_equal(answer_text("203.0.113.64"), "both y=1 z=outside|64498 Example Telecom|JP");
    assert_string_equal(answer_text("203.0.113.128"), "same y=1 z=outside|64499 Example Mobile|BR");
    assert_string_equal(answer_text("203.0.114.0"), "everything z=outside|0 |");
    assert_string_equal(answer_text("2001:db8:a:ffff::"), "six|64497 Example Mail and Web|US");
    assert_string_equal(answer_text("2001:db8:c::"), "six|0 |");
    assert_string_equal(answer_text("2001:db9::"), "|0 |");
    assert_string_equal(answer_text("::ffff:192.0.2.1"),
                        "everything z=outside|64496 Example Hosting|DE");
    snapshot_unref(snapshot);
}

static void answers_without_a_source(void **state)
{
    (void)state;
    load(NULL, NULL, NULL);
    assert_string_equal(answer_text("192.0.2.1"), "|0 |");
    assert_false(snapshot_has_context(snapshot));
    assert_false(snapshot_has_asn(snapshot));
    assert_false(snapshot_has_country(snapshot));
    snapshot_unref(snapshot);
    load(NULL, "", FIXTURES "/flat-country.mmdb");
    assert_string_equal(answer_text("192.0.2.1"), "|0 |DE");
    assert_false(snapshot_has_asn(snapshot));
    assert_true(snapshot_has_country(snapshot));
    snapshot_unref(snapshot);
}

static void answers_nothing_for_what_is_no_address(void **state)
{
    (void)state;
    static const uint8_t bytes[20] = {192, 0, 2, 1};
    load("networks: [{name: all, cidrs: [0.0.0.0/0, '::/0'], context: {a: b}}]", NULL, NULL);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct answer answer;
        snapshot_lookup(snapshot, len == 0 ? NULL : bytes, len, &answer);
        assert_int_equal(answer.group.len, len == 4 || len == 16 ? 3 : 0);
        assert_int_equal(answer.tag_count, len == 4 || len == 16 ? 1 : 0);
    }
    snapshot_unref(snapshot);
}

static void counts_its_contents(void **state)
{
    (void)state;
    struct snapshot_facts facts;
    load("networks: [{name: a, cidrs: [10.0.0.0/8, 11.0.0.0/8]}, {name: b, cidr: 12.0.0.0/8}]",
         FIXTURES "/demo-asn.mmdb", FIXTURES "/flat-country.mmdb");
    snapshot_facts(snapshot, &facts);
    assert_int_equal(facts.networks, 2);
    assert_int_equal(facts.asn_prefixes, 7);
    assert_int_equal(facts.country_prefixes, 7);
    assert_true(facts.asn_built > 0 && facts.country_built > 0);
    snapshot_unref(snapshot_ref(snapshot));
    snapshot_unref(snapshot);
    snapshot_unref(NULL);
}

static void is_refused_with_a_broken_file(void **state)
{
    (void)state;
    const struct snapshot_options broken[] = {
        {.context_path = scratch_text("networks: 1\n")},
        {.asn_path = FIXTURES "/demo-country.mmdb"},
        {.country_path = "/nowhere"},
    };
    log_setup(LOG_LEVEL_ERROR + 1, false);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_null(snapshot_new(&broken[i]));
    log_setup(LOG_LEVEL_INFO, false);
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
        cmocka_unit_test(answers_for_all_sources_at_once),
        cmocka_unit_test(answers_without_a_source),
        cmocka_unit_test(answers_nothing_for_what_is_no_address),
        cmocka_unit_test(counts_its_contents),
        cmocka_unit_test(is_refused_with_a_broken_file),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
