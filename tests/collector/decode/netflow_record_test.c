// NetFlow v9 and IPFIX: records and their fields.
#include "common/flow/wire.h"
#include "tests/collector/decode/rig_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// sourceIPv4Address, octetDeltaCount
static const uint16_t ADDRESS_BYTES[][2] = {{8, 4}, {1, 4}, {0, 0}};

static struct message m;

static void put_template(unsigned set_id, unsigned id, const uint16_t (*fields)[2])
{
    message_open(&m, set_id);
    message_template(&m, id, fields);
    message_close(&m);
}

static void assert_source(const struct flow *flow, uint32_t address)
{
    struct span span = flow_bytes(flow, FLOW_SRC_ADDR);
    assert_int_equal(span.len, 4);
    assert_int_equal(bytes_u32(span.data), address);
}

static void padding_is_no_record(void **state)
{
    static const uint16_t proto[][2] = {{4, 1}, {0, 0}};
    struct rig *rig = *state;
    message_v9(&m);
    put_template(0, 256, proto);
    message_open(&m, 256);
    message_put(&m, 0x06000000, 4); // one record and three bytes of padding
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    message_v9(&m);
    message_open(&m, 256);
    message_put(&m, 0x06110000, 4);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 2);
    message_v9(&m);
    put_template(0, 257, ADDRESS_BYTES);
    message_open(&m, 257);
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 1, 4);
    message_put(&m, 0, 7); // shorter than a record
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
}

static void variable_lengths(void **state)
{
    // wlanSSID in front, between and behind what matters
    static const uint16_t fields[][2] = {{147, 65535}, {8, 4},       {147, 65535},
                                         {1, 4},       {147, 65535}, {0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_put(&m, 2, 1);
    message_bytes(&m, "ab", 2);
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 255, 1); // the long form (RFC 7011, section 7)
    message_put(&m, 3, 2);
    message_bytes(&m, "cde", 3);
    message_put(&m, 77, 4);
    message_put(&m, 0, 1);
    message_put(&m, 0, 1); // the next record
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 0, 1);
    message_put(&m, 88, 4);
    message_put(&m, 1, 1);
    message_bytes(&m, "f", 1);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 2);
    assert_source(&rig->flows[0], 0x0a000001);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_BYTES), 77);
    assert_source(&rig->flows[1], 0x0a000002);
    assert_int_equal(flow_num(&rig->flows[1], FLOW_BYTES), 88);
}

static void records_of_variable_length_alone(void **state)
{
    static const uint16_t fields[][2] = {{82, 65535}, {0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_put(&m, 0x026162026364, 6);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 2);
    assert_int_equal(rig->ledger.units_decoded, 2);
}

static void a_variable_length_past_the_set_ends_it(void **state)
{
    static const uint16_t fields[][2] = {{8, 4}, {82, 65535}, {0, 0}};
    static const uint64_t lengths[] = {5, 254, 0xff0005, 0xffffff};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    for (unsigned i = 0; i < 4; i++) {
        message_ipfix(&m);
        message_open(&m, 256);
        message_put(&m, 0x0a000001, 4);
        message_put(&m, 0x0161, 2);
        message_put(&m, 0x0a000002, 4);
        message_put(&m, lengths[i], i < 2 ? 1 : 3);
        message_put(&m, 0, 4);
        message_close(&m);
        assert_int_equal(rig_message(rig, 1, &m), 1);
        assert_int_equal(rig->ledger.reasons[REASON_RECORD_TRUNCATED], i + 1);
    }
}

static void numbers_of_any_length(void **state)
{
    static const uint16_t fields[][2] = {{1, 3}, {2, 5}, {10, 8}, {14, 0}, {56, 6}, {0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_put(&m, 0x010203, 3);
    message_put(&m, 0x0102030405, 5);
    message_put(&m, 0x0102030405060708, 8);
    message_put(&m, 0x0200000000aa, 6);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    const struct flow *flow = &rig->flows[0];
    assert_int_equal(flow_num(flow, FLOW_BYTES), 0x010203);
    assert_int_equal(flow_num(flow, FLOW_PACKETS), 0x0102030405);
    assert_int_equal(flow_num(flow, FLOW_IN_IF), 0x05060708); // as wide as the field
    assert_int_equal(flow_num(flow, FLOW_OUT_IF), 0);
    assert_int_equal(flow_num(flow, FLOW_SRC_MAC), 0x0200000000aa);
}

struct outcome {
    size_t len;
    uint64_t odd;        // reasons counted
    uint8_t frame[4096]; // of the one flow
};

// What one field of that element gives when its length stands in the template, or in the record.
static void run_alone(struct rig *rig, uint16_t element, size_t len, uint8_t first, bool variable,
                      struct outcome *out)
{
    const uint16_t fields[][2] = {{element, variable ? 65535 : (uint16_t)len}, {0, 0}};
    const uint64_t *reasons = rig->ledger.reasons;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    if (variable)
        message_put(&m, len, 1);
    for (size_t i = 0; i < len; i++)
        message_put(&m, first + i, 1);
    message_close(&m);
    assert_true(rig_message(rig, 1, &m) >= 1); // two, when the element counts what comes back
    *out = (struct outcome){.odd = reasons[REASON_FIELD_LENGTH] + reasons[REASON_FIELD_TOO_LONG] +
                                   reasons[REASON_TIME_INVALID]};
    flow_clear(&rig->flows[0], FLOW_SAMPLER_ADDRESS); // its bytes were the rig's
    assert_true(wire_bound(&rig->flows[0]) <= sizeof out->frame);
    out->len = (size_t)(wire_write(out->frame, &rig->flows[0]) - out->frame);
}

// Fields of fixed length have quick operations, of variable length the ones for any length.
static void quick_operations_are_the_slow_ones(void **state)
{
    static const uint8_t firsts[] = {0, 1, 0xf0};
    static struct outcome quick;
    static struct outcome slow;
    struct rig *twin = rig_new(false);
    for (unsigned i = 0; i < 3 * 20 * 320; i++) {
        uint16_t element = (uint16_t)(i / 60 + 1);
        size_t len = i / 3 % 20 + 1;
        run_alone(*state, element, len, firsts[i % 3], false, &quick);
        run_alone(twin, element, len, firsts[i % 3], true, &slow);
        assert_int_equal(quick.odd, slow.odd);
        assert_int_equal(quick.len, slow.len);
        assert_memory_equal(quick.frame, slow.frame, slow.len);
    }
    assert_int_not_equal(slow.odd, 0);
    rig_free(twin);
}

static void impossible_lengths_cost_their_field(void **state)
{
    static const uint16_t fields[][2] = {{8, 50}, {1, 12}, {12, 4}, {28, 3}, {0, 0}};
    struct rig *rig = *state;
    message_v9(&m);
    put_template(0, 256, fields);
    message_open(&m, 256);
    for (int i = 0; i < 62; i++)
        message_put(&m, 0xff, 1);
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 0xffffff, 3);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_false(flow_has(&rig->flows[0], FLOW_SRC_ADDR));
    assert_false(flow_has(&rig->flows[0], FLOW_BYTES));
    assert_int_equal(bytes_u32(flow_bytes(&rig->flows[0], FLOW_DST_ADDR).data), 0x0a000002);
    assert_int_equal(rig->ledger.reasons[REASON_FIELD_LENGTH], 2);
    assert_int_equal(rig->ledger.reasons[REASON_FIELD_TOO_LONG], 1);
}

static void a_zero_address_replaces_none(void **state)
{
    static const uint16_t fields[][2] = {{8, 4}, {27, 16}, {28, 16}, {12, 4}, {0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 0, 8);
    message_put(&m, 0, 8);
    message_put(&m, 0, 8);
    message_put(&m, 0, 8);
    message_put(&m, 0x0a000002, 4);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_source(&rig->flows[0], 0x0a000001);
    assert_int_equal(flow_bytes(&rig->flows[0], FLOW_DST_ADDR).len, 4);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_ETYPE), 0x0800);
}

static void enterprise_elements_are_not_ianas(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    message_open(&m, 2);
    message_put(&m, 256, 2);
    message_put(&m, 2, 2);
    message_put(&m, 0x8001, 2);
    message_put(&m, 4, 2);
    message_put(&m, 29304, 4);
    message_put(&m, 1, 2);
    message_put(&m, 4, 2);
    message_close(&m);
    message_open(&m, 256);
    message_put(&m, 777, 4);
    message_put(&m, 1500, 4);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_BYTES), 1500);
}

static void labels_come_one_by_one(void **state)
{
    static const uint16_t fields[][2] = {{72, 3}, {70, 3}, {79, 3}, {0, 0}};
    struct rig *rig = *state;
    size_t count;
    message_v9(&m);
    put_template(0, 256, fields);
    message_open(&m, 256);
    message_put(&m, 0x0be235, 3);
    message_put(&m, 0x05de94, 3);
    message_put(&m, 0x000101, 3);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    const uint32_t *labels = flow_num_list(&rig->flows[0], FLOW_MPLS_LABEL, &count);
    assert_int_equal(count, 2); // the second one is the bottom of the stack
    assert_int_equal(labels[0], 24041);
    assert_int_equal(labels[1], 48675);
}

static void a_frame_section_is_parsed(void **state)
{
    static const uint16_t fields[][2] = {{315, 65535}, {0, 0}};
    static const uint8_t frame[] = {2,    0, 0,  0,  0, 0xbb, 2, 0,  0,    0,    0, 0xaa, 8,  0,
                                    0x45, 0, 0,  28, 0, 0,    0, 0,  64,   17,   0, 0,    10, 0,
                                    0,    1, 10, 0,  0, 2,    0, 53, 0x82, 0x35, 0, 8,    0,  0};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_put(&m, sizeof frame, 1);
    message_bytes(&m, frame, sizeof frame);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    const struct flow *flow = &rig->flows[0];
    assert_source(flow, 0x0a000001);
    assert_int_equal(flow_num(flow, FLOW_SRC_PORT), 53);
    assert_int_equal(flow_num(flow, FLOW_PACKETS), 1);
    assert_int_equal(flow_num(flow, FLOW_BYTES), sizeof frame);
}

// Tags and a provider's backbone in a section: as in a sampled header of sFlow.
static void tags_of_a_frame_section_are_walked(void **state)
{
    static const uint16_t fields[][2] = {{315, 65535}, {0, 0}};
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa};
    static const uint8_t tags[][24] = {
        {0x92, 0, 0, 100, 0x81, 0, 0, 200, 8, 0},
        {0x88, 0xa8, 0, 100, 0x91, 0, 0, 200, 8, 0},
        {0x88, 0xe7, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 200, 8, 0},
    };
    static const uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17,   0,    0, 10,
                                       0,    0, 1, 10, 0, 0, 2, 0, 53, 0x82, 0x35, 0, 8};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        size_t tags_len = i == 2 ? 24 : 10;
        message_ipfix(&m);
        put_template(2, 256, fields);
        message_open(&m, 256);
        message_put(&m, sizeof addresses + tags_len + sizeof packet, 1);
        message_bytes(&m, addresses, sizeof addresses);
        message_bytes(&m, tags[i], tags_len);
        message_bytes(&m, packet, sizeof packet);
        message_close(&m);
        assert_int_equal(rig_message(rig, 1, &m), 1);
        const struct flow *flow = &rig->flows[0];
        assert_source(flow, 0x0a000001);
        assert_int_equal(flow_num(flow, FLOW_VLAN_ID), 200);
        assert_int_equal(flow_num(flow, FLOW_SRC_PORT), 53);
        assert_int_equal(flow_num(flow, FLOW_SRC_MAC), 0x0200000000aa);
    }
}

static void an_ip_section_is_parsed(void **state)
{
    static const uint16_t fields[][2] = {{313, 28}, {0, 0}};
    static const uint8_t packet[28] = {0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17,   0,    0, 10,
                                       0,    0, 1, 10, 0, 0, 2, 0, 53, 0x82, 0x35, 0, 8};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, fields);
    message_open(&m, 256);
    message_bytes(&m, packet, sizeof packet);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_source(&rig->flows[0], 0x0a000001);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_DST_PORT), 0x8235);
}

// What is cut is as long as its IP header says; padding of a short frame belongs to the frame.
static void a_cut_section_is_as_long_as_its_packet(void **state)
{
    static const char headers[] = "\2\0\0\0\0\2\2\0\0\0\0\1\x81\0\0\7\x08\0"
                                  "\x45\0\x05\xdc\0\0\0\0\x40\x06\0\0\x0a\0\0\1\x0a\0\0\2";
    static const char ipv6[] = "\x60\0\0\0\x05\xa0\x06\x40\x20\1\x0d\xb8\0\0\0\0\0\0\0\0"
                               "\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2";
    static const struct {
        uint16_t element;
        uint16_t len;
        const char *bytes;
        uint64_t wanted;
    } cases[] = {
        {315, 38, headers, 18 + 1500}, {315, 37, headers, 37}, {104, 38, headers, 18 + 1500},
        {313, 20, headers + 18, 1500}, {313, 40, ipv6, 1480},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint16_t fields[][2] = {{cases[i].element, cases[i].len}, {0, 0}};
        message_ipfix(&m);
        put_template(2, 256 + i, fields);
        message_open(&m, 256 + i);
        message_bytes(&m, cases[i].bytes, cases[i].len);
        message_close(&m);
        assert_int_equal(rig_message(rig, 1, &m), 1);
        assert_int_equal(flow_num(&rig->flows[0], FLOW_BYTES), cases[i].wanted);
        assert_int_equal(flow_num(&rig->flows[0], FLOW_PACKETS), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_cut_section_is_as_long_as_its_packet),
        RIG_TEST(padding_is_no_record),
        RIG_TEST(variable_lengths),
        RIG_TEST(records_of_variable_length_alone),
        RIG_TEST(a_variable_length_past_the_set_ends_it),
        RIG_TEST(numbers_of_any_length),
        RIG_TEST(quick_operations_are_the_slow_ones),
        RIG_TEST(impossible_lengths_cost_their_field),
        RIG_TEST(a_zero_address_replaces_none),
        RIG_TEST(enterprise_elements_are_not_ianas),
        RIG_TEST(labels_come_one_by_one),
        RIG_TEST(a_frame_section_is_parsed),
        RIG_TEST(tags_of_a_frame_section_are_walked),
        RIG_TEST(an_ip_section_is_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
