#include "tests/collector/decode/flow_case.h"

void assert_bytes(const struct flow *flow, enum flow_field id, const char *hex)
{
    struct bytes wanted = bytes_hex(hex);
    struct span got = flow_bytes(flow, id);
    assert_int_equal(got.len, wanted.len);
    if (wanted.len != 0)
        assert_memory_equal(got.data, wanted.data, wanted.len);
    free(wanted.data);
}

void assert_list(const struct flow *flow, enum flow_field id, const char *hex)
{
    struct bytes wanted = bytes_hex(hex);
    size_t count = 0;
    const uint32_t *items = flow_num_list(flow, id, &count);
    assert_int_equal(count * 4, wanted.len);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(items[i], bytes_u32(wanted.data + 4 * i));
    free(wanted.data);
}

void assert_nums(const struct flow *flow, enum flow_field a, uint64_t a_value, enum flow_field b,
                 uint64_t b_value)
{
    assert_int_equal(flow_num(flow, a), a_value);
    assert_int_equal(flow_num(flow, b), b_value);
}
