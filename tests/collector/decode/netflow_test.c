// NetFlow v9 and IPFIX: messages, sets and templates, and what is wrong with them.
#include "tests/collector/decode/rig_case.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// sourceIPv4Address, octetDeltaCount
static const uint16_t ADDRESS_BYTES[][2] = {{8, 4}, {1, 4}, {0, 0}};
// the same two, the other way round, and a port: another layout under the same id
static const uint16_t BYTES_ADDRESS[][2] = {{1, 4}, {8, 4}, {7, 2}, {0, 0}};

static struct message m;

static void put_template(unsigned set_id, unsigned id, const uint16_t (*fields)[2])
{
    message_open(&m, set_id);
    message_template(&m, id, fields);
    message_close(&m);
}

static void put_address_bytes(unsigned id, uint32_t address, uint32_t bytes)
{
    message_open(&m, id);
    message_put(&m, address, 4);
    message_put(&m, bytes, 4);
    message_close(&m);
}

static void assert_source(const struct flow *flow, uint32_t address)
{
    struct span span = flow_bytes(flow, FLOW_SRC_ADDR);
    assert_int_equal(span.len, 4);
    assert_int_equal(bytes_u32(span.data), address);
}

static void header_fields_are_in_every_flow(void **state)
{
    struct rig *rig = *state;
    message_v9(&m);
    put_template(0, 256, ADDRESS_BYTES);
    put_address_bytes(256, 0x0a000001, 1500);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
    const struct flow *flow = &rig->flows[0];
    assert_int_equal(flow_num(flow, FLOW_TYPE), FLOW_TYPE_NETFLOW_V9);
    assert_int_equal(flow_num(flow, FLOW_TIME_RECEIVED_NS), UINT64_C(1700000000123456789));
    assert_int_equal(flow_num(flow, FLOW_SEQUENCE_NUM), 99);
    assert_int_equal(flow_num(flow, FLOW_OBSERVATION_DOMAIN_ID), MESSAGE_DOMAIN);
    assert_int_equal(flow_num(flow, FLOW_ETYPE), 0x0800);
    assert_int_equal(flow_num(flow, FLOW_BYTES), 1500);
    assert_int_equal(flow_num(flow, FLOW_TIME_FLOW_START_NS),
                     MESSAGE_EXPORT_S * UINT64_C(1000000000));
    assert_int_equal(flow_bytes(flow, FLOW_SAMPLER_ADDRESS).len, 4);
    assert_source(flow, 0x0a000001);
    assert_int_equal(rig->ledger.units_decoded, 2);
}

static void data_may_stand_before_its_template(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_address_bytes(256, 0x0a000001, 1);
    put_template(2, 256, ADDRESS_BYTES);
    put_address_bytes(256, 0x0a000002, 2);
    assert_int_equal(rig_message(rig, 1, &m), 2);
    assert_source(&rig->flows[0], 0x0a000001);
    assert_source(&rig->flows[1], 0x0a000002);
}

static void an_unknown_template_costs_only_its_set(void **state)
{
    struct rig *rig = *state;
    message_v9(&m);
    put_template(0, 256, ADDRESS_BYTES);
    put_address_bytes(300, 1, 1);
    put_address_bytes(256, 2, 2);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
}

static void a_new_layout_does_not_reach_back(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, ADDRESS_BYTES);
    put_address_bytes(256, 0x0a000001, 100);
    put_template(2, 256, BYTES_ADDRESS);
    message_open(&m, 256);
    message_put(&m, 200, 4);
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 443, 2);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 2);
    assert_source(&rig->flows[0], 0x0a000001);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_BYTES), 100);
    assert_source(&rig->flows[1], 0x0a000002);
    assert_int_equal(flow_num(&rig->flows[1], FLOW_BYTES), 200);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_CHANGED], 1);
}

static void withdrawals_are_honoured(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, ADDRESS_BYTES);
    put_template(2, 257, ADDRESS_BYTES);
    put_template(2, 258, ADDRESS_BYTES);
    put_address_bytes(256, 1, 1); // before the withdrawal
    message_open(&m, 2);
    message_put(&m, 256, 2);
    message_put(&m, 0, 2);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 1);

    message_ipfix(&m);
    put_address_bytes(256, 1, 1);
    put_address_bytes(257, 1, 1);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);

    message_ipfix(&m);
    message_open(&m, 2);
    message_put(&m, 2, 2); // all data templates
    message_put(&m, 0, 2);
    message_close(&m);
    put_address_bytes(257, 1, 1);
    put_address_bytes(258, 1, 1);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 3);
}

static void announce(struct rig *rig, uint16_t port, const uint16_t (*fields)[2])
{
    message_v9(&m);
    put_template(0, 256, fields);
    assert_int_equal(rig_message(rig, port, &m), 0);
}

// Data of its own makes a port one that others may borrow from.
static void prove(struct rig *rig, uint16_t port)
{
    message_v9(&m);
    message_open(&m, 256);
    message_put(&m, 0x0a000009, 4);
    message_put(&m, 1, 4);
    message_put(&m, 1, 2);
    message_close(&m);
    assert_int_equal(rig_message(rig, port, &m), 1);
}

static void another_port_of_the_exporter_borrows_templates(void **state)
{
    struct rig *rig = *state;
    announce(rig, 1000, ADDRESS_BYTES);
    message_v9(&m);
    put_address_bytes(256, 0x0a000001, 1);
    assert_int_equal(rig_message(rig, 2000, &m), 0); // anyone can announce from some port
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_UNPROVEN], 1);
    prove(rig, 1000);
    message_v9(&m);
    put_address_bytes(256, 0x0a000001, 1);
    assert_int_equal(rig_message(rig, 2000, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_BORROWED], 1);
    announce(rig, 4000, BYTES_ADDRESS); // another layout, but of a port that sent nothing
    message_v9(&m);
    put_address_bytes(256, 0x0a000001, 1);
    assert_int_equal(rig_message(rig, 2000, &m), 1);
    prove(rig, 4000); // now the ports disagree
    message_v9(&m);
    put_address_bytes(256, 0x0a000001, 1);
    assert_int_equal(rig_message(rig, 2000, &m), 0);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_AMBIGUOUS], 1);
    message_ipfix(&m); // another version is another exporter
    put_address_bytes(256, 0x0a000001, 1);
    assert_int_equal(rig_message(rig, 1000, &m), 0);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
}

static void exporters_behind_one_address_keep_their_layouts(void **state)
{
    struct rig *rig = *state;
    announce(rig, 1000, ADDRESS_BYTES);
    announce(rig, 2000, BYTES_ADDRESS);
    message_v9(&m);
    put_address_bytes(256, 0x0a000001, 100);
    assert_int_equal(rig_message(rig, 1000, &m), 1);
    assert_source(&rig->flows[0], 0x0a000001);
    message_v9(&m);
    message_open(&m, 256);
    message_put(&m, 200, 4);
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 443, 2);
    message_close(&m);
    assert_int_equal(rig_message(rig, 2000, &m), 1);
    assert_source(&rig->flows[0], 0x0a000002);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SRC_PORT), 443);
}

static void ports_can_be_made_one_exporter(void **state)
{
    (void)state;
    struct rig *rig = rig_new(true);
    announce(rig, 1000, ADDRESS_BYTES);
    announce(rig, 2000, BYTES_ADDRESS); // replaces it
    message_v9(&m);
    message_open(&m, 256);
    message_put(&m, 200, 4);
    message_put(&m, 0x0a000002, 4);
    message_put(&m, 443, 2);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1000, &m), 1);
    assert_source(&rig->flows[0], 0x0a000002);
    rig_free(rig);
}

static void templates_without_bytes_make_no_records(void **state)
{
    static const char *const messages[] = {
        // no fields in v9; a field of no length; a withdrawal; options of nothing
        "000900020000000100000001000000010000000000000008010000000100000801020304",
        "00090002000000010000000100000001000000000000000c01000001000800000100000801020304",
        "000a0020000000010000000100000000000200080100000001000008010203 04",
        "000a00220000000100000001000000000003000a0100000000000100000801020304",
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t data[64];
        size_t len = 0;
        for (const char *at = messages[i]; *at != '\0'; at += 2) {
            unsigned byte;
            if (*at == ' ')
                at++;
            assert_int_equal(sscanf(at, "%2x", &byte), 1);
            data[len++] = (uint8_t)byte;
        }
        assert_int_equal(rig_send(rig, (uint16_t)(1000 + i), data, len), 0);
    }
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_EMPTY], 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_INVALID], 1);
    assert_int_equal(rig->ledger.flows_made, 0);
}

static void bad_sets(void **state)
{
    struct rig *rig = *state;
    announce(rig, 1, ADDRESS_BYTES);
    for (unsigned len = 1; len < 4; len++) { // lengths that do not count their header
        message_v9(&m);
        put_address_bytes(256, 1, 1);
        message_put(&m, 256, 2);
        message_put(&m, len, 2);
        message_put(&m, 0, 8);
        assert_int_equal(rig_message(rig, 1, &m), 1);
        assert_int_equal(rig->ledger.reasons[REASON_SET_LENGTH], len);
    }
    message_v9(&m);
    message_open(&m, 5); // reserved
    message_put(&m, 0, 4);
    message_close(&m);
    put_address_bytes(256, 1, 1);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_SET_RESERVED], 1);

    message_v9(&m); // past the end: what is whole counts
    put_address_bytes(256, 1, 1);
    message_patch(&m, m.set_at + 2, 100, 2);
    message_put(&m, 0, 5);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_SET_CLIPPED], 1);

    message_v9(&m); // zeros to the end
    put_address_bytes(256, 1, 1);
    message_put(&m, 0, 8);
    message_put(&m, 0, 3);
    assert_int_equal(rig_message(rig, 1, &m), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TRAILING_BYTES], 1);
}

static void message_lengths(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(2, 256, ADDRESS_BYTES);
    put_address_bytes(256, 1, 1);
    message_end(&m);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 1);
    message_patch(&m, 2, m.len + 100, 2); // longer than the datagram
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 1);
    message_patch(&m, 2, m.len, 2); // shorter: the rest is not the message's
    memset(m.bytes + m.len, 0xff, 20);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len + 20), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TRAILING_BYTES], 1);
    message_patch(&m, 2, 15, 2);
    assert_int_equal(rig_send(rig, 1, m.bytes, m.len), 0);
    assert_int_equal(rig->ledger.reasons[REASON_MESSAGE_LENGTH], 1);
    assert_int_equal(rig_send(rig, 1, m.bytes, 15), 0);
    assert_int_equal(rig_send(rig, 1, m.bytes, 1), 0);
    assert_int_equal(rig_send(rig, 1, m.bytes, 0), 0);
    assert_int_equal(rig->ledger.reasons[REASON_HEADER_SHORT], 2);
    assert_int_equal(rig->ledger.reasons[REASON_DATAGRAM_EMPTY], 1);
    assert_int_equal(rig_send(rig, 1, "\x00\x08\x00\x00", 4), 0);
    assert_int_equal(rig->ledger.reasons[REASON_PROTOCOL_UNKNOWN], 1);
}

static void bad_templates(void **state)
{
    static const uint16_t headers[][2] = {
        {255, 1},     // reserved id
        {256, 65535}, // more fields than there are bytes
        {256, 3},     // one more than there is
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < 3; i++) {
        message_v9(&m);
        message_open(&m, 0);
        message_put(&m, headers[i][0], 2);
        message_put(&m, headers[i][1], 2);
        message_put(&m, 0x00080004, 4);
        message_put(&m, 0x00010004, 4);
        message_close(&m);
        put_template(0, 300, ADDRESS_BYTES);
        put_address_bytes(300, 1, 1);
        assert_int_equal(rig_message(rig, 1, &m), 1);
        assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_INVALID], i + 1);
    }
    message_v9(&m); // a record no set could hold
    message_open(&m, 0);
    message_put(&m, 256, 2);
    message_put(&m, 2, 2);
    message_put(&m, 0x00080000 | 40000, 4);
    message_put(&m, 0x00010000 | 40000, 4);
    message_close(&m);
    assert_int_equal(rig_message(rig, 1, &m), 0);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_INVALID], 4);
}

static void every_cut_is_safe(void **state)
{
    struct rig *rig = *state;
    static const uint16_t fields[][2] = {{8, 4}, {82, 65535}, {1, 4}, {0, 0}};
    message_ipfix(&m);
    put_template(2, 256, fields);
    put_template(2, 257, ADDRESS_BYTES);
    message_open(&m, 256);
    message_put(&m, 0x0a000001, 4);
    message_put(&m, 0x026162, 3);
    message_put(&m, 7, 4);
    message_close(&m);
    put_address_bytes(257, 1, 1);
    message_end(&m);
    for (size_t cut = 0; cut < m.len; cut++)
        assert_in_range(rig_send(rig, (uint16_t)cut, m.bytes, cut), 0, 2);
    assert_int_equal(rig_send(rig, 9999, m.bytes, m.len), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(header_fields_are_in_every_flow),
        RIG_TEST(data_may_stand_before_its_template),
        RIG_TEST(an_unknown_template_costs_only_its_set),
        RIG_TEST(a_new_layout_does_not_reach_back),
        RIG_TEST(withdrawals_are_honoured),
        RIG_TEST(another_port_of_the_exporter_borrows_templates),
        RIG_TEST(exporters_behind_one_address_keep_their_layouts),
        RIG_TEST(ports_can_be_made_one_exporter),
        RIG_TEST(templates_without_bytes_make_no_records),
        RIG_TEST(bad_sets),
        RIG_TEST(message_lengths),
        RIG_TEST(bad_templates),
        RIG_TEST(every_cut_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
