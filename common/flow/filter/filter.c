#include "common/flow/filter/filter.h"

#include "common/base/addr.h"
#include "common/base/cursor.h"
#include "common/flow/filter/program.h"
#include "common/flow/wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t filter_float_key(double value)
{
    uint64_t bits;
    if (value == 0)
        value = 0; // of both zeros
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

// The first range that does not end before the value.
static bool has_number(const struct filter *filter, const struct filter_set *set, uint64_t value)
{
    if (set->range_count == 0)
        return false;
    const struct filter_range *ranges = filter->ranges + set->ranges;
    uint32_t low = 0;
    for (uint32_t high = set->range_count; low < high;) {
        uint32_t middle = (low + high) / 2;
        if (ranges[middle].high < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->range_count && ranges[low].low <= value;
}

static bool is_after(const uint64_t a[2], const uint64_t b[2])
{
    return a[0] != b[0] ? a[0] > b[0] : a[1] > b[1];
}

static bool has_wide(const struct filter *filter, const struct filter_set *set,
                     const uint64_t value[2])
{
    if (set->wide_count == 0)
        return false;
    const struct filter_wide *wides = filter->wides + set->wides;
    uint32_t low = 0;
    for (uint32_t high = set->wide_count; low < high;) {
        uint32_t middle = (low + high) / 2;
        if (is_after(value, wides[middle].high))
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->wide_count && !is_after(wides[low].low, value);
}

static bool has_address(const struct filter *filter, const struct filter_set *set,
                        struct span address)
{
    if (address.len == 4)
        return has_number(filter, set, bytes_u32(address.data));
    if (address.len != 16)
        return false;
    if (addr_is_mapped(address.data))
        return has_number(filter, set, bytes_u32(address.data + 12));
    const uint64_t value[2] = {bytes_u64(address.data), bytes_u64(address.data + 8)};
    return has_wide(filter, set, value);
}

static bool is_same(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool has_text(const struct filter *filter, const struct filter_test *test, struct span text)
{
    while (test->operand.padded && text.len != 0 && text.data[text.len - 1] == '\0')
        text.len--;
    for (uint32_t i = 0; i < test->set.text_count; i++)
        if (is_same(filter->texts[test->set.texts + i], text))
            return true;
    return false;
}

static bool has_bytes(const struct filter *filter, const struct filter_test *test,
                      struct span bytes)
{
    if (test->operand.domain == FILTER_ADDRESSES)
        return has_address(filter, &test->set, bytes);
    return has_text(filter, test, bytes);
}

static bool has_float(const struct filter *filter, const struct filter_set *set, double value)
{
    return !isnan(value) && has_number(filter, set, filter_float_key(value));
}

// A value of another kind than the column's is none.
static bool has_custom(const struct filter *filter, const struct filter_test *test,
                       const struct flow_custom *custom)
{
    double real;
    float single;
    uint32_t low_bits = (uint32_t)custom->value;
    switch (test->operand.domain) {
    case FILTER_NUMBERS:
        return custom->kind == FLOW_CUSTOM_VARINT &&
               has_number(filter, &test->set, custom->value & test->mask);
    case FILTER_FLOATS:
        memcpy(&real, &custom->value, sizeof real);
        memcpy(&single, &low_bits, sizeof single);
        if (custom->kind == FLOW_CUSTOM_FIXED64)
            return has_float(filter, &test->set, real);
        return custom->kind == FLOW_CUSTOM_FIXED32 && has_float(filter, &test->set, (double)single);
    case FILTER_ADDRESSES:
    case FILTER_TEXTS:
        return custom->kind == FLOW_CUSTOM_BYTES && has_bytes(filter, test, custom->bytes);
    }
    return false;
}

// A column without a value is 0, and the empty text.
static bool has_zero(const struct filter *filter, const struct filter_test *test)
{
    switch (test->operand.domain) {
    case FILTER_NUMBERS:
        return has_number(filter, &test->set, 0);
    case FILTER_FLOATS:
        return has_float(filter, &test->set, 0);
    case FILTER_TEXTS:
        return has_text(filter, test, (struct span){NULL, 0});
    case FILTER_ADDRESSES:
        break;
    }
    return false;
}

static bool test_customs(const struct filter *filter, const struct filter_test *test,
                         const struct flow *flow)
{
    bool last_only = test->operand.source == FILTER_CUSTOM;
    for (uint32_t i = flow->custom_count; i-- > 0;) {
        if (flow->custom[i].number != test->operand.number)
            continue;
        bool has = has_custom(filter, test, &flow->custom[i]);
        if (has || last_only)
            return has;
    }
    return last_only && has_zero(filter, test);
}

static bool test_num_list(const struct filter *filter, const struct filter_test *test,
                          const struct flow *flow)
{
    size_t count;
    const uint32_t *items = flow_num_list(flow, test->operand.field, &count);
    for (size_t i = 0; i < count; i++)
        if (has_number(filter, &test->set, items[i] & test->mask))
            return true;
    return false;
}

static bool test_bytes_list(const struct filter *filter, const struct filter_test *test,
                            const struct flow *flow)
{
    size_t count;
    const struct span *items = flow_bytes_list(flow, test->operand.field, &count);
    for (size_t i = 0; i < count; i++)
        if (has_bytes(filter, test, items[i]))
            return true;
    return false;
}

static bool test_tag(const struct filter *filter, const struct filter_test *test,
                     const struct flow *flow)
{
    size_t count;
    struct span key;
    struct span value;
    const struct span *items = flow_bytes_list(flow, test->operand.field, &count);
    const struct span *name = &test->operand.name;
    for (size_t i = count; i-- > 0;) // of a key given twice the last one counts, as in every map
        if (wire_entry(items[i], &key, &value) == 0 && is_same(key, *name))
            return has_text(filter, test, value);
    return has_text(filter, test, (struct span){NULL, 0});
}

static bool test(const struct filter *filter, const struct filter_test *test,
                 const struct flow *flow)
{
    switch (test->operand.source) {
    case FILTER_NUM:
        return has_number(filter, &test->set, flow_num(flow, test->operand.field) & test->mask);
    case FILTER_BYTES:
        return has_bytes(filter, test, flow_bytes(flow, test->operand.field));
    case FILTER_NUM_LIST:
        return test_num_list(filter, test, flow);
    case FILTER_BYTES_LIST:
        return test_bytes_list(filter, test, flow);
    case FILTER_CUSTOM:
    case FILTER_CUSTOM_LIST:
        return test_customs(filter, test, flow);
    case FILTER_TAG:
        return test_tag(filter, test, flow);
    }
    return false;
}

bool filter_match(const struct filter *filter, const struct flow *flow)
{
    uint16_t at = 0;
    while (at < FILTER_DROP) {
        const struct filter_test *next = &filter->tests[at];
        at = test(filter, next, flow) ? next->yes : next->no;
    }
    return at == FILTER_KEEP;
}

uint64_t filter_fields(const struct filter *filter)
{
    return filter->fields;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL)
        return;
    free(filter->text);
    free(filter->tests);
    free(filter->ranges);
    free(filter->wides);
    free(filter->texts);
    free(filter);
}
