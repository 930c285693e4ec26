// The clocks of NetFlow v9 and IPFIX, and the sampling rates that options and records tell.
#include "tests/collector/decode/rig_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NS_PER_S  UINT64_C(1000000000)
#define EXPORT_NS (MESSAGE_EXPORT_S * NS_PER_S)

static struct message m;

struct element {
    uint16_t element;
    uint16_t length;
    uint64_t value;
};

// One template and one record of it, ended by element 0.
static void put_record(unsigned set_id, unsigned id, const struct element *fields)
{
    unsigned count = 0;
    while (fields[count].element != 0)
        count++;
    message_open(&m, set_id);
    message_put(&m, id, 2);
    message_put(&m, count, 2);
    for (unsigned i = 0; i < count; i++) {
        message_put(&m, fields[i].element, 2);
        message_put(&m, fields[i].length, 2);
    }
    message_close(&m);
    message_open(&m, id);
    for (unsigned i = 0; i < count; i++)
        message_put(&m, fields[i].value, fields[i].length);
    message_close(&m);
}

// An IPFIX options template with one scope field, and one record.
static void put_ipfix_option(unsigned id, const struct element *fields)
{
    unsigned count = 0;
    while (fields[count].element != 0)
        count++;
    message_open(&m, 3);
    message_put(&m, id, 2);
    message_put(&m, count, 2);
    message_put(&m, 1, 2);
    for (unsigned i = 0; i < count; i++) {
        message_put(&m, fields[i].element, 2);
        message_put(&m, fields[i].length, 2);
    }
    message_close(&m);
    message_open(&m, id);
    for (unsigned i = 0; i < count; i++)
        message_put(&m, fields[i].value, fields[i].length);
    message_close(&m);
}

// The same for v9, whose scopes are numbered apart: the scope here is "system".
static void put_v9_option(unsigned id, const struct element *fields)
{
    unsigned count = 0;
    while (fields[count].element != 0)
        count++;
    message_open(&m, 1);
    message_put(&m, id, 2);
    message_put(&m, 4, 2);
    message_put(&m, 4 * count, 2);
    message_put(&m, 0x00010004, 4);
    for (unsigned i = 0; i < count; i++) {
        message_put(&m, fields[i].element, 2);
        message_put(&m, fields[i].length, 2);
    }
    message_close(&m);
    message_open(&m, id);
    message_put(&m, 48, 4);
    for (unsigned i = 0; i < count; i++)
        message_put(&m, fields[i].value, fields[i].length);
    message_close(&m);
}

static void assert_times(const struct rig *rig, uint64_t start_ns, uint64_t end_ns)
{
    assert_int_equal(rig->count, 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_TIME_FLOW_START_NS), start_ns);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_TIME_FLOW_END_NS), end_ns);
}

static void v9_uptimes(void **state)
{
    static const struct element before[] = {{22, 4, 9000}, {21, 4, 9500}, {0, 0, 0}};
    static const struct element after[] = {{22, 4, 10500}, {21, 4, 10600}, {0, 0, 0}};
    static const struct element wrapped[] = {{22, 4, UINT32_MAX - 999}, {21, 4, 5000}, {0, 0, 0}};
    struct rig *rig = *state;
    message_v9(&m);
    put_record(0, 256, before);
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS - NS_PER_S, EXPORT_NS - NS_PER_S / 2);
    message_v9(&m);
    put_record(0, 256, after); // a record made after the header
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS + NS_PER_S / 2, EXPORT_NS + NS_PER_S / 10 * 6);
    message_v9(&m);
    put_record(0, 256, wrapped); // the uptime wrapped eleven seconds ago
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS - 11 * NS_PER_S, EXPORT_NS - 5 * NS_PER_S);
}

static void ipfix_uptimes_count_from_the_start_of_the_exporter(void **state)
{
    uint64_t init_ms = (MESSAGE_EXPORT_S - 1000) * UINT64_C(1000);
    const struct element inside[] = {{22, 4, 1000}, {21, 4, 2000}, {160, 8, init_ms}, {0, 0, 0}};
    static const struct element alone[] = {{22, 4, 1000}, {21, 4, 2000}, {0, 0, 0}};
    const struct element option[] = {{144, 4, 1}, {160, 8, init_ms}, {0, 0, 0}};
    uint64_t init_ns = init_ms * 1000000;
    struct rig *rig = *state;
    message_ipfix(&m);
    put_record(2, 256, alone); // nothing to count from: the flow ended as it was exported
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS - NS_PER_S, EXPORT_NS);
    message_ipfix(&m);
    put_record(2, 257, inside);
    rig_message(rig, 1, &m);
    assert_times(rig, init_ns + NS_PER_S, init_ns + 2 * NS_PER_S);
    message_ipfix(&m);
    put_ipfix_option(258, option);
    put_record(2, 256, alone);
    rig_message(rig, 1, &m);
    assert_times(rig, init_ns + NS_PER_S, init_ns + 2 * NS_PER_S);
}

static void domain_0_says_it_for_all(void **state)
{
    uint64_t init_ms = (MESSAGE_EXPORT_S - 1000) * UINT64_C(1000);
    static const struct element record[] = {{22, 4, 1000}, {21, 4, 2000}, {0, 0, 0}};
    const struct element option[] = {{144, 4, 1}, {160, 8, init_ms}, {0, 0, 0}};
    uint64_t init_ns = init_ms * 1000000;
    struct rig *rig = *state;
    static const uint32_t domains[] = {2, 0}; // another one's is not its own
    for (unsigned i = 0; i < 2; i++) {
        message_ipfix(&m);
        message_patch(&m, 12, domains[i], 4);
        put_ipfix_option(258, option);
        rig_message(rig, 1, &m);
        message_ipfix(&m);
        message_patch(&m, 12, 1, 4);
        put_record(2, 256, record);
        rig_message(rig, 1, &m);
        if (i == 0)
            assert_times(rig, EXPORT_NS - NS_PER_S, EXPORT_NS);
        else
            assert_times(rig, init_ns + NS_PER_S, init_ns + 2 * NS_PER_S);
    }
}

static void ipfix_uptimes_wrap(void **state)
{
    // Up for 50 days: 32 bits of milliseconds wrapped once.
    uint64_t up_ms = UINT64_C(50) * 86400 * 1000;
    uint64_t init_ms = MESSAGE_EXPORT_S * UINT64_C(1000) - up_ms;
    const struct element fields[] = {{22, 4, (uint32_t)(up_ms - 3000)},
                                     {21, 4, (uint32_t)(up_ms - 1000)},
                                     {160, 8, init_ms},
                                     {0, 0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_record(2, 256, fields);
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS - 3 * NS_PER_S, EXPORT_NS - NS_PER_S);
}

static void absolute_times(void **state)
{
    static const struct element seconds[] = {{150, 4, 1600000000}, {151, 4, 1600000001}, {0, 0, 0}};
    static const struct element milli[] = {
        {152, 8, UINT64_C(1600000000123)}, {153, 8, UINT64_C(1600000000456)}, {0, 0, 0}};
    static const struct element ntp[] = {
        {154, 8, 0xebe50e38c50cc000}, {157, 8, 0xebe50e3980000000}, {0, 0, 0}};
    static const struct element delta[] = {{158, 4, 1500000}, {159, 4, 500}, {0, 0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_record(2, 256, seconds);
    rig_message(rig, 1, &m);
    assert_times(rig, 1600000000 * NS_PER_S, 1600000001 * NS_PER_S);
    message_v9(&m); // v9 exporters use these elements too
    put_record(0, 257, milli);
    rig_message(rig, 1, &m);
    assert_times(rig, UINT64_C(1600000000123000000), UINT64_C(1600000000456000000));
    message_ipfix(&m);
    put_record(2, 258, ntp);
    rig_message(rig, 1, &m);
    assert_times(rig, UINT64_C(1748668344769726000), UINT64_C(1748668345500000000));
    message_ipfix(&m);
    put_record(2, 259, delta);
    rig_message(rig, 1, &m);
    assert_times(rig, EXPORT_NS - 1500000000, EXPORT_NS - 500000);
}

static void assert_rate(const struct rig *rig, uint64_t rate)
{
    assert_int_equal(rig->count, 1);
    assert_int_equal(flow_num(&rig->flows[0], FLOW_SAMPLING_RATE), rate);
}

static const struct element PLAIN[] = {{1, 4, 1500}, {0, 0, 0}};

static void options_tell_the_rate(void **state)
{
    static const struct {
        struct element fields[4];
        uint64_t rate;
    } cases[] = {
        {{{144, 4, 1}, {34, 4, 100}, {0, 0, 0}}, 100},
        {{{144, 4, 1}, {34, 2, 100}, {0, 0, 0}}, 100},
        {{{144, 4, 1}, {50, 4, 200}, {0, 0, 0}}, 200},
        {{{144, 4, 1}, {305, 4, 300}, {0, 0, 0}}, 300},
        {{{144, 4, 1}, {305, 4, 10}, {306, 4, 990}, {0, 0, 0}}, 100},
        {{{144, 4, 1}, {305, 4, 1}, {306, 4, 0}, {0, 0, 0}}, 1},
        {{{144, 4, 1}, {309, 4, 2}, {310, 4, 2048}, {0, 0, 0}}, 1024},
        {{{302, 8, 7}, {34, 8, UINT32_MAX}, {0, 0, 0}}, UINT32_MAX},
    };
    struct rig *rig = *state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        message_ipfix(&m);
        put_record(2, 300, PLAIN); // the rate holds for the whole message
        put_ipfix_option(256 + i, cases[i].fields);
        rig_message(rig, (uint16_t)(1000 + i), &m);
        assert_rate(rig, cases[i].rate);
    }
}

static void a_rate_of_zero_is_none(void **state)
{
    static const struct element zero[] = {{144, 4, 1}, {34, 4, 0}, {0, 0, 0}};
    static const struct element hundred[] = {{144, 4, 1}, {34, 4, 100}, {0, 0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_ipfix_option(256, zero);
    put_record(2, 300, PLAIN);
    rig_message(rig, 1, &m);
    assert_rate(rig, 0);
    assert_int_equal(rig->ledger.reasons[REASON_SAMPLING_UNKNOWN], 1);
    message_ipfix(&m);
    put_ipfix_option(256, hundred);
    put_ipfix_option(257, zero);
    put_record(2, 300, PLAIN);
    rig_message(rig, 1, &m);
    assert_rate(rig, 100);
}

static void records_choose_their_sampler(void **state)
{
    static const struct element first[] = {{48, 1, 1}, {50, 4, 100}, {0, 0, 0}};
    static const struct element second[] = {{48, 1, 2}, {50, 4, 200}, {0, 0, 0}};
    static const struct element by_first[] = {{1, 4, 1500}, {48, 1, 1}, {0, 0, 0}};
    static const struct element by_unknown[] = {{1, 4, 1500}, {48, 1, 9}, {0, 0, 0}};
    static const struct element own[] = {{1, 4, 1500}, {48, 1, 1}, {34, 4, 5}, {0, 0, 0}};
    struct rig *rig = *state;
    message_v9(&m);
    put_v9_option(256, first);
    put_v9_option(257, second);
    put_record(0, 300, by_first);
    rig_message(rig, 1, &m);
    assert_rate(rig, 100);
    message_v9(&m);
    put_record(0, 301, by_unknown); // of none that is known
    rig_message(rig, 1, &m);
    assert_rate(rig, 0);
    message_v9(&m);
    put_record(0, 302, own);
    rig_message(rig, 1, &m);
    assert_rate(rig, 5);
}

static void v9_scopes_are_no_elements(void **state)
{
    // put_v9_option's scope has the value 48 and type 1; were it an element it would be bytes.
    static const struct element option[] = {{34, 2, 50}, {0, 0, 0}};
    struct rig *rig = *state;
    message_v9(&m);
    put_v9_option(256, option);
    put_record(0, 300, PLAIN);
    rig_message(rig, 1, &m);
    assert_rate(rig, 50);
}

static void rates_follow_an_exporter_to_another_port(void **state)
{
    static const struct element hundred[] = {{144, 4, 1}, {34, 4, 100}, {0, 0, 0}};
    static const struct element fifty[] = {{144, 4, 1}, {34, 4, 50}, {0, 0, 0}};
    struct rig *rig = *state;
    message_ipfix(&m);
    put_ipfix_option(256, hundred);
    rig_message(rig, 1, &m);
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 2, &m);
    assert_rate(rig, 0); // anyone can say so from some port
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 1, &m);
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 2, &m);
    assert_rate(rig, 100);
    assert_int_equal(rig->ledger.reasons[REASON_SAMPLING_BORROWED], 1);
    message_ipfix(&m);
    put_ipfix_option(256, fifty);
    rig_message(rig, 3, &m);
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 2, &m); // port 3 sent nothing
    assert_rate(rig, 100);
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 3, &m);
    message_ipfix(&m);
    put_record(2, 300, PLAIN);
    rig_message(rig, 2, &m); // the ports disagree: not known rather than wrong
    assert_rate(rig, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(v9_uptimes),
        RIG_TEST(ipfix_uptimes_count_from_the_start_of_the_exporter),
        RIG_TEST(domain_0_says_it_for_all),
        RIG_TEST(ipfix_uptimes_wrap),
        RIG_TEST(absolute_times),
        RIG_TEST(options_tell_the_rate),
        RIG_TEST(a_rate_of_zero_is_none),
        RIG_TEST(records_choose_their_sampler),
        RIG_TEST(v9_scopes_are_no_elements),
        RIG_TEST(rates_follow_an_exporter_to_another_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
