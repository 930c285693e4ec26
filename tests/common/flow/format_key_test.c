// Partition keys.
#include "tests/common/flow/formatter_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// FNV-1 by its definition, over the text that Go prints of the values.
static uint32_t fnv_1(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text != '\0'; text++)
        hash = (hash * 16777619U) ^ (uint8_t)*text;
    return hash;
}

static uint32_t key_by(const char *yaml)
{
    struct format *format = compile_filled(yaml, FORMAT_BIN, 0);
    uint32_t key = format_key(format, &flow);
    format_free(format);
    return key;
}

static void keys_are_goflow2s(void **state)
{
    (void)state;
    static const uint8_t exporter[] = {192, 0, 2, 1};
    static const uint8_t agent[] = {10, 9, 8, 7};
    flow_reset(&flow);
    assert_int_equal(key_by("formatter: {}"), 0);
    flow_set_bytes(&flow, FLOW_SAMPLER_ADDRESS, exporter, 4);
    assert_int_equal(key_by("formatter: {key: [sampler_address]}"), 0xa7d46c6c);
    flow_set_bytes(&flow, FLOW_SAMPLER_ADDRESS, agent, 4);
    assert_int_equal(key_by("formatter: {key: [sampler_address]}"), 0x91d03e06);
}

static void keys_are_made_of_every_kind_of_value(void **state)
{
    (void)state;
    static const char yaml[] =
        "formatter:\n"
        "  key: [type, bytes, src_addr, as_path, layer_stack, mpls_ip, n, s, ns, ss, gone]\n"
        "  render: {bytes: datetime, src_addr: ip}\n" // of no effect here
        "  protobuf:\n"
        "  - {name: n, index: 2001, type: varint}\n"
        "  - {name: s, index: 2002, type: bytes}\n"
        "  - {name: ns, index: 2003, type: varint, array: true}\n"
        "  - {name: ss, index: 2004, type: bytes, array: true}\n"
        "  - {name: gone, index: 2005, type: varint, array: true}\n";
    flow_reset(&flow);
    assert_int_equal(key_by(yaml), fnv_1("FLOWUNKNOWN0[][][][]"));
    flow_set_num(&flow, FLOW_TYPE, FLOW_TYPE_SFLOW_5);
    flow_set_num(&flow, FLOW_BYTES, UINT64_MAX);
    flow_set_bytes(&flow, FLOW_SRC_ADDR, "\x0a\xff", 2);
    flow_append_num(&flow, FLOW_AS_PATH, 64496);
    flow_append_num(&flow, FLOW_AS_PATH, 0);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_ETHERNET);
    flow_append_num(&flow, FLOW_LAYER_STACK, FLOW_LAYER_IPV6_ROUTING);
    flow_append_bytes(&flow, FLOW_MPLS_IP, "\x01\x02", 2);
    flow_append_bytes(&flow, FLOW_MPLS_IP, "\x03", 1);
    add_number(2001, 7);
    add_bytes(2002, "\x09", 1);
    add_number(2003, 1);
    add_number(2003, 2);
    add_bytes(2004, "\x01\x02", 2);
    add_bytes(2004, "", 0);
    assert_int_equal(key_by(yaml),
                     fnv_1("SFLOW_518446744073709551615[10 255][64496 0]"
                           "[Ethernet IPv6HeaderRouting][[1 2] [3]]7[9][1 2][[1 2] []]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_goflow2s),
        cmocka_unit_test(keys_are_made_of_every_kind_of_value),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
