// -produce raw: what is shown of datagrams that the golden cases do not have.
#include "collector/decode/raw/raw.h"
#include "tests/collector/decode/message.h"

#include <jansson.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// sourceIPv4Address, octetDeltaCount; and the same two the other way round.
static const uint16_t ADDRESS_BYTES[][2] = {{8, 4}, {1, 4}, {0, 0}};
static const uint16_t BYTES_ADDRESS[][2] = {{1, 4}, {8, 4}, {0, 0}};

static struct message m;

struct rig {
    struct ledger ledger;
    struct decoder *decoder;
    struct raw *raw;
    unsigned count;
    json_t *message; // the last one
    enum flow_type type;
};

static void ignore(void *user, struct flow *flow)
{
    (void)user;
    (void)flow;
}

static void keep(void *user, const struct flow *flow, const char *bytes, size_t len)
{
    struct rig *rig = user;
    json_error_t error;
    json_decref(rig->message);
    rig->message = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(rig->message);
    rig->type = (enum flow_type)flow_num(flow, FLOW_TYPE);
    rig->ledger.flows_delivered++;
    rig->count++;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const struct decode_options options = {.hash_seed = 1};
    assert_non_null(rig);
    rig->decoder = decoder_new(&options, &rig->ledger, ignore, rig);
    const struct raw_options raw = {.kind = RAW_JSON,
                                    .decoder = rig->decoder,
                                    .ledger = &rig->ledger,
                                    .emit = keep,
                                    .user = rig};
    rig->raw = raw_new(&raw);
    assert_non_null(rig->raw);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    raw_free(rig->raw);
    decoder_free(rig->decoder);
    json_decref(rig->message);
    free(rig);
    return 0;
}

// Sends the bytes in memory of just that length; how many messages came.
static unsigned send_bytes(struct rig *rig, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    const struct datagram datagram = {.data = copy,
                                      .len = len,
                                      .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                      .port = 2055,
                                      .received_ns = UINT64_C(1700000000123456789)};
    rig->count = 0;
    raw_run(rig->raw, DECODE_FLOW, &datagram);
    free(copy);
    assert_true(ledger_balanced(&rig->ledger));
    return rig->count;
}

static unsigned send(struct rig *rig)
{
    message_end(&m);
    return send_bytes(rig, m.bytes, m.len);
}

static json_t *set_at(const struct rig *rig, size_t index)
{
    json_t *message = json_object_get(rig->message, "message");
    return json_array_get(json_object_get(message, "flow-sets"), index);
}

// The element of the first value of the set's first record, 0 without one.
static json_int_t first_element(const struct rig *rig, size_t set)
{
    json_t *record = json_array_get(json_object_get(set_at(rig, set), "records"), 0);
    json_t *value = json_array_get(json_object_get(record, "values"), 0);
    return json_integer_value(json_object_get(value, "type"));
}

static void put_template(unsigned id, const uint16_t (*fields)[2])
{
    message_open(&m, 2);
    message_template(&m, id, fields);
    message_close(&m);
}

static void put_withdrawal(unsigned id)
{
    message_open(&m, 2);
    message_put(&m, id, 2);
    message_put(&m, 0, 2);
    message_close(&m);
}

static void put_data(unsigned id, size_t len)
{
    message_open(&m, id);
    for (size_t i = 0; i < len; i++)
        message_put(&m, i + 1, 1);
    message_close(&m);
}

static void a_set_is_shown_with_the_template_that_holds_where_it_stands(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(256, ADDRESS_BYTES);
    assert_int_equal(send(rig), 1);
    assert_int_equal(rig->type, FLOW_TYPE_IPFIX);
    message_ipfix(&m);
    put_data(256, 8);
    put_template(256, BYTES_ADDRESS);
    put_data(256, 8);
    put_data(257, 8);
    put_template(257, BYTES_ADDRESS);
    assert_int_equal(send(rig), 1);
    assert_int_equal(first_element(rig, 0), 8);
    assert_int_equal(first_element(rig, 2), 1);
    assert_int_equal(first_element(rig, 3), 1);
    message_ipfix(&m);
    put_data(256, 8);
    assert_int_equal(send(rig), 1);
    assert_int_equal(first_element(rig, 0), 1);
}

static void what_is_withdrawn_is_no_template(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(256, ADDRESS_BYTES);
    put_template(257, ADDRESS_BYTES);
    assert_int_equal(send(rig), 1);
    message_ipfix(&m);
    put_withdrawal(256);
    put_data(256, 8);
    put_data(257, 8);
    put_withdrawal(2);
    put_data(257, 8);
    assert_int_equal(send(rig), 1);
    assert_int_equal(first_element(rig, 1), 0);
    assert_string_equal(json_string_value(json_object_get(set_at(rig, 1), "data")), "AQIDBAUGBwg=");
    assert_int_equal(first_element(rig, 2), 8);
    assert_true(json_is_null(json_object_get(set_at(rig, 4), "records")));
}

static void a_message_of_a_datagram_counts_as_a_flow(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    put_template(256, ADDRESS_BYTES);
    put_data(256, 80);
    assert_int_equal(send(rig), 1);
    assert_int_equal(rig->ledger.flows_made, 1);
    assert_int_equal(rig->ledger.units_decoded, 2);
    message_ipfix(&m);
    put_data(300, 8);
    assert_int_equal(send(rig), 1);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
    assert_int_equal(send_bytes(rig, m.bytes, 10), 0);
    assert_int_equal(rig->ledger.flows_made, 2);
}

// Elements of no bytes cost nothing on the wire, and a line each here.
static void a_message_that_grows_too_large_is_dropped(void **state)
{
    struct rig *rig = *state;
    message_ipfix(&m);
    message_open(&m, 2);
    message_put(&m, 256, 2);
    message_put(&m, 1001, 2);
    for (int i = 0; i < 1000; i++)
        message_put(&m, 42ul << 16, 4);
    message_put(&m, 1ul << 16 | 1, 4);
    message_close(&m);
    put_data(256, 4000);
    assert_int_equal(send(rig), 0);
    assert_int_equal(rig->ledger.flows_made, 1);
    assert_int_equal(rig->ledger.reasons[REASON_OUTPUT_TOO_LARGE], 1);
    message_ipfix(&m);
    put_data(256, 4);
    assert_int_equal(send(rig), 1);
}

static void a_cut_message_is_still_one_of_json(void **state)
{
    struct rig *rig = *state;
    message_v9(&m);
    message_open(&m, 0);
    message_template(&m, 256, ADDRESS_BYTES);
    message_close(&m);
    put_data(256, 16);
    message_open(&m, 1);
    message_put(&m, 257u << 16 | 4, 4); // scopes of 4 bytes
    message_put(&m, 4, 2);              // and options
    message_put(&m, 1u << 16 | 4, 4);
    message_put(&m, 34u << 16 | 4, 4);
    message_close(&m);
    put_data(257, 8);
    message_end(&m);
    for (size_t len = 0; len <= m.len; len++)
        assert_int_equal(send_bytes(rig, m.bytes, len), len >= 20);
    json_t *options = json_array_get(json_object_get(set_at(rig, 3), "records"), 0);
    assert_int_equal(json_array_size(json_object_get(options, "scope-values")), 1);
    assert_int_equal(json_array_size(json_object_get(options, "option-values")), 1);
}

// A counter sample of both known records, one of no known format and one too short; then a notice
// of a discarded packet whose function is named with a quote.
static void put_samples(void)
{
    static const uint32_t header[] = {5, 1, 0x0a090807, 3, 7, 1000, 3};
    m.len = 0;
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        message_put(&m, header[i], 4);
    message_put(&m, 2, 4);
    message_put(&m, 12 + 8 + 88 + 8 + 52 + 8 + 4 + 8 + 4, 4);
    message_put(&m, 1, 4);
    message_put(&m, 0x02000009, 4);
    message_put(&m, 4, 4);
    for (uint32_t record = 1; record <= 2; record++) {
        message_put(&m, record, 4);
        message_put(&m, record == 1 ? 88 : 52, 4);
        for (uint32_t i = 0; i < (record == 1 ? 88 : 52) / 4; i++)
            message_put(&m, i, 4);
    }
    message_put(&m, 1001, 4);
    message_put(&m, 4, 4);
    message_put(&m, 0xfafbfcfd, 4);
    message_put(&m, 1, 4);
    message_put(&m, 4, 4);
    message_put(&m, 0x01020304, 4);
    message_put(&m, 5, 4);
    message_put(&m, 32 + 8 + 8, 4);
    for (uint32_t i = 0; i < 7; i++)
        message_put(&m, i, 4);
    message_put(&m, 1, 4);
    message_put(&m, 1038, 4);
    message_put(&m, 8, 4);
    message_put(&m, 3, 4);
    message_bytes(&m, "a\"\xff", 4);
}

static json_t *sample_record(const struct rig *rig, size_t sample, size_t record)
{
    json_t *samples = json_object_get(json_object_get(rig->message, "message"), "samples");
    json_t *records = json_object_get(json_array_get(samples, sample), "records");
    return json_object_get(json_array_get(records, record), "data");
}

static void counters_and_discarded_packets_are_shown(void **state)
{
    struct rig *rig = *state;
    put_samples();
    assert_int_equal(send_bytes(rig, m.bytes, m.len), 1);
    json_t *interface = sample_record(rig, 0, 0);
    assert_int_equal(json_object_size(interface), 19);
    assert_int_equal(json_integer_value(json_object_get(interface, "if-speed")),
                     INT64_C(2) << 32 | 3);
    assert_int_equal(json_integer_value(json_object_get(interface, "if-promiscuous-mode")), 21);
    json_t *ethernet = sample_record(rig, 0, 1);
    assert_int_equal(json_object_size(ethernet), 13);
    assert_int_equal(json_integer_value(json_object_get(ethernet, "dot3-stats-symbol-errors")), 12);
    for (size_t i = 2; i < 4; i++)
        assert_true(json_is_string(json_object_get(sample_record(rig, 0, i), "data")));
    const char *symbol = json_string_value(json_object_get(sample_record(rig, 1, 0), "symbol"));
    assert_string_equal(symbol, "a\"\xef\xbf\xbd");
    json_t *samples = json_object_get(json_object_get(rig->message, "message"), "samples");
    assert_true(json_is_null(json_array_get(samples, 2)));
    for (size_t len = 0; len < m.len; len++)
        assert_int_equal(send_bytes(rig, m.bytes, len), len >= 28);
}

// Sampled Ethernet with padded addresses and without: the same members.
static void both_layouts_of_sampled_ethernet_are_shown(void **state)
{
    struct rig *rig = *state;
    static const uint32_t header[] = {5, 1, 0x0a090807, 3, 7, 1000, 1, 1, 32 + 8 + 24 + 8 + 20,
                                      1, 9, 1000,       0, 0, 3,    4, 2};
    m.len = 0;
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        message_put(&m, header[i], 4);
    for (uint32_t padding = 2; padding != UINT32_MAX - 1; padding -= 2) {
        message_put(&m, 2, 4);
        message_put(&m, 20 + 2 * padding, 4);
        message_put(&m, 64, 4);
        message_bytes(&m, "\2\0\0\0\0\xaa\0", 6 + padding);
        message_bytes(&m, "\2\0\0\0\0\xbb\0", 6 + padding);
        message_put(&m, 0x0800, 4);
    }
    assert_int_equal(send_bytes(rig, m.bytes, m.len), 1);
    assert_int_equal(json_object_size(sample_record(rig, 0, 0)), 4);
    assert_string_equal(json_string_value(json_object_get(sample_record(rig, 0, 0), "dst-mac")),
                        "AgAAAAC7");
    assert_true(json_equal(sample_record(rig, 0, 0), sample_record(rig, 0, 1)));
}

static void keep_text(void *user, const struct flow *flow, const char *bytes, size_t len)
{
    char *text = user;
    (void)flow;
    assert_true(len < 256);
    memcpy(text, bytes, len);
    text[len] = '\0';
}

static void assert_line(enum raw_kind kind, uint64_t received_ns, const char *expected)
{
    char text[256] = "";
    struct ledger ledger = {.datagrams_received = 0};
    const struct decode_options options = {.hash_seed = 1};
    struct decoder *decoder = decoder_new(&options, &ledger, ignore, NULL);
    const struct raw_options raw_options = {
        .kind = kind, .decoder = decoder, .ledger = &ledger, .emit = keep_text, .user = text};
    struct raw *raw = raw_new(&raw_options);
    message_ipfix(&m);
    message_end(&m);
    const struct datagram datagram = {
        .data = m.bytes,
        .len = m.len,
        .source = {.bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .len = 16},
        .port = 4739,
        .received_ns = received_ns};
    raw_run(raw, DECODE_NETFLOW, &datagram);
    assert_string_equal(text, expected);
    raw_free(raw);
    decoder_free(decoder);
}

// Go leaves out the zeros at a fraction's end, and the fraction that is only zeros.
static void senders_and_times_are_as_go_prints_them(void **state)
{
    const uint64_t second_ns = UINT64_C(1700000000000000000);
    (void)state;
    assert_line(RAW_JSON, second_ns + 120000000,
                "{\"type\":\"ipfix\",\"message\":{\"version\":10,\"length\":16,"
                "\"export-time\":1700000000,\"sequence-number\":99,\"observation-domain-id\":5,"
                "\"flow-sets\":null},\"src\":\"[2001:db8::1]:4739\","
                "\"time_received\":\"2023-11-14T22:13:20.12Z\"}");
    assert_line(RAW_TEXT, second_ns,
                "2023-11-14 22:13:20 +0000 UTC [2001:db8::1]:4739: IPFIX count:0 seq:99");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_set_is_shown_with_the_template_that_holds_where_it_stands),
        TEST(what_is_withdrawn_is_no_template),
        TEST(a_message_of_a_datagram_counts_as_a_flow),
        TEST(a_message_that_grows_too_large_is_dropped),
        TEST(a_cut_message_is_still_one_of_json),
        TEST(counters_and_discarded_packets_are_shown),
        TEST(both_layouts_of_sampled_ethernet_are_shown),
        TEST(senders_and_times_are_as_go_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
