#include "tests/collector/decode/sflow_case.h"

static void test_unknown_sample_costs_itself(void **state)
{
    (void)state;
    struct writer *w = start(4);
    size_t sample = put_begin(w, 0x00001001); // another enterprise
    put_hex(w, "00000000 00000000");
    put_end(w, sample);
    put_good_flow(w);
    sample = put_begin(w, 6);
    put_hex(w, "aa");
    put_end(w, sample);
    put_good_flow(w);
    struct result *r = finish(w);
    assert_int_equal(r->count, 2);
    assert_int_equal(r->ledger.units_decoded, 2);
    assert_reason(r, REASON_SAMPLE_UNKNOWN, 2);
    assert_int_equal(flow_num(&r->flows[1], FLOW_SRC_PORT), 443);
    done(r);
}

static void test_counts_that_lie(void **state)
{
    (void)state;
    struct writer *w = start(3);
    put_good_flow(w);
    struct result *r = finish(w);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->ledger.units_received, 3);
    assert_reason(r, REASON_SAMPLE_MISSING, 2);
    done(r);

    static const uint32_t counts[] = {1001, UINT32_C(1) << 30, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        w = start(counts[i]);
        put_good_flow(w);
        r = finish(w);
        assert_int_equal(r->count, 0);
        assert_reason(r, REASON_COUNT_LIMIT, 1);
        done(r);
    }
    w = start(1000);
    put_good_flow(w);
    r = finish(w);
    assert_reason(r, REASON_SAMPLE_MISSING, 999);
    done(r);

    w = start(1);
    put_good_flow(w);
    put_hex(w, "00000000 aa");
    r = finish(w);
    assert_int_equal(r->count, 1);
    assert_reason(r, REASON_TRAILING_BYTES, 1);
    done(r);
}

static void test_sample_past_the_end(void **state)
{
    (void)state;
    struct writer *w = start(3);
    put_good_flow(w);
    put_hex(w, "00000001 fffffff0 00000000 00000000");
    struct result *r = finish(w);
    assert_int_equal(r->count, 1);
    assert_reason(r, REASON_SAMPLE_LENGTH, 1);
    assert_reason(r, REASON_SAMPLE_MISSING, 1);
    done(r);

    w = start(2);
    size_t sample = put_begin(w, 1); // too short for its own fields
    put_hex(w, "00000001 00000100");
    put_end(w, sample);
    put_good_flow(w);
    r = finish(w);
    assert_int_equal(r->count, 1);
    assert_reason(r, REASON_SAMPLE_LENGTH, 1);
    done(r);
}

// A record that lies costs itself, and the sample only when nothing else of it can be read.
static void test_malformed_records(void **state)
{
    (void)state;
    static const struct {
        uint32_t format;
        const char *hex;
    } bad[] = {
        {1, "00000001 0000003a 00000004"},
        {2, "00000040 0200000000aa"},
        {3, "0000003c 00000006 0a000001 0a000002 00000050 00000401 00000012"},
        {4, "0000003c 00000006 0a000001 0a000002 00000050 00000401 00000012 00000004"},
        {1001, "0000000a 00000000 00000014"},
        {1002, "00000003 09090909 00000018 00000010"},
        {1002, "00000002 09090909 00000018 00000010"},
        {1003, GATEWAY("00000000") "ffffffff 00000002 00000001 0000fbf0 00000000 00000064"},
        {1003, GATEWAY("00000000") "00000001 00000002 ffffffff 0000fbf0 00000000 00000064"},
        {1003, GATEWAY("00000000") "00000001 00000002 40000001 0000fbf0 00000000 00000064"},
        {1003, GATEWAY("00000000") "00000000 ffffffff 00000001 00000064"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct writer *w = start(2);
        size_t sample = begin_flow(w, 3, 4, 2);
        put_record(w, bad[i].format, bad[i].hex);
        put_record(w, 1, RAW_ETHERNET);
        put_end(w, sample);
        sample = begin_flow(w, 3, 4, 1);
        put_record(w, bad[i].format, bad[i].hex);
        put_end(w, sample);
        struct result *r = finish(w);
        assert_int_equal(r->count, 1);
        assert_int_equal(flow_num(&r->flows[0], FLOW_SRC_PORT), 443);
        assert_false(flow_has(&r->flows[0], FLOW_AS_PATH));
        assert_reason(r, REASON_RECORD_INVALID, 2);
        assert_reason(r, REASON_SAMPLE_RECORD, 1);
        done(r);
    }
}

static void test_records_past_the_sample(void **state)
{
    (void)state;
    static const uint32_t announced[] = {2, 1000, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        struct writer *w = start(2);
        size_t sample = begin_flow(w, 3, 4, announced[i]);
        put_record(w, 1, RAW_ETHERNET);
        put_end(w, sample);
        put_good_flow(w);
        struct result *r = finish(w);
        assert_int_equal(r->count, 2);
        assert_reason(r, REASON_RECORD_INVALID, 1);
        done(r);
    }
    struct writer *w = start(1);
    size_t sample = begin_expanded(w, "00000000 00000003 00000000 00000004", UINT32_MAX);
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(r->count, 0);
    assert_reason(r, REASON_SAMPLE_RECORD, 1);
    done(r);
}

static void test_unknown_record_is_skipped(void **state)
{
    (void)state;
    struct writer *w = start(1);
    size_t sample = begin_flow(w, 3, 4, 3);
    put_record(w, 2000, "00000000 00000000");
    put_record(w, 0x00001001, "ffffffff"); // a raw header only for enterprise 0
    put_record(w, 1, RAW_ETHERNET);
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(r->count, 1);
    assert_int_equal(flow_num(&r->flows[0], FLOW_BYTES), 58);
    assert_reason(r, REASON_RECORD_INVALID, 0);
    done(r);
}

static void test_unknown_sampling_rate_is_noted(void **state)
{
    (void)state;
    struct writer *w = start(1);
    size_t sample = put_begin(w, 1);
    put_hex(w, "00000001 00000100 00000000 00000000 00000000 00000003 00000004 00000000");
    put_end(w, sample);
    struct result *r = finish(w);
    assert_int_equal(r->count, 1);
    assert_reason(r, REASON_SAMPLING_UNKNOWN, 1);
    done(r);
}

static void test_refused_datagrams(void **state)
{
    (void)state;
    static const uint8_t no_agent[] = {0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 0};
    struct result *r = decode(no_agent, sizeof no_agent);
    assert_reason(r, REASON_AGENT_ADDRESS, 1);
    done(r);
    struct writer *w = start(0);
    for (size_t len = 0; len < w->len; len++) {
        r = decode(w->data, len);
        assert_reason(r, len == 0 ? REASON_DATAGRAM_EMPTY : REASON_HEADER_SHORT, 1);
        assert_int_equal(r->ledger.datagrams_parsed, 0);
        done(r);
    }
    r = finish(w);
    assert_int_equal(r->ledger.datagrams_parsed, 1);
    done(r);
}

// More bytes never take away a flow, and the books balance at every length.
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct writer *w = start(4);
    size_t sample = begin_expanded(w, "00000000 00000003 00000000 00000004", 5);
    put_record(w, 1001, "0000000a 00000000 00000014 00000000");
    put_record(w, 1, RAW_ETHERNET);
    put_record(w, 1003,
               GATEWAY("00000000") "00000001 00000002 00000002 0000fbf0 0000fbf1 "
                                   "00000001 fde80001 00000064");
    put_record(w, 1002, "00000001 09090909 00000018 00000010");
    put_record(w, 2, "00000040 0200000000aa0000 0200000000bb0000 00000800");
    put_end(w, sample);
    sample = put_begin(w, 2);
    put_hex(w, "00000001 00000005 00000001");
    put_record(w, 2, "00000000 00000001 00000002 00000003");
    put_end(w, sample);
    sample = begin_flow(w, 3, 4, 1);
    put_record(w, 3, "0000003c 00000006 0a000001 0a000002 00000050 00000401 00000012 00000004");
    put_end(w, sample);
    put_good_flow(w);
    size_t count = 0;
    uint64_t decoded = 0;
    for (size_t len = 0; len <= w->len; len++) {
        struct result *r = decode(w->data, len);
        assert_true(r->count >= count);
        assert_true(r->ledger.units_decoded >= decoded);
        count = r->count;
        decoded = r->ledger.units_decoded;
        done(r);
    }
    assert_int_equal(count, 3);
    assert_int_equal(decoded, 4);
    free(w);
}

static void test_damaged_datagrams(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        struct writer *w = start(3);
        put_good_flow(w);
        size_t sample = begin_expanded(w, "00000000 00000003 00000000 00000004", 1);
        put_record(w, 1003,
                   GATEWAY("00000000") "00000001 00000002 00000002 0000fbf0 0000fbf1 "
                                       "00000001 fde80001 00000064");
        put_end(w, sample);
        put_good_flow(w);
        for (int n = 0; n < 4; n++) {
            seed = seed * 1664525 + 1013904223;
            w->data[(seed >> 8) % w->len] = (uint8_t)(seed >> 24);
        }
        done(finish(w));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_sample_costs_itself),
        cmocka_unit_test(test_counts_that_lie),
        cmocka_unit_test(test_sample_past_the_end),
        cmocka_unit_test(test_malformed_records),
        cmocka_unit_test(test_records_past_the_sample),
        cmocka_unit_test(test_unknown_record_is_skipped),
        cmocka_unit_test(test_unknown_sampling_rate_is_noted),
        cmocka_unit_test(test_refused_datagrams),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_damaged_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
