#include "tests/common/flow/formatter_case.h"

#include "common/base/log.h"

#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct flow flow;
struct fault fault;

struct formatter *load_filled(const char *yaml, unsigned filled)
{
    struct formatter *formatter;
    if (formatter_load(&formatter, scratch_text(yaml), filled, &fault) != 0)
        fail_msg("refused: %s", fault.text);
    return formatter;
}

struct format *compile_filled(const char *yaml, enum format_kind kind, unsigned filled)
{
    struct formatter *formatter = load_filled(yaml, filled);
    struct format *format = format_compile(kind, filled, formatter);
    formatter_free(formatter);
    assert_non_null(format);
    return format;
}

void assert_filled(const char *yaml, enum format_kind kind, unsigned filled, const char *expected)
{
    struct format *format = compile_filled(yaml, kind, filled);
    size_t bound = format_bound(format, &flow);
    uint8_t *out = malloc(bound + 1);
    uint8_t *end = format_flow(format, &flow, out);
    assert_true((size_t)(end - out) <= bound);
    *end = '\0';
    assert_string_equal((char *)out, expected);
    free(out);
    format_free(format);
}

void assert_json(const char *yaml, const char *expected)
{
    assert_filled(yaml, FORMAT_JSON, 0, expected);
}

void assert_text(const char *yaml, const char *expected)
{
    assert_filled(yaml, FORMAT_TEXT, 0, expected);
}

void add_number(uint32_t number, uint64_t value)
{
    const struct flow_custom custom = {
        .number = number, .kind = FLOW_CUSTOM_VARINT, .value = value};
    flow_add_custom(&flow, &custom);
}

void add_bytes(uint32_t number, const void *bytes, size_t len)
{
    const struct flow_custom custom = {
        .number = number, .kind = FLOW_CUSTOM_BYTES, .bytes = {bytes, len}};
    flow_add_custom(&flow, &custom);
}

void add_double(uint32_t number, double value)
{
    struct flow_custom custom = {.number = number, .kind = FLOW_CUSTOM_FIXED64};
    memcpy(&custom.value, &value, sizeof value);
    flow_add_custom(&flow, &custom);
}

int quiet(void **state)
{
    (void)state;
    log_setup(LOG_LEVEL_ERROR, false);
    return 0;
}

int remove_scratch(void **state)
{
    (void)state;
    scratch_remove();
    return 0;
}
