#include "tests/collector/decode/packet_case.h"

struct sample {
    enum packet_start start;
    const char *hex;
};

static const struct sample SAMPLES[] = {
    {PACKET_ETHERNET, ETHERNET("88a8") TAG("0064", "8100") TAG("00c8", "0800") IPV4("06") TCP},
    {PACKET_ETHERNET, ETHERNET("8847") "000640ff 000c81fe " IPV4("01") "0301 0000 0000 0000"},
    {PACKET_ETHERNET, ETHERNET("8864") "1100 0001 0066 0057 " IPV6("3a") "8702 1111 0001 0002"},
    {PACKET_IPV4, "47200064 12342000 3f84aaaa 0a000001 0a000002 0101010101010101 "
                  "1388 1770 00000001 00000002"},
    {PACKET_IPV6, IPV6("00") "2b00 0000 00000000 " SRH("2c") "3c00 0001 a7882ea9 "
                                                             "3300 0000 00000000 "
                                                             "0601 0000 00000001 00000002 " TCP},
    {PACKET_IPV6, IPV6("2b") SRH("29") INNER_IPV6("11") INNER_UDP},
    {PACKET_ETHERNET,
     IN_GRE("b000 8847 cafe0000 0000002a 00000001 0012c13c ") INNER_IPV4("11") INNER_UDP},
    {PACKET_ETHERNET, ETHERNET("0800") IPV4("29") INNER_IPV6("04") INNER_IPV4("06") TCP},
    {PACKET_ETHERNET, IN_UDP("12b5") VXLAN INNER_ETHERNET INNER_IPV4("06") TCP},
    {PACKET_ETHERNET,
     IN_UDP("17c1") "0240 6558 00000a00 0102800100000000 " INNER_ETHERNET INNER_IPV4("06") TCP},
    {PACKET_ETHERNET, IN_UDP("0dd8") "0001 0102 aa bbbb 0000000000000001 00 "
                                     "0000 1234 0a000001 " INNER_IPV6("11") INNER_UDP},
    {PACKET_MPLS, "000640ff 000c81fe " IPV4("06") TCP},
    {PACKET_IP, IPV4("06") TCP},
};

#define SAMPLE_COUNT (sizeof SAMPLES / sizeof SAMPLES[0])

static void assert_grown(const struct flow *before, const struct flow *after)
{
    size_t count = 0;
    size_t grown = 0;
    const uint32_t *stack = flow_num_list(before, FLOW_LAYER_STACK, &count);
    const uint32_t *size = flow_num_list(before, FLOW_LAYER_SIZE, &count);
    const uint32_t *grown_stack = flow_num_list(after, FLOW_LAYER_STACK, &grown);
    const uint32_t *grown_size = flow_num_list(after, FLOW_LAYER_SIZE, &grown);
    assert_true(count <= grown);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(stack[i], grown_stack[i]);
        if (i + 1 < count)
            assert_int_equal(size[i], grown_size[i]);
        else
            assert_true(size[i] <= grown_size[i]); // a cut stack of labels
    }
    assert_int_equal(after->set & before->set, before->set);
}

// More bytes never take away a layer or a field.
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct flow *flow = calloc(2, sizeof *flow);
    assert_non_null(flow);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct bytes whole = bytes_hex(SAMPLES[i].hex);
        flow_reset(&flow[0]);
        for (size_t len = 0; len <= whole.len; len++) {
            struct bytes cut = bytes_copy(whole.data, len);
            flow_reset(&flow[1]);
            packet_parse(&flow[1], SAMPLES[i].start, cut.data, cut.len);
            assert_grown(&flow[0], &flow[1]);
            flow[0] = flow[1];
            free(cut.data);
        }
        free(whole.data);
    }
    free(flow);
}

// A generator of its own, so that a failure comes back in the next run.
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void test_damaged_headers(void **state)
{
    (void)state;
    uint32_t seed = 1;
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct bytes whole = bytes_hex(SAMPLES[i].hex);
        for (int round = 0; round < 2000; round++) {
            struct bytes damaged = bytes_copy(whole.data, whole.len - next_random(&seed) % 32);
            for (int n = 0; n < 4; n++)
                damaged.data[next_random(&seed) % damaged.len] = (uint8_t)next_random(&seed);
            char layers[2048];
            flow_reset(flow);
            packet_parse(flow, SAMPLES[i].start, damaged.data, damaged.len);
            layers_text(layers, sizeof layers, flow);
            free(damaged.data);
        }
        free(whole.data);
    }
    free(flow);
}

// 64 KiB of one header over and over: the walk ends, and says that it was cut.
static void assert_bounded(enum packet_start start, const char *first, const char *repeated,
                           size_t layers)
{
    struct bytes head = bytes_hex(first);
    struct bytes unit = bytes_hex(repeated);
    struct bytes all = {.data = malloc(65536), .len = head.len};
    assert_non_null(all.data);
    memcpy(all.data, head.data, head.len);
    for (; all.len + unit.len <= 65536; all.len += unit.len)
        memcpy(all.data + all.len, unit.data, unit.len);
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    packet_parse(flow, start, all.data, all.len);
    size_t count = 0;
    (void)flow_num_list(flow, FLOW_LAYER_STACK, &count);
    assert_int_equal(count, layers);
    assert_true(flow->list_cut);
    free(flow);
    free(all.data);
    free(unit.data);
    free(head.data);
}

static void test_label_stack_is_bounded(void **state)
{
    (void)state;
    enum { LABELS = 4 * FLOW_LIST_MAX };
    uint8_t stack[4 * LABELS] = {0}; // no bottom
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    packet_parse(flow, PACKET_MPLS, stack, sizeof stack);
    assert_int_equal(flow_num(flow, FLOW_MPLS_LABEL), FLOW_LIST_MAX);
    assert_int_equal(flow->layer_size[0], 4 * FLOW_LIST_MAX);
    assert_true(flow->list_cut);
    free(flow);
}

static void test_nesting_is_bounded(void **state)
{
    (void)state;
    assert_bounded(PACKET_ETHERNET, ETHERNET("8100"), TAG("0001", "8100"), FLOW_LIST_MAX);
    assert_bounded(PACKET_ETHERNET, ETHERNET("8847"), "000640ff", 2);
    assert_bounded(PACKET_IPV4, "", IPV4("04"), FLOW_LIST_MAX);
    assert_bounded(PACKET_IPV6, IPV6("00"), "0000000000000000", FLOW_LIST_MAX);
    assert_bounded(PACKET_IPV6, IPV6("2b"), "2b00040000000000", FLOW_LIST_MAX);
    assert_bounded(PACKET_IPV4, "", IPV4("2f") "0000 0800", FLOW_LIST_MAX);
    assert_bounded(PACKET_ETHERNET, "",
                   ETHERNET("0800") IPV4("04") IPV4("2f") "0000 0800 " IPV4("11") UDP("12b5") VXLAN,
                   FLOW_LIST_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_damaged_headers),
        cmocka_unit_test(test_label_stack_is_bounded),
        cmocka_unit_test(test_nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
