#include "tests/collector/decode/mapping_case.h"

#include "common/base/log.h"
#include "common/flow/formatter.h"

#include "tests/support/scratch.h"

#include <inttypes.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct mapping *load(const char *yaml, struct fault *fault)
{
    const char *path = scratch_text(yaml);
    struct formatter *formatter;
    struct mapping *mapping = NULL;
    if (formatter_load(&formatter, path, 0, fault) == 0)
        mapping = mapping_load(path, formatter, fault);
    formatter_free(formatter);
    return mapping;
}

struct mapping *mapping_of(const char *yaml)
{
    struct fault fault;
    struct mapping *mapping = load(yaml, &fault);
    if (mapping == NULL)
        fail_msg("refused: %s", fault.text);
    return mapping;
}

void assert_mapping_refused(const char *blocks, unsigned line, const char *expected)
{
    char yaml[4096];
    char text[FAULT_TEXT_MAX];
    struct fault fault = {.text = ""};
    snprintf(yaml, sizeof yaml, COLUMNS "%s", blocks);
    snprintf(text, sizeof text, ":%u: %s", COLUMN_LINES + line, expected);
    assert_null(load(yaml, &fault));
    assert_string_equal(scratch_behind(fault.text), text);
}

void assert_customs(const struct flow *flow, const char *expected)
{
    char text[1024] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < flow->custom_count && len < sizeof text - 64; i++) {
        const struct flow_custom *custom = &flow->custom[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%u=", i == 0 ? "" : " ",
                                custom->number);
        if (custom->kind != FLOW_CUSTOM_BYTES)
            len += (size_t)snprintf(text + len, sizeof text - len, "%" PRIu64, custom->value);
        for (size_t j = 0; j < custom->bytes.len && len < sizeof text - 64; j++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%02x", custom->bytes.data[j]);
    }
    assert_string_equal(text, expected);
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
