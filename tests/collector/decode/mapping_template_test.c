// mapping.yaml's blocks ipfix and netflowv9: elements of templates into fields and custom columns.
#include "tests/collector/decode/mapping_case.h"
#include "tests/collector/decode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ENTERPRISE 0x8000

static struct message m;

static struct rig *rig_mapped(const char *yaml)
{
    struct mapping *mapping = mapping_of(yaml);
    const struct decode_options options = {.hash_seed = 1, .mapping = mapping};
    struct rig *rig = rig_with(&options);
    mapping_unref(mapping);
    return rig;
}

// A message with a template of one field, of enterprise `pen` unless it is 0, and one record.
static const struct flow *decode_one(struct rig *rig, bool ipfix, uint16_t element, uint32_t pen,
                                     const void *value, size_t len)
{
    if (ipfix)
        message_ipfix(&m);
    else
        message_v9(&m);
    message_open(&m, ipfix ? 2 : 0);
    message_put(&m, 256, 2);
    message_put(&m, 1, 2);
    message_put(&m, pen == 0 ? element : element | ENTERPRISE, 2);
    message_put(&m, len, 2);
    if (pen != 0)
        message_put(&m, pen, 4);
    message_close(&m);
    message_open(&m, 256);
    message_bytes(&m, value, len);
    message_close(&m);
    assert_true(rig_message(rig, 2055, &m) >= 1); // two, when the element counts what comes back
    return &rig->flows[0];
}

static void elements_become_custom_values(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS
                                 "ipfix: {mapping: [{field: 61, destination: number},"
                                 " {field: 95, destination: bytes_of}]}\n"
                                 "netflowv9: {mapping: [{field: 61, destination: list}]}\n");
    assert_customs(decode_one(rig, true, 61, 0, "\x01", 1), "2001=1");
    assert_customs(decode_one(rig, true, 61, 0, "\x00\x01\x00", 3), "2001=256");
    assert_customs(decode_one(rig, true, 95, 0, "\x03\x00\x50", 3), "2002=030050");
    assert_customs(decode_one(rig, true, 62, 0, "\x03", 1), "");
    assert_customs(decode_one(rig, true, 61, 9, "\x01", 1), ""); // a vendor's 61 is another one
    assert_customs(decode_one(rig, false, 61, 0, "\x00", 1), "2003=0");
    assert_customs(decode_one(rig, false, 95, 0, "\x03\x00\x50", 3), "");
    rig_free(rig);
}

static void elements_of_vendors_are_told_apart(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(
        COLUMNS "ipfix:\n  mapping:\n"
                "  - {field: 100, penprovided: true, pen: 9, destination: number}\n"
                "  - {field: 100, pen: 10, destination: list}\n"
                "  - {field: 1, pen: 29305, destination: list}\n"
                "netflowv9: {mapping: [{field: 33002, destination: number}]}\n");
    assert_customs(decode_one(rig, true, 100, 9, "\x07", 1), "2001=7");
    assert_customs(decode_one(rig, true, 100, 10, "\x07", 1), "2003=7");
    assert_customs(decode_one(rig, true, 100, 11, "\x07", 1), "");
    assert_customs(decode_one(rig, true, 100, 0, "\x07", 1), "");
    const struct flow *flow = decode_one(rig, true, 1, 29305, "\x07", 1);
    assert_customs(flow, "2003=7");
    assert_int_equal(flow_num(flow, FLOW_BYTES), 0);
    assert_customs(decode_one(rig, false, 33002, 0, "\x07", 1), "2001=7");
    rig_free(rig);
}

static void destinations_have_two_spellings(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped("ipfix: {mapping: [{field: 1000, destination: in_if},"
                                 " {field: 1001, destination: InIf},"
                                 " {field: 1002, destination: src_addr},"
                                 " {field: 1003, destination: AsPath},"
                                 " {field: 1004, destination: mpls_ip},"
                                 " {field: 1005, destination: src_mac}]}");
    assert_int_equal(flow_num(decode_one(rig, true, 1000, 0, "\x01\x02", 2), FLOW_IN_IF), 0x102);
    assert_int_equal(flow_num(decode_one(rig, true, 1001, 0, "\x01\x02", 2), FLOW_IN_IF), 0x102);
    assert_int_equal(flow_bytes(decode_one(rig, true, 1002, 0, "abcd", 4), FLOW_SRC_ADDR).len, 4);
    assert_int_equal(flow_num(decode_one(rig, true, 1003, 0, "\x05", 1), FLOW_AS_PATH), 1);
    assert_int_equal(flow_num(decode_one(rig, true, 1004, 0, "abcd", 4), FLOW_MPLS_IP), 1);
    assert_int_equal(flow_num(decode_one(rig, true, 1005, 0, "\0\0\0\0\0\7", 6), FLOW_SRC_MAC), 7);
    // Eight bytes of which the field has four.
    const struct flow *flow = decode_one(rig, true, 1000, 0, "\1\2\3\4\5\6\7\x08", 8);
    assert_int_equal(flow_num(flow, FLOW_IN_IF), 0x05060708);
    rig_free(rig);
}

static void the_order_of_bytes_has_two_keys(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS
                                 "ipfix:\n  mapping:\n"
                                 "  - {field: 1000, destination: number, endianness: little}\n"
                                 "  - {field: 1001, destination: number, endian: little}\n"
                                 "  - {field: 1002, destination: number, endian: big}\n"
                                 "  - {field: 1003, destination: bytes_of, endian: little}\n");
    assert_customs(decode_one(rig, true, 1000, 0, "\x01\x02", 2), "2001=513");
    assert_customs(decode_one(rig, true, 1001, 0, "\x01\x02", 2), "2001=513");
    assert_customs(decode_one(rig, true, 1002, 0, "\x01\x02", 2), "2001=258");
    assert_customs(decode_one(rig, true, 1003, 0, "\x01\x02", 2), "2002=0102");
    rig_free(rig);
}

static void types_take_only_what_they_can_have(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS "ipfix:\n  mapping:\n"
                                         "  - {field: 1001, destination: address}\n"
                                         "  - {field: 1002, destination: ipv4}\n"
                                         "  - {field: 1003, destination: truth}\n"
                                         "  - {field: 1004, destination: float}\n"
                                         "  - {field: 1005, destination: ntp}\n"
                                         "  - {field: 1006, destination: number}\n");
    assert_customs(decode_one(rig, true, 1001, 0, "abcd", 4), "2004=61626364");
    assert_customs(decode_one(rig, true, 1001, 0, "abc", 3), "");
    assert_customs(decode_one(rig, true, 1002, 0, "abcdefghijklmnop", 16), "");
    assert_int_equal(rig->ledger.reasons[REASON_FIELD_LENGTH], 2);
    assert_customs(decode_one(rig, true, 1003, 0, "\x01", 1), "2006=1");
    assert_customs(decode_one(rig, true, 1003, 0, "\x02", 1), "2006=0"); // RFC 7011: false
    assert_customs(decode_one(rig, true, 1004, 0, "\x3f\x80\0\0", 4), "2007=4607182418800017408");
    assert_customs(decode_one(rig, true, 1004, 0, "\x3f\xf0\0\0\0\0\0\0", 8),
                   "2007=4607182418800017408");
    assert_customs(decode_one(rig, true, 1004, 0, "\x3f\x80", 2), "");
    assert_customs(decode_one(rig, true, 1005, 0, "\xeb\xe5\x0e\x38\xc5\x0c\xc0\x00", 8),
                   "2008=1748668344769725800");
    assert_customs(decode_one(rig, true, 1006, 0, "123456789", 9), "");
    assert_int_equal(rig->ledger.reasons[REASON_FIELD_TOO_LONG], 1);
    rig_free(rig);
}

// The element's own meaning comes behind the mapping and may overwrite it.
static void what_is_known_of_an_element_stays(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS "ipfix: {mapping: [{field: 1, destination: number},"
                                         " {field: 2, destination: packets, endian: little},"
                                         " {field: 1000, destination: bytes}]}");
    const struct flow *flow = decode_one(rig, true, 1, 0, "\x07", 1);
    assert_customs(flow, "2001=7");
    assert_int_equal(flow_num(flow, FLOW_BYTES), 7);
    flow = decode_one(rig, true, 2, 0, "\x01\x02", 2);
    assert_int_equal(flow_num(flow, FLOW_PACKETS), 0x102);
    flow = decode_one(rig, true, 1000, 0, "\x09", 1);
    assert_int_equal(flow_num(flow, FLOW_BYTES), 9);
    rig_free(rig);
}

// The entry that goflow2 ships maps samplingInterval the wrong way round, without effect there. An
// exporter that does send it so is read by it, one that does not stays right.
static void a_sampling_element_is_not_mapped_but_a_vendors_is(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(
        "netflowv9: {mapping: [{field: 34, destination: sampling_rate, endian: little},"
        " {field: 5000, destination: sampling_rate}]}");
    const struct flow *flow = decode_one(rig, false, 34, 0, "\x00\x00\x00\x64", 4);
    assert_int_equal(flow_num(flow, FLOW_SAMPLING_RATE), 100);
    flow = decode_one(rig, false, 34, 0, "\xae\x08\x00\x00", 4); // as RouterOS sends 2222
    assert_int_equal(flow_num(flow, FLOW_SAMPLING_RATE), 2222);
    flow = decode_one(rig, false, 5000, 0, "\x03\xe8", 2);
    assert_int_equal(flow_num(flow, FLOW_SAMPLING_RATE), 1000);
    rig_free(rig);
}

static void what_the_collector_sets_is_not_mapped(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(
        "ipfix: {mapping: [{field: 1000, destination: SamplerAddress},"
        " {field: 1001, destination: sequence_num}, {field: 1002, destination: TimeReceivedNs},"
        " {field: 1003, destination: observation_domain_id},"
        " {field: 1004, destination: time_flow_start_ns}]}");
    const struct flow *flow = decode_one(rig, true, 1000, 0, "abcdef", 6);
    assert_int_equal(flow_bytes(flow, FLOW_SAMPLER_ADDRESS).len, 4);
    assert_int_equal(flow_num(decode_one(rig, true, 1001, 0, "\1", 1), FLOW_SEQUENCE_NUM), 99);
    flow = decode_one(rig, true, 1002, 0, "\1", 1);
    assert_int_equal(flow_num(flow, FLOW_TIME_RECEIVED_NS), RIG_NOW_NS);
    flow = decode_one(rig, true, 1003, 0, "\1", 1);
    assert_int_equal(flow_num(flow, FLOW_OBSERVATION_DOMAIN_ID), MESSAGE_DOMAIN);
    flow = decode_one(rig, true, 1004, 0, "\1\0", 2);
    assert_int_equal(flow_num(flow, FLOW_TIME_FLOW_START_NS), 256);
    assert_int_equal(flow_num(flow, FLOW_TIME_FLOW_END_NS),
                     MESSAGE_EXPORT_S * UINT64_C(1000000000));
    rig_free(rig);
}

// Both what is mapped and what is known take a value of variable length.
static void variable_lengths_are_mapped(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS "ipfix: {mapping: [{field: 82, destination: bytes_of},"
                                         " {field: 1, destination: number},"
                                         " {field: 61, destination: list}]}");
    static const uint16_t fields[][2] = {{82, 0xffff}, {61, 1}, {1, 0xffff}, {61, 1}, {0, 0}};
    message_ipfix(&m);
    message_open(&m, 2);
    message_template(&m, 256, fields);
    message_close(&m);
    message_open(&m, 256);
    message_bytes(&m, "\x02hi\x01\x02\x01\x00\x02", 8);
    message_bytes(&m, "\x00\x03\x01\x09\x04", 5);
    message_close(&m);
    assert_int_equal(rig_message(rig, 2055, &m), 2);
    assert_customs(&rig->flows[0], "2002=6869 2003=1 2001=256 2003=2");
    assert_int_equal(flow_num(&rig->flows[0], FLOW_BYTES), 256);
    assert_customs(&rig->flows[1], "2002= 2003=3 2001=9 2003=4");
    rig_free(rig);
}

static void custom_values_are_of_one_flow_only(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS "ipfix: {mapping: [{field: 61, destination: number}]}");
    static const uint16_t fields[][2] = {{61, 1}, {0, 0}};
    message_ipfix(&m);
    message_open(&m, 2);
    message_template(&m, 256, fields);
    message_close(&m);
    message_open(&m, 256);
    message_bytes(&m, "\x01\x02\x03", 3);
    message_close(&m);
    assert_int_equal(rig_message(rig, 2055, &m), 3);
    assert_customs(&rig->flows[0], "2001=1");
    assert_customs(&rig->flows[2], "2001=3");
    rig_free(rig);
}

static void a_new_mapping_keeps_the_templates(void **state)
{
    (void)state;
    struct rig *rig = rig_new(false);
    struct mapping *mapping = mapping_of(COLUMNS
                                         "ipfix: {mapping: [{field: 61, destination: number}]}");
    struct mapping *next = mapping_of(COLUMNS "ipfix: {mapping: [{field: 61, destination: list}]}");
    assert_customs(decode_one(rig, true, 61, 0, "\x01", 1), "");
    message_ipfix(&m);
    message_open(&m, 256);
    message_bytes(&m, "\x01", 1);
    message_close(&m);
    decoder_set_mapping(rig->decoder, mapping);
    mapping_unref(mapping);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
    assert_customs(&rig->flows[0], "2001=1");
    decoder_set_mapping(rig->decoder, next);
    mapping_unref(next);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
    assert_customs(&rig->flows[0], "2003=1");
    decoder_set_mapping(rig->decoder, NULL);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
    assert_customs(&rig->flows[0], "");
    rig_free(rig);
}

// dataLinkFrameSection and ipHeaderPacketSection go the way of sFlow's headers.
static void sections_are_mapped_like_sampled_headers(void **state)
{
    (void)state;
    struct rig *rig = rig_mapped(COLUMNS "sflow: {mapping: [{layer: ipv4, offset: 32, length: 16,"
                                         " destination: number}]}");
    static const uint8_t frame[] = {
        0,    1, 2, 3,  4,    5,    6, 7, 8, 9, 10, 11, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 20, 0x12, 0x34, 0, 0, 9, 0, 0,  0,  10,   0,    0, 1, 10, 0, 0, 2};
    assert_customs(decode_one(rig, true, 315, 0, frame, sizeof frame), "2001=4660");
    assert_customs(decode_one(rig, true, 313, 0, frame + 14, sizeof frame - 14), "2001=4660");
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_become_custom_values),
        cmocka_unit_test(elements_of_vendors_are_told_apart),
        cmocka_unit_test(destinations_have_two_spellings),
        cmocka_unit_test(the_order_of_bytes_has_two_keys),
        cmocka_unit_test(types_take_only_what_they_can_have),
        cmocka_unit_test(what_is_known_of_an_element_stays),
        cmocka_unit_test(a_sampling_element_is_not_mapped_but_a_vendors_is),
        cmocka_unit_test(what_the_collector_sets_is_not_mapped),
        cmocka_unit_test(variable_lengths_are_mapped),
        cmocka_unit_test(custom_values_are_of_one_flow_only),
        cmocka_unit_test(a_new_mapping_keeps_the_templates),
        cmocka_unit_test(sections_are_mapped_like_sampled_headers),
    };
    return cmocka_run_group_tests(tests, quiet, remove_scratch);
}
