// Decoders that share the datagrams of an exporter: what one is told, the other learns.
#include "collector/decode/announcement.h"
#include "tests/collector/decode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct message m;
static uint8_t told_bytes[65535];
static struct datagram told;
static unsigned told_count;
static bool told_proven;

static void keep_told(void *user, const struct datagram *announcement, bool proven)
{
    (void)user;
    told_proven = proven;
    memcpy(told_bytes, announcement->data, announcement->len);
    told = *announcement;
    told.data = told_bytes;
    told_count++;
}

static const struct decode_options OPTIONS = {
    .hash_seed = 1,
    .spread = true,
    .announce = keep_told,
    .hold = {.exporter_bytes = 65536, .total_bytes = 65536, .time_ns = 60000000000}};

static void put_template(unsigned set_id)
{
    static const uint16_t fields[][2] = {{8, 4}, {1, 4}, {0, 0}};
    message_open(&m, set_id);
    message_template(&m, 256, fields);
    message_close(&m);
}

static void put_data(uint32_t address)
{
    message_open(&m, 256);
    message_put(&m, address, 4);
    message_put(&m, 1500, 4);
    message_close(&m);
}

// samplingInterval in an options template of IPFIX with one scope, and its record.
static void put_sampling(uint32_t rate)
{
    message_open(&m, 3);
    message_put(&m, 300, 2);
    message_put(&m, 2, 2);
    message_put(&m, 1, 2);
    message_put(&m, 0x00900004, 4);
    message_put(&m, 0x00220004, 4);
    message_close(&m);
    message_open(&m, 300);
    message_put(&m, 1, 4);
    message_put(&m, rate, 4);
    message_close(&m);
}

static void the_other_decoder_learns(void **state)
{
    (void)state;
    struct rig *first = rig_with(&OPTIONS);
    struct rig *second = rig_with(&OPTIONS);
    told_count = 0;
    message_ipfix(&m);
    put_data(0x0a000001); // the data is not told
    put_template(2);
    put_sampling(100);
    assert_int_equal(rig_message(first, 2055, &m), 1);
    assert_int_equal(told_count, 1);
    assert_int_equal(bytes_u16(told.data + 2), told.len);
    assert_true(told.len < m.len);

    decoder_learn(second->decoder, &told);
    assert_int_equal(second->ledger.datagrams_received, 0);
    assert_int_equal(second->ledger.units_received, 0);
    message_ipfix(&m);
    put_data(0x0a000002);
    assert_int_equal(rig_message(second, 2055, &m), 1);
    assert_int_equal(flow_num(&second->flows[0], FLOW_SAMPLING_RATE), 100);
    assert_int_equal(told_count, 1);
    rig_free(first);
    rig_free(second);
}

static void what_is_known_is_not_told_again(void **state)
{
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    told_count = 0;
    for (int i = 0; i < 5; i++) {
        message_ipfix(&m);
        put_template(2);
        put_sampling(100);
        rig_message(rig, 2055, &m);
    }
    assert_int_equal(told_count, 1);
    message_ipfix(&m);
    put_sampling(200);
    rig_message(rig, 2055, &m);
    assert_int_equal(told_count, 2);
    rig_free(rig);
}

static void what_is_known_is_told_again_later(void **state)
{
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    told_count = 0;
    for (uint64_t i = 0; i < 40; i++) { // each minute
        message_ipfix(&m);
        if (i < 20)
            put_template(2);
        else
            put_sampling(100);
        message_end(&m);
        rig_send_at(rig, RIG_NOW_NS + i * 60000000000, 2055, m.bytes, m.len);
    }
    assert_int_equal(told_count, 4);
    rig_free(rig);
}

static void says_of_whom_data_came(void **state)
{
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    message_v9(&m);
    put_template(0);
    rig_message(rig, 2055, &m);
    assert_false(told_proven);
    for (int i = 0; i < EXPORTER_PROVEN; i++) {
        message_v9(&m);
        put_data(1);
        rig_message(rig, 2055, &m);
    }
    message_ipfix(&m);
    put_template(2);
    rig_message(rig, 2055, &m);
    assert_false(told_proven); // another one, by its version
    message_v9(&m);
    put_template(0);
    message_end(&m);
    rig_send_at(rig, RIG_NOW_NS + ANNOUNCEMENT_AGAIN_NS, 2055, m.bytes, m.len);
    assert_true(told_proven);
    rig_free(rig);
}

static uint64_t rate_of_data(struct rig *rig)
{
    message_ipfix(&m);
    put_data(0x0a000001);
    assert_int_equal(rig_message(rig, 2055, &m), 1);
    return flow_num(&rig->flows[0], FLOW_SAMPLING_RATE);
}

static void borrow(struct rig *rig)
{
    message_end(&m);
    const struct datagram datagram = {.data = m.bytes,
                                      .len = m.len,
                                      .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                      .port = 2055,
                                      .received_ns = RIG_NOW_NS};
    decoder_borrow(rig->decoder, &datagram);
}

static void borrow_sampling(struct rig *rig, uint32_t rate)
{
    message_ipfix(&m);
    put_sampling(rate);
    borrow(rig);
}

static void the_exporter_counts_more_than_other_collectors(void **state)
{
    static const uint16_t swapped[][2] = {{1, 4}, {8, 4}, {0, 0}};
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    message_ipfix(&m);
    put_template(2);
    borrow(rig);
    borrow_sampling(rig, 100);
    assert_int_equal(rate_of_data(rig), 100);
    borrow_sampling(rig, 200); // one that is borrowed in place of another
    assert_int_equal(rate_of_data(rig), 200);

    message_ipfix(&m);
    put_template(2);
    put_sampling(300);
    rig_message(rig, 2055, &m);
    borrow_sampling(rig, 400);
    message_ipfix(&m);
    message_open(&m, 2);
    message_template(&m, 256, swapped);
    message_close(&m);
    borrow(rig);
    assert_int_equal(rate_of_data(rig), 300);
    assert_int_equal(rig->sources[0], 0x0a000001);
    rig_free(rig);
}

// RFC 7011, section 8.1: one template, and all of them.
static void other_collectors_withdraw_nothing(void **state)
{
    static const uint16_t ids[] = {256, 2};
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    message_ipfix(&m);
    put_template(2);
    put_sampling(100);
    rig_message(rig, 2055, &m);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        message_ipfix(&m);
        message_open(&m, 2);
        message_put(&m, ids[i], 2);
        message_put(&m, 0, 2);
        message_close(&m);
        borrow(rig);
        assert_int_equal(rate_of_data(rig), 100);
    }
    rig_free(rig);
}

static void what_was_held_is_decoded(void **state)
{
    (void)state;
    struct rig *first = rig_with(&OPTIONS);
    struct rig *second = rig_with(&OPTIONS);
    message_v9(&m);
    put_data(0x0a000001);
    assert_int_equal(rig_message(second, 2055, &m), 0);
    assert_int_equal(second->ledger.units_held, 1);
    message_v9(&m);
    put_template(0);
    rig_message(first, 2055, &m);
    second->count = 0;
    decoder_learn(second->decoder, &told);
    assert_int_equal(second->count, 1);
    assert_int_equal(second->sources[0], 0x0a000001);
    assert_int_equal(second->ledger.units_held, 0);
    assert_true(rig_balanced(second));
    rig_free(first);
    rig_free(second);
}

// Each sees a part of the numbers: no gap is one.
static void shared_sequence_numbers_mean_nothing(void **state)
{
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    for (uint32_t i = 0; i < 10; i++) {
        message_v9(&m);
        message_patch(&m, 12, 100 * i, 4);
        put_template(0);
        rig_message(rig, 2055, &m);
    }
    assert_true(rig_balanced(rig));
    rig_free(rig);
}

static void a_bad_announcement_is_harmless(void **state)
{
    (void)state;
    struct rig *rig = rig_with(&OPTIONS);
    message_ipfix(&m);
    put_template(2);
    put_data(1);
    message_end(&m);
    for (size_t cut = 0; cut <= m.len; cut++) {
        uint8_t *part = malloc(cut + 1);
        memcpy(part, m.bytes, cut);
        struct datagram datagram = {.data = part,
                                    .len = cut,
                                    .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                    .port = 1,
                                    .received_ns = RIG_NOW_NS};
        rig->count = 0;
        decoder_learn(rig->decoder, &datagram);
        assert_int_equal(rig->ledger.units_received, 0);
        assert_int_equal(rig->count, 0); // also when data is in it
        free(part);
    }
    rig_free(rig);
}

static void send_announcement(struct rig *rig, uint32_t address,
                              void (*give)(struct decoder *, const struct datagram *))
{
    struct datagram datagram = {.data = m.bytes,
                                .len = m.len,
                                .source = {.len = 4},
                                .port = 2055,
                                .received_ns = RIG_NOW_NS};
    for (int i = 0; i < 4; i++)
        datagram.source.bytes[i] = (uint8_t)(address >> (24 - 8 * i));
    give(rig->decoder, &datagram);
}

static void receive(struct decoder *decoder, const struct datagram *datagram)
{
    decoder_run(decoder, DECODE_FLOW, datagram);
}

// After a restart in the middle of a flood the exporters of before come first.
static void what_is_recalled_outlives_forged_templates(void **state)
{
    (void)state;
    static const struct decode_options options = {.hash_seed = 1};
    const uint32_t own = 0xc0000201;
    const uint32_t taught = 0xc0000202;
    struct rig *rig = rig_with(&options);
    message_ipfix(&m);
    put_template(2);
    message_end(&m);
    send_announcement(rig, own, decoder_recall);
    send_announcement(rig, taught, decoder_learn);
    for (uint32_t i = 0; i < DOMAIN_COUNT_MAX; i++)
        send_announcement(rig, 0x0a000000 + i, receive);
    message_ipfix(&m);
    put_data(0x0a000001);
    message_end(&m);
    send_announcement(rig, own, receive);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 0);
    assert_int_equal(rig->count, 1);
    send_announcement(rig, taught, receive);
    assert_int_equal(rig->ledger.reasons[REASON_TEMPLATE_MISSING], 1);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_recalled_outlives_forged_templates),
        cmocka_unit_test(the_other_decoder_learns),
        cmocka_unit_test(what_is_known_is_not_told_again),
        cmocka_unit_test(what_is_known_is_told_again_later),
        cmocka_unit_test(says_of_whom_data_came),
        cmocka_unit_test(the_exporter_counts_more_than_other_collectors),
        cmocka_unit_test(other_collectors_withdraw_nothing),
        cmocka_unit_test(what_was_held_is_decoded),
        cmocka_unit_test(shared_sequence_numbers_mean_nothing),
        cmocka_unit_test(a_bad_announcement_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
