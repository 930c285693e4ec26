// Records written straight to the wire: the same bytes and books as the whole way gives.
#include "collector/decode/plan_wire.h"
#include "tests/collector/decode/message.h"
#include "tests/support/twin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW_NS UINT64_C(1700000000123456789)

static struct twin twin;
static struct message m;

static int set_up(void **state)
{
    static const struct decode_options options = {.hash_seed = 1};
    (void)state;
    twin_init(&twin, &options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    twin_fini(&twin);
    return 0;
}

// Returns how many records of the message were written straight.
static uint64_t send_message(void)
{
    uint64_t before = twin.straight.frames;
    if (m.bytes[1] != 5)
        message_end(&m);
    uint8_t *exact = malloc(m.len); // no byte more, for the sanitizer
    assert_non_null(exact);
    memcpy(exact, m.bytes, m.len);
    const struct datagram datagram = {.data = exact,
                                      .len = m.len,
                                      .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                      .port = 1,
                                      .received_ns = NOW_NS};
    (void)twin_run(&twin, DECODE_FLOW, &datagram);
    free(exact);
    return twin.straight.frames - before;
}

static uint64_t reason(enum reason reason)
{
    return twin.straight.ledger.reasons[reason];
}

static void open_message(unsigned version)
{
    if (version == 9)
        message_v9(&m);
    else
        message_ipfix(&m);
}

static void put_template(unsigned id, const uint16_t (*fields)[2])
{
    message_open(&m, m.bytes[1] == 9 ? 0 : 2);
    message_template(&m, id, fields);
    message_close(&m);
}

// A record of these fields, one value in the low bytes of each.
static void put_record(const uint16_t (*fields)[2], uint64_t value)
{
    for (; (*fields)[0] != 0; fields++) {
        unsigned len = (*fields)[1];
        for (; len > 8; len--)
            message_put(&m, 0, 1);
        message_put(&m, value, len);
    }
}

#define END                                                                                        \
    {                                                                                              \
        0, 0                                                                                       \
    }

static const struct {
    unsigned version;
    uint64_t straight; // of one record
    uint64_t value;    // of every field
    uint16_t fields[8][2];
} SHAPES[] = {
    {9, 1, 4, {{8, 4}, {12, 4}, {1, 4}, {2, 4}, {21, 4}, {22, 4}, END}},
    {9, 1, 0, {{8, 4}, {12, 4}, {1, 4}, END}},
    {9, 1, UINT64_MAX, {{1, 8}, {2, 8}, {10, 8}, {14, 3}, {56, 6}, {27, 16}, END}},
    {9, 1, 1, {{48, 1}, {34, 4}, {1, 4}, END}},
    {9, 1, 4, {{60, 1}, {8, 4}, {12, 4}, END}},
    {9, 1, 6, {{60, 1}, {27, 16}, {28, 16}, {62, 16}, END}},
    {9, 1, 259, {{32, 2}, {58, 2}, {150, 4}, {151, 4}, END}},
    {10, 1, 1700000000000, {{152, 8}, {153, 8}, {8, 4}, {1, 8}, END}},
    {10, 1, 1, {{94, 20}, {1, 4}, END}},        // applicationDescription
    {9, 0, 6, {{60, 1}, {8, 4}, {12, 4}, END}}, // IPv6 with addresses of IPv4
    {9, 0, 4, {{60, 1}, {1, 4}, END}},          // the version alone
    {9, 0, 0, {{8, 4}, {27, 16}, {1, 4}, END}}, // one source of two
    {9, 0, 0, {{8, 4}, {28, 16}, {1, 4}, END}}, // two kinds of address
    {9, 1, 7, {{1, 4}, {2, 4}, {23, 4}, END}},  // bytes twice
    {9, 1, 0, {{23, 4}, {85, 8}, {1, 4}, {2, 4}, END}},
    {9, 1, 7, {{8, 4}, {15, 4}, {62, 16}, {18, 4}, {63, 16}, END}}, // hops of both versions
    {9, 1, 0, {{27, 16}, {28, 16}, {62, 16}, {15, 4}, END}},
    {9, 1, 7, {{8, 4}, {27, 16}, {12, 4}, {28, 16}, {62, 16}, {15, 4}, {60, 1}, END}},
    {9, 0, 0, {{8, 4}, {27, 16}, {12, 4}, {28, 16}, {1, 4}, END}},
    {10, 1, 7, {{152, 8}, {22, 4}, {21, 4}, {153, 8}, END}},
    {10, 0, 0, {{152, 8}, {22, 4}, {21, 4}, {153, 8}, END}},
    {10, 1, 7, {{152, 8}, {153, 8}, {161, 4}, {5, 1}, {195, 1}, END}},
    {10, 1, 0, {{195, 1}, {5, 1}, {56, 6}, {81, 6}, {80, 6}, {57, 6}, END}},
    {10, 1, 7, {{256, 2}, {56, 6}, {58, 2}, {243, 2}, {254, 2}, END}},
    {9, 1, 1, {{4, 1}, {7, 2}, {11, 2}, {1, 4}, {8, 4}, END}}, // ICMP
    {9, 1, 58, {{4, 1}, {7, 2}, {11, 2}, {54, 2}, {1, 4}, END}},
    {9, 1, 1, {{4, 1}, {7, 2}, {11, 2}, {32, 2}, END}},
    {9, 0, 7, {{8, 3}, {1, 4}, END}}, // impossible lengths
    {9, 0, 7, {{1, 9}, {2, 4}, END}},
    {9, 0, 7, {{32, 1}, {2, 4}, END}},
    {10, 1, 7, {{21, 4}, {22, 4}, {1, 4}, END}}, // uptimes from an unknown start
    {10, 1, 7, {{22, 4}, {1, 4}, END}},
    {10, 1, 7, {{21, 4}, {1, 4}, END}},
    {10, 1, 7, {{152, 8}, {21, 4}, {22, 4}, END}},
    {9, 0, 0, {{8, 4}, {8, 4}, {1, 4}, END}},
    {10, 0, UINT64_MAX, {{152, 8}, {153, 8}, END}}, // past what nanoseconds hold
    {10, 0, 7, {{154, 8}, {155, 8}, END}},
    {10, 0, 7, {{158, 4}, {1, 4}, END}},
    {9, 0, 7, {{70, 3}, {1, 4}, END}},
    {9, 0, 32, {{197, 1}, {1, 4}, END}},
};

static void which_shapes_go_straight(void **state)
{
    for (unsigned i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        (void)tear_down(state); // an exporter known for long has its flows looked at for volumes
        (void)set_up(state);
        open_message(SHAPES[i].version);
        put_template(256 + i, SHAPES[i].fields);
        message_open(&m, 256 + i);
        put_record(SHAPES[i].fields, SHAPES[i].value);
        message_close(&m);
        uint64_t straight = send_message();
        if (straight != SHAPES[i].straight)
            fail_msg("case %u: %u records went straight", i, (unsigned)straight);
    }
    assert_int_equal(twin.whole.frames, 0);
}

static void an_odd_record_alone_takes_the_whole_way(void **state)
{
    static const uint16_t fields[][2] = {{8, 4}, {60, 1}, {21, 4}, END};
    static const uint8_t versions[] = {4, 6, 4, 0, 4, 4, 6};
    (void)state;
    message_v9(&m);
    put_template(256, fields);
    message_open(&m, 256);
    for (unsigned i = 0; i < 7; i++) { // the last one's end is what the delay is made of
        message_put(&m, 0x0a000000 + i, 4);
        message_put(&m, versions[i], 1);
        message_put(&m, 5000 - 1000 * i, 4);
    }
    message_close(&m);
    assert_int_equal(send_message(), 4);
    message_v9(&m);
    message_patch(&m, 8, 0, 4); // exported in 1970: what came before it has no time
    message_open(&m, 256);
    for (unsigned i = 0; i < 4; i++) {
        message_put(&m, 0x0a000000, 4);
        message_put(&m, 4, 1);
        message_put(&m, i % 2 == 0 ? MESSAGE_UPTIME_MS + 1 : MESSAGE_UPTIME_MS - 1, 4);
    }
    message_close(&m);
    assert_int_equal(send_message(), 2);
    assert_int_equal(reason(REASON_TIME_INVALID), 2);
}

// Options data of one record: a scope of four bytes, and what holds for it.
static void put_option(unsigned id, unsigned scope, uint32_t of, unsigned element, unsigned len,
                       uint64_t value)
{
    message_open(&m, 3);
    message_put(&m, id, 2);
    message_put(&m, 2, 2);
    message_put(&m, 1, 2);
    message_put(&m, scope, 2);
    message_put(&m, 4, 2);
    message_put(&m, element, 2);
    message_put(&m, len, 2);
    message_close(&m);
    message_open(&m, id);
    message_put(&m, of, 4);
    message_put(&m, value, len);
    message_close(&m);
}

// selectorId, samplingInterval
static void put_rate(uint32_t selector, unsigned rate)
{
    put_option(400, 302, selector, 34, 4, rate);
}

// observationDomainId, systemInitTimeMilliseconds: what uptimes of IPFIX count from.
static void put_init_time(uint64_t init_ms)
{
    put_option(401, 149, MESSAGE_DOMAIN, 160, 8, init_ms);
}

static void samplers_may_change_from_record_to_record(void **state)
{
    static const uint16_t fields[][2] = {{302, 4}, {305, 2}, {1, 4}, END};
    static const uint16_t terms[][2] = {{1, 0}, {1, 0}, {2, 0}, {7, 30}, {7, 0}, {1, 0}, {9, 0}};
    (void)state;
    message_ipfix(&m);
    put_template(256, fields);
    message_open(&m, 256);
    message_put(&m, 1, 4);
    message_put(&m, 0, 2);
    message_put(&m, 1500, 4);
    message_close(&m);
    assert_int_equal(send_message(), 1);
    assert_int_equal(reason(REASON_SAMPLING_UNKNOWN), 1);
    message_ipfix(&m);
    put_rate(1, 100);
    put_rate(2, 2000);
    message_open(&m, 256);
    for (unsigned i = 0; i < 7; i++) {
        message_put(&m, terms[i][0], 4);
        message_put(&m, terms[i][1], 2);
        message_put(&m, 1500 + i, 4);
    }
    message_close(&m);
    assert_int_equal(send_message(), 7);
}

static void frames_of_either_length_of_length(void **state)
{
    static const uint16_t fields[][2] = {{27, 16}, {28, 16}, {62, 16}, {1, 8},  {2, 8},
                                         {10, 4},  {14, 4},  {56, 6},  {57, 6}, {21, 4},
                                         {22, 4},  {16, 4},  {17, 4},  END};
    static const uint64_t values[] = {1, 0xffffff, 0xffffff, 2, 1, 0, 0xffffffff, 3, 0x7fffffff};
    (void)state;
    message_v9(&m);
    put_template(256, fields);
    message_open(&m, 256);
    for (unsigned i = 0; i < 9; i++)
        put_record(fields, values[i]);
    message_close(&m);
    assert_int_equal(send_message(), 9);
}

static void version_5(void **state)
{
    static const uint32_t sampling[] = {0, 100, 0x4000 | 16};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        m.len = 0;
        message_put(&m, 5, 2);
        message_put(&m, 4, 2);
        message_put(&m, 10000, 4);
        message_put(&m, i == 2 ? 0 : 1700000000, 4);
        message_put(&m, 500, 4);
        message_put(&m, 11, 4);
        message_put(&m, 0x0102, 2);
        message_put(&m, sampling[i], 2);
        for (unsigned byte = 0; byte < 4 * 48; byte++)
            message_put(&m,
                        byte % 48 == 38 && i == 1 ? 1
                        : byte / 48 == 3          ? 0
                                                  : (byte * 37 + i) >> byte / 48,
                        1);
        assert_int_equal(send_message(), i == 2 ? 3 : 4);
    }
    assert_int_equal(reason(REASON_TIME_INVALID), 1);
}

// The same sequence each time.
static unsigned draw(unsigned below)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % below;
}

static void uptimes_of_ipfix(void **state)
{
    static const uint16_t fields[][2] = {{22, 4}, {21, 4}, {1, 4}, END};
    static const uint32_t times[][2] = {{0, 0}, {1000, 5000}, {5000, 1000}, {4294967295, 10}};
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        message_ipfix(&m);
        if (known != 0)
            put_init_time((UINT64_C(1000) * MESSAGE_EXPORT_S) - 10000);
        put_template(256, fields);
        message_open(&m, 256);
        for (unsigned i = 0; i < 4; i++) {
            message_put(&m, times[i][0], 4);
            message_put(&m, times[i][1], 4);
            message_put(&m, 1, 4);
        }
        message_close(&m);
        assert_int_equal(send_message(), 4);
    }
}

// Mostly what exporters send, sometimes any element of any length.
static unsigned draw_fields(unsigned version, uint16_t (*fields)[2])
{
    static const uint16_t usual[60][2] = {
        {1, 4},   {2, 4},   {4, 1},   {5, 1},   {6, 1},   {7, 2},   {8, 4},   {9, 1},   {10, 2},
        {11, 2},  {12, 4},  {13, 1},  {14, 4},  {15, 4},  {16, 4},  {17, 2},  {18, 4},  {48, 1},
        {32, 2},  {52, 1},  {56, 6},  {57, 6},  {58, 2},  {59, 2},  {60, 1},  {61, 1},  {31, 3},
        {89, 1},  {136, 1}, {34, 4},  {1, 8},   {2, 8},   {27, 16}, {28, 16}, {62, 16}, {23, 4},
        {24, 4},  {85, 8},  {86, 8},  {63, 16}, {29, 1},  {30, 1},  {80, 6},  {81, 6},  {176, 1},
        {177, 1}, {178, 1}, {179, 1}, {139, 2}, {192, 1}, {195, 1}, {243, 2}, {254, 2}, {252, 4},
        {256, 2}, {161, 4}, {44, 4},  {180, 2}, {128, 4}, {60, 1}};
    static const uint16_t times[2][6][2] = {
        {{21, 4}, {22, 4}, {21, 4}, {22, 4}, {150, 4}, {151, 4}},
        {{152, 8}, {153, 8}, {150, 4}, {151, 4}, {21, 4}, {22, 4}}};
    unsigned count = 1 + draw(20);
    unsigned first = draw(60);
    unsigned step = 1 + draw(9);
    for (unsigned i = 0; i < count; i++) {
        const uint16_t *field = usual[(first + i * step) % 60];
        if (draw(8) == 0)
            field = times[version == 10][draw(6)];
        fields[i][0] = field[0];
        fields[i][1] = field[1];
        if (draw(40) == 0) {
            fields[i][0] = (uint16_t)(1 + draw(320));
            fields[i][1] = (uint16_t)draw(20);
        }
    }
    fields[count][0] = 0;
    fields[count][1] = 0;
    return count;
}

static void put_drawn(const uint16_t *field)
{
    unsigned kind = draw(4);
    unsigned len = field[1];
    if (field[0] == 4 && len == 1 && draw(2) == 0) { // ICMP, which has its ports to itself
        message_put(&m, draw(2) == 0 ? 1 : 58, 1);
        return;
    }
    for (unsigned i = 0; i < len; i++)
        message_put(&m,
                    kind == 0                  ? 0
                    : kind == 1 && i + 1 < len ? 0
                                               : draw(kind == 2 ? 8 : 256),
                    1);
}

static void whatever_is_sent(void **state)
{
    static uint16_t fields[22][2];
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        unsigned version = 9 + round % 2;
        unsigned count = draw_fields(version, fields);
        open_message(version);
        if (version == 9 && draw(8) == 0)
            message_patch(&m, 8, draw(3), 4);
        if (version == 10 && draw(16) == 0)
            put_init_time(draw(2) * (UINT64_C(1000) * MESSAGE_EXPORT_S - draw(100000)));
        put_template(256 + round % 7, fields);
        message_open(&m, 256 + round % 7);
        for (unsigned record = draw(5) + 1; record != 0; record--)
            for (unsigned i = 0; i < count; i++)
                put_drawn(fields[i]);
        message_close(&m);
        (void)send_message();
    }
    uint64_t flows = twin.straight.ledger.flows_made;
    assert_true(flows > 20000 && twin.straight.frames > flows / 4);
    assert_true(twin.straight.frames < flows);
}

static void emitted_again_when_frames_are_taken_back(void **state)
{
    static const uint16_t fields[][2] = {{8, 4}, {1, 4}, END};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        message_v9(&m);
        put_template(256, fields);
        message_open(&m, 256);
        put_record(fields, 1);
        message_close(&m);
        assert_int_equal(send_message(), i == 0 ? 1 : 0);
        decoder_set_frames(twin.straight.decoder, NULL);
    }
}

// A record of its own for each template, with so many bytes of padding (element 210).
static uint64_t send_padded(unsigned padding)
{
    const uint16_t fields[][2] = {{8, 4}, {210, (uint16_t)padding}, {1, 4}, END};
    message_ipfix(&m);
    put_template(256 + padding, fields);
    message_open(&m, 256 + padding);
    for (unsigned i = 0; i < padding + 8; i++)
        message_put(&m, i, 1);
    message_close(&m);
    return send_message();
}

static void the_pool_is_bounded_and_given_back(void **state)
{
    unsigned straight = 0;
    (void)state;
    for (unsigned padding = 0; padding < PLAN_WIRE_COUNT_MAX + 10; padding++)
        straight += send_padded(padding) == 1;
    assert_int_equal(straight, PLAN_WIRE_COUNT_MAX - 1); // one was looked at for its volumes
    assert_int_equal(send_padded(1), 1);
    assert_int_equal(send_padded(PLAN_WIRE_COUNT_MAX + 1), 0);
    message_ipfix(&m);
    message_open(&m, 2);
    message_put(&m, 2, 2); // all templates are withdrawn (RFC 7011, section 8.1)
    message_put(&m, 0, 2);
    message_close(&m);
    (void)send_message();
    assert_int_equal(send_padded(PLAN_WIRE_COUNT_MAX + 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(which_shapes_go_straight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_odd_record_alone_takes_the_whole_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(samplers_may_change_from_record_to_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(frames_of_either_length_of_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_5, set_up, tear_down),
        cmocka_unit_test_setup_teardown(uptimes_of_ipfix, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whatever_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pool_is_bounded_and_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(emitted_again_when_frames_are_taken_back, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
