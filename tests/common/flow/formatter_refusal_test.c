// The words for what is wrong in the formatter block of mapping.yaml.
#include "tests/common/flow/formatter_case.h"

#include "common/base/log.h"

#include "tests/support/said.h"
#include "tests/support/scratch.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_refused_filled(const char *yaml, unsigned filled, const char *expected)
{
    struct formatter *formatter;
    assert_int_equal(formatter_load(&formatter, scratch_text(yaml), filled, &fault), -1);
    formatter_free(formatter);
    assert_string_equal(scratch_behind(fault.text), expected);
}

static void assert_refused(const char *yaml, const char *expected)
{
    assert_refused_filled(yaml, 0, expected);
}

static void wrong_columns_are_refused(void **state)
{
    (void)state;
    assert_refused("formatter:\n  fields:\n  - no_such\n  - nor_this\n",
                   ":3: fields: none of these is a column");
    assert_refused("formatter: {key: [icmp_name]}",
                   ":1: key: icmp_name is made for printing, expected a field");
    assert_refused("formatter: {key: [sampler]}",
                   ":1: key: no column \"sampler\", did you mean \"sampling_rate\"?");
    assert_refused(
        "formatter: {render: {bytes: network}}",
        ":1: unknown renderer \"network\", valid: none, ip, mac, etype, proto, datetime, "
        "datetimemilli, datetimenano, string, bool");
    assert_refused("formatter: {render: {bytes: datetimenanos}}",
                   ":1: unknown renderer \"datetimenanos\", did you mean \"datetimenano\"?");
    assert_refused("formatter: {rename: {bytes: ''}}",
                   ":1: rename: name of 0 bytes, expected 1 to 255");
    assert_refused("formatter: [a]", ":1: formatter: expected a mapping, got a list");
    assert_refused("", ":1: the file is empty");
}

static void wrong_custom_columns_are_refused(void **state)
{
    (void)state;
    assert_refused("formatter:\n  protobuf:\n  - {name: x, index: 9, type: varint}\n",
                   ":3: index of x: 9 is that of bytes in the schema");
    assert_refused("formatter:\n  protobuf:\n  - {name: x, index: 2000, type: varint}\n"
                   "  - {name: y, index: 2000, type: varint}\n",
                   ":4: index of y: 2000 is that of x on line 3");
    assert_refused("formatter:\n  protobuf:\n  - {name: x, index: 2000, type: varint}\n"
                   "  - {name: x, index: 2001, type: varint}\n",
                   ":4: column x given twice, first on line 3");
    assert_refused("formatter: {protobuf: [{name: x, index: 0, type: varint}]}",
                   ":1: index of x: got 0, expected 1 to 536870911, not 19000 to 19999");
    assert_refused("formatter: {protobuf: [{name: x, index: 19500, type: varint}]}",
                   ":1: index of x: got 19500, expected 1 to 536870911, not 19000 to 19999");
    assert_refused("formatter: {protobuf: [{name: x, index: 2000, type: varnt}]}",
                   ":1: unknown type \"varnt\", did you mean \"varint\"?");
    assert_refused("formatter: {protobuf: [{name: x, index: 2000}]}",
                   ":1: column x without a type");
    assert_refused("formatter: {protobuf: [{name: x, type: bytes}]}",
                   ":1: column x without an index");
    assert_refused("formatter: {protobuf: [{index: 2000, type: bytes}]}",
                   ":1: column without a name");
    assert_refused("formatter: {protobuf: [{name: x, index: a, type: bytes}]}",
                   ":1: index: expected a number, got \"a\"");
}

static void a_number_of_enrichment_is_refused_where_it_is_written(void **state)
{
    (void)state;
    static const char yaml[] = "formatter: {protobuf: [{name: x, index: 1900, type: varint}]}";
    assert_refused_filled(yaml, FORMAT_CONTEXT,
                          ":1: index of x: 1900 is that of src_group in the "
                          "schema");
    formatter_free(load_filled(yaml, FORMAT_COUNTRY | FORMAT_AS_NAME));
}

static void assert_warned(const char *said, const char *line)
{
    const char *at = strstr(said, line);
    if (at == NULL)
        fail_msg("not said: %s, but %s", line, said);
}

// The columns that there are stay in their order.
static void unknown_columns_are_left_out(void **state)
{
    char said[SAID_MAX];
    size_t count;
    (void)state;
    log_setup(LOG_LEVEL_WARN, false);
    said_begin();
    struct formatter *formatter = load_filled("formatter:\n"
                                              "  fields:\n"
                                              "  - bytes\n"
                                              "  - custom_src_port\n"
                                              "  - src_adr\n"
                                              "  - dst_port\n",
                                              0);
    said_end(said);
    (void)quiet(state);
    const char *const *fields = formatter_fields(formatter, &count);
    assert_int_equal(count, 2);
    assert_string_equal(fields[0], "bytes");
    assert_string_equal(fields[1], "dst_port");
    formatter_free(formatter);
    assert_warned(said, ":4: fields: \\\"custom_src_port\\\" is left out, it is no column: neither "
                        "in the schema nor under protobuf");
    assert_warned(said, ":5: fields: \\\"src_adr\\\" is left out, it is no column: did you mean "
                        "\\\"src_addr\\\"?");
}

// Beside a faulty column all else of the block is looked at.
static void all_that_is_wrong_is_said(void **state)
{
    char said[SAID_MAX];
    struct formatter *formatter;
    (void)state;
    said_begin();
    int result = formatter_load(&formatter,
                                scratch_text("formatter:\n"
                                             "  key: [nothing_of_that_name, icmp_name]\n"
                                             "  render: {bytes: ipp, src_addr: macc}\n"
                                             "  rename: {bytes: ''}\n"
                                             "  protobuf:\n"
                                             "  - {name: x, index: 9, type: varint}\n"
                                             "  - {name: y, index: 2000, type: varnt}\n"
                                             "  - {name: z, index: 2001, type: varint}\n"),
                                0, &fault);
    said_end(said);
    assert_int_equal(result, -1);
    assert_non_null(formatter);
    assert_non_null(formatter_custom(formatter, "z"));
    assert_null(formatter_custom(formatter, "y"));
    formatter_free(formatter);
    assert_warned(said, ":6: index of x: 9 is that of bytes");
    assert_warned(said, ":7: unknown type");
    assert_warned(said, ":2: key: no column");
    assert_warned(said, ":2: key: icmp_name is made for printing");
    assert_warned(said, ":4: rename: name of 0 bytes");
    assert_warned(said, ":3: unknown renderer \\\"ipp\\\"");
    assert_string_equal(scratch_behind(fault.text),
                        ":3: unknown renderer \"macc\", did you mean \"mac\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_columns_are_refused),
        cmocka_unit_test(wrong_custom_columns_are_refused),
        cmocka_unit_test(unknown_columns_are_left_out),
        cmocka_unit_test(all_that_is_wrong_is_said),
        cmocka_unit_test(a_number_of_enrichment_is_refused_where_it_is_written),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
