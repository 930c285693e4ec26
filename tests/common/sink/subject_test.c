// Subjects: patterns, what they render, what a stream must be bound to.
#include "common/sink/nats/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void assert_renders(const char *pattern, const struct flow *flow, uint32_t key,
                           const char *wanted)
{
    struct subject subject;
    struct fault fault = {.text = ""};
    char text[SUBJECT_TEXT_MAX];
    assert_int_equal(subject_parse(&subject, pattern, &fault), 0);
    assert_int_equal(subject_render(&subject, flow, key, text), strlen(wanted));
    assert_string_equal(text, wanted);
}

static void renders_fields_as_tokens(void **state)
{
    static const uint8_t v4[] = {192, 0, 2, 1};
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct flow flow;
    (void)state;
    flow_reset(&flow);
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_IPFIX);
    flow_set_bytes(&flow, FLOW_SAMPLER_ADDRESS, v4, sizeof v4);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, v6, sizeof v6);
    flow_set_num(&flow, FLOW_PROTO, 6);
    flow_set_num(&flow, FLOW_IN_IF, 7);
    assert_renders("flows.{type}.{sampler_address}", &flow, 0, "flows.IPFIX.192-0-2-1");
    assert_renders("f.{SrcAddr}.{dst_addr}", &flow, 0, "f.2001-db8--1.none");
    assert_renders("f.p{proto}.{in_if}.{out_if}", &flow, 0, "f.pTCP.7.0");
    assert_renders("plain.subject", NULL, 9, "plain.subject");
    assert_renders("part.{key:8}", NULL, 0xfffffffd, "part.5");
}

static void knows_what_it_needs(void **state)
{
    struct subject subject;
    struct fault fault = {.text = ""};
    (void)state;
    assert_int_equal(subject_parse(&subject, "a.x{type}y.b.{key:4}", &fault), 0);
    assert_true(subject.wants_fields);
    assert_true(subject.wants_key);
    assert_string_equal(subject.wildcard, "a.*.b.*");
    assert_int_equal(subject_parse(&subject, "a.b", &fault), 0);
    assert_false(subject.wants_fields);
    assert_false(subject.wants_key);
    assert_string_equal(subject.wildcard, "a.b");
}

static void refuses(void **state)
{
    static const char *const bad[] = {
        "",         ".a",           "a.",       "a..b",        "a b",           "a.*",
        "a.>",      "a.{type",      "a.type}",  "a.{nope}",    "a.{src_group}", "a.{key}",
        "a.{key:}", "a.{key:0}",    "{key:-1}", "{key:99999}", "{as_path}",     "{src_country}",
        "{src_as}", "{mpls_label}",
    };
    struct subject subject;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fault fault = {.text = ""};
        if (subject_parse(&subject, bad[i], &fault) != -1)
            fail_msg("accepted \"%s\"", bad[i]);
        assert_true(strstr(fault.text, "wanted") != NULL);
    }
}

static void covers(void **state)
{
    static const struct {
        const char *outer;
        const char *inner;
        bool answer;
    } cases[] = {
        {"a.b", "a.b", true},    {"a.b", "a.c", false},  {"a.*", "a.b", true},
        {"a.*", "a.b.c", false}, {"a.>", "a.b.c", true}, {">", "a", true},
        {"a.>", "a", false},     {"a.b", "a.*", false},  {"a.*", "a.*", true},
        {"a.*", "a.>", false},   {"a", "a.b", false},    {"a.*.c", "a.b.c", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (subject_covers(cases[i].outer, cases[i].inner) != cases[i].answer)
            fail_msg("%s and %s", cases[i].outer, cases[i].inner);
}

static void meets(void **state)
{
    static const struct {
        const char *one;
        const char *other;
        bool answer;
    } cases[] = {
        {"a.b", "a.b", true},     {"a.b", "a.*", true},  {"*.b", "a.*", true},
        {">", "a.b", true},       {"a.>", "*.b", true},  {"a.>", "a", false},
        {"a.b", "a.c", false},    {"a.*", "b.*", false}, {"a.*", "a.b.c", false},
        {"*.b.>", "a.*.c", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (subject_meets(cases[i].one, cases[i].other) != cases[i].answer ||
            subject_meets(cases[i].other, cases[i].one) != cases[i].answer)
            fail_msg("%s and %s", cases[i].one, cases[i].other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_fields_as_tokens),
        cmocka_unit_test(knows_what_it_needs),
        cmocka_unit_test(refuses),
        cmocka_unit_test(covers),
        cmocka_unit_test(meets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
