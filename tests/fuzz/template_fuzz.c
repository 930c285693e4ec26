// A template record, and records read by its plan. Input: a byte of settings, two bytes of length
// of the template set, the set, the records.
#include "collector/decode/plan.h"
#include "collector/decode/template.h"
#include "tests/fuzz/fuzz.h"

#define RECORDS_MAX 64

static void run_plan(const struct template *template, const uint8_t *records, size_t len)
{
    static struct flow flow;
    struct ledger ledger = {.datagrams_received = 0};
    struct plan_result result;
    uint8_t *bytes = fuzz_copy(records, len);
    size_t at = 0;
    for (unsigned i = 0; i < RECORDS_MAX && len - at >= template->min_len; i++) {
        flow_reset(&flow);
        size_t taken = plan_run(template->plan, bytes + at, len - at, &flow, &result, &ledger);
        if (taken == 0)
            break;
        FUZZ_REQUIRE(taken >= template->min_len && taken <= len - at);
        FUZZ_REQUIRE(template->variable || taken == template->min_len);
        fuzz_format_flow(&flow);
        at += taken;
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cursor input = cursor_over(data, len);
    uint8_t settings = cursor_u8(&input);
    size_t set_len = cursor_u16(&input);
    if (set_len > cursor_left(&input))
        set_len = cursor_left(&input);
    uint8_t *bytes = fuzz_copy(input.at, set_len);
    cursor_skip(&input, set_len);
    struct cursor set = cursor_over(bytes, set_len);
    struct template *template;
    uint16_t id;
    enum template_result parsed;
    do {
        template = NULL;
        size_t before = cursor_left(&set);
        parsed = template_parse(&set, settings & 1 ? TEMPLATE_V9 : TEMPLATE_IPFIX,
                                (settings & 2) != 0, &template, &id);
        FUZZ_REQUIRE((parsed == TEMPLATE_PARSED) == (template != NULL));
        FUZZ_REQUIRE(parsed == TEMPLATE_PADDING || parsed == TEMPLATE_BAD ||
                     cursor_left(&set) < before);
        if (template != NULL && template->plan != NULL && template->min_len != 0)
            run_plan(template, input.at, cursor_left(&input));
        template_free(template);
    } while (parsed == TEMPLATE_PARSED || parsed == TEMPLATE_WITHDRAWN);
    free(bytes);
    return 0;
}
