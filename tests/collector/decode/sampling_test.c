// Which sampling rate a flow has: scopes, selectors, other domains, other ports, the operator's
// word. Each case runs twice, the whole way and straight to the wire, with the same result.
#include "tests/hostile/notation.h"
#include "tests/support/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW_NS    UINT64_C(1700000000123456789)
#define STEPS_MAX 8
#define RATES_MAX 8

struct step {
    uint16_t port;
    const char *message; // tests/hostile/notation.h
};

struct sampling_case {
    const char *about;
    struct step steps[STEPS_MAX];
    unsigned flows;
    uint64_t rates[RATES_MAX];
    enum exporter_sampling last; // of the latest flow
};

// A template without any of these.
#define V9_PLAIN    "set(0: 0102 0001 00080004) set(102: 0a000001)"
#define IPFIX_PLAIN "set(2: 0102 0001 00080004) set(102: 0a000001)"
// A template with a selector alone.
#define V9_BY(selector) "set(0: 0103 0002 00080004 00300001) set(103: 0a000001 " selector ")"
// Options: interval by interface, by line card, by template, by nothing; a sampler table.
#define V9_INTERFACES "set(1: 0100 0004 0004 00020002 00220002) set(100: 000b 0064 0016 03e8)"
#define V9_CARDS      "set(1: 0100 0004 0004 00030002 00220002) set(100: 0001 0064 0002 03e8)"
#define V9_SYSTEM     "set(1: 0110 0004 0004 00010002 00220002) set(110: 0001 0032)"
#define V9_SAMPLERS                                                                                \
    "set(1: 0111 0004 0008 00010002 00300001 00320002) set(111: 0001 01 0064 0001 02 03e8)"
#define V9_SAMPLER "set(1: 0111 0004 0008 00010002 00300001 00320002) set(111: 0001 01 0064)"

static const struct sampling_case CASES[] = {
    {"an interface of v9 is the one that the flow came in by, rather than the other",
     {{1,
       "v9(7: " V9_INTERFACES V9_PLAIN "set(0: 0104 0003 00080004 000a0002 000e0002)"
       "set(104: 0a000001 000b 0016 0a000001 0016 000b 0a000001 0005 0016 0a000001 0005 0006))"}},
     5,
     {0, 100, 1000, 1000, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"flows that name no interface have the rate of all when these agree",
     {{1, "v9(7: set(1: 0100 0004 0004 00020002 00220002) set(100: 000b 0064 0016 0064)" V9_PLAIN
          ")"}},
     1,
     {100},
     EXPORTER_SAMPLING_OPTIONS},
    {"an interface without a number is none",
     {{1, "v9(7: set(1: 0100 0004 0004 00020002 00220002) set(100: 0000 0064)"
          "set(0: 0104 0002 00080004 000a0002) set(104: 0a000001 0005))"}},
     1,
     {100},
     EXPORTER_SAMPLING_OPTIONS},
    {"interfaces of IPFIX have a direction",
     {{1, "ipfix(7: set(3: 0100 0002 0001 000a0004 00220002) set(100: 0000000b 0064)"
          "set(3: 0105 0002 0001 00fd0004 00220002) set(105: 00000016 03e8)"
          "set(2: 0104 0003 00080004 000a0002 000e0002)"
          "set(104: 0a000001 000b 0001 0a000001 0001 0016 0a000001 0016 000b))"}},
     3,
     {100, 1000, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"both interfaces are closer than one",
     {{1, "ipfix(7: set(3: 0100 0003 0002 000a0002 000e0002 00220002) set(100: 000b 0016 0064)"
          "set(3: 0105 0002 0001 000a0002 00220002) set(105: 000b 03e8)"
          "set(2: 0104 0003 00080004 000a0002 000e0002)"
          "set(104: 0a000001 000b 0016 0a000001 000b 0001))"}},
     2,
     {100, 1000},
     EXPORTER_SAMPLING_OPTIONS},
    {"a line card is the record's",
     {{1, "v9(7: " V9_CARDS V9_PLAIN "set(0: 0104 0002 00080004 008d0001)"
          "set(104: 0a000001 01 0a000001 02 0a000001 03))"}},
     4,
     {0, 100, 1000, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"a template's rate is not another template's",
     {{1, "v9(7: set(1: 0100 0004 0004 00050002 00220002) set(100: 0102 0064)" V9_PLAIN
          "set(0: 0104 0001 00080004) set(104: 0a000001))"}},
     2,
     {100, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"a template is closer than the exporter",
     {{1, "v9(7: " V9_SYSTEM "set(1: 0100 0004 0004 00050002 00220002) set(100: 0102 0064)" V9_PLAIN
          "set(0: 0104 0001 00080004) set(104: 0a000001))"}},
     2,
     {100, 50},
     EXPORTER_SAMPLING_OPTIONS},
    {"a selector that is not in the table has no rate, and 0 is none",
     {{1, "v9(7: " V9_SAMPLERS V9_SYSTEM "set(0: 0103 0002 00080004 00300001)"
          "set(103: 0a000001 01 0a000001 02 0a000001 00 0a000001 07))"}},
     4,
     {100, 1000, 0, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"without selectors, the exporter's rate holds for records that name one",
     {{1, "v9(7: " V9_SYSTEM V9_BY("07") ")"}},
     1,
     {50},
     EXPORTER_SAMPLING_OPTIONS},
    {"a record without a selector has the rate of all when these agree",
     {{1, "v9(7: " V9_SAMPLER V9_PLAIN ")"}, {1, "v9(8: " V9_SAMPLERS V9_PLAIN ")"}},
     2,
     {100, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"a selector may be bound to an interface",
     {{1, "v9(7: set(1: 0100 0004 0008 00020002 00300001 00220002)"
          "set(100: 000b 01 0064 0016 01 03e8)"
          "set(0: 0104 0003 00080004 000a0002 00300001)"
          "set(104: 0a000001 000b 01 0a000001 0016 01 0a000001 0005 01))"}},
     3,
     {100, 1000, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"and is then that of the interface that the flow came in by, for records that name none",
     {{1,
       "v9(7: set(1: 0100 0004 0008 00020002 00300001 00220002)"
       "set(100: 000b 01 0064 0016 02 03e8) set(0: 0104 0003 00080004 000a0002 000e0002)"
       "set(104: 0a000001 000b 0016 0a000001 0016 000b 0a000001 0005 0016 0a000001 0005 0006))"}},
     4,
     {100, 1000, 1000, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"a zero takes nothing away",
     {{1, "v9(7: " V9_SYSTEM V9_PLAIN ")"}, {1, "v9(7: set(110: 0001 0000) set(102: 0a000001))"}},
     2,
     {50, 50},
     EXPORTER_SAMPLING_OPTIONS},
    {"a rate of 1 is one",
     {{1, "ipfix(7: set(3: 0100 0003 0001 00900002 01310002 01320002) set(100: 0001 0001 "
          "0000)" IPFIX_PLAIN ")"}},
     1,
     {1},
     EXPORTER_SAMPLING_OPTIONS},
    {"time sampled and time passed over",
     {{1, "ipfix(7: set(3: 0100 0003 0001 00900002 01330002 01340002) set(100: 0001 000a "
          "03de)" IPFIX_PLAIN ")"}},
     1,
     {100},
     EXPORTER_SAMPLING_OPTIONS},
    {"a probability of 0.01, as float64 and as float32",
     {{1, "ipfix(7: set(3: 0100 0002 0001 00900002 01370008) set(100: 0001 "
          "3f847ae147ae147b)" IPFIX_PLAIN ")"},
      {1,
       "ipfix(8: set(3: 0100 0002 0001 00900002 01370004) set(100: 0001 3c23d70a)" IPFIX_PLAIN ")"},
      {1, "ipfix(9: set(3: 0100 0002 0001 00900002 01370008) set(100: 0001 "
          "7ff8000000000000)" IPFIX_PLAIN ")"}},
     3,
     {100, 100, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"the only sampler table with that id, of another source id",
     {{1, "v9(6: " V9_SAMPLER ")"}, {1, "v9(7: " V9_BY("01") ")"}, {1, "v9(7: " V9_BY("02") ")"}},
     2,
     {100, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"is named as such",
     {{1, "v9(6: " V9_SAMPLER ")"}, {1, "v9(7: " V9_BY("01") ")"}},
     1,
     {100},
     EXPORTER_SAMPLING_DOMAIN},
    {"two tables that do not agree",
     {{1, "v9(6: " V9_SAMPLER ")"},
      {1, "v9(5: set(1: 0111 0004 0008 00010002 00300001 00320002) set(111: 0001 01 000a))"},
      {1, "v9(7: " V9_BY("01") ")"}},
     1,
     {0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"a table of its own goes before, even without that id",
     {{1, "v9(6: " V9_SAMPLER ")"},
      {1, "v9(7: set(1: 0111 0004 0008 00010002 00300001 00320002) set(111: 0001 02 000a)" V9_BY(
              "01") ")"}},
     1,
     {0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"sampler 0 is no other domain's, nor is a rate without a selector",
     {{1, "v9(6: set(1: 0111 0004 0008 00010002 00300001 00320002) set(111: 0001 00 000a)" V9_SYSTEM
          ")"},
      {1, "v9(7: " V9_BY("00") V9_PLAIN ")"}},
     2,
     {0, 0},
     EXPORTER_SAMPLING_SILENT},
    {"another port's table is no other domain's",
     {{2, "v9(6: " V9_SAMPLER V9_PLAIN ")"}, {1, "v9(7: " V9_BY("01") ")"}},
     2,
     {100, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"options may say of which domain they are",
     {{1, "ipfix(0: set(3: 0100 0002 0001 00950004 00220002) set(100: 00000007 0064 00000008 "
          "03e8)" IPFIX_PLAIN ")"},
      {1, "ipfix(7: " IPFIX_PLAIN ")"},
      {1, "ipfix(8: " IPFIX_PLAIN ")"},
      {1, "ipfix(9: " IPFIX_PLAIN ")"}},
     4,
     {0, 100, 1000, 0},
     EXPORTER_SAMPLING_SILENT},
    {"what a message of no domain says of the exporter holds for all that say nothing",
     {{1, "ipfix(0: set(3: 0100 0002 0001 00900004 00220002) set(100: 00000001 0064))"},
      {1, "ipfix(7: " IPFIX_PLAIN ")"},
      {1, "ipfix(8: set(3: 0100 0002 0001 00900004 00220002) set(100: 00000001 03e8)" IPFIX_PLAIN
          ")"}},
     2,
     {100, 1000},
     EXPORTER_SAMPLING_OPTIONS},
    {"who never says a word of sampling",
     {{1, "v9(7: " V9_PLAIN ")"}},
     1,
     {0},
     EXPORTER_SAMPLING_SILENT},
    {"who announced that it will say it",
     {{1, "v9(7: set(1: 0110 0004 0004 00010002 00220002)" V9_PLAIN ")"}},
     1,
     {0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"who says in the record that it does not",
     {{1, "v9(7: set(0: 0104 0002 00080004 00220004) set(104: 0a000001 00000000))"}},
     1,
     {0},
     EXPORTER_SAMPLING_UNSAMPLED},
    {"what another port says that sent nothing",
     {{2, "v9(7: " V9_SYSTEM ")"}, {1, "v9(7: " V9_PLAIN ")"}},
     1,
     {0},
     EXPORTER_SAMPLING_SILENT},
    {"what another port says that sent data, until the own word comes",
     {{2, "v9(7: " V9_SYSTEM V9_PLAIN ")"},
      {1, "v9(7: set(102: 0a000001))"},
      {1, "v9(7: " V9_INTERFACES V9_PLAIN ")"}},
     3,
     {50, 50, 0},
     EXPORTER_SAMPLING_UNKNOWN},
    {"is named as such",
     {{2, "v9(7: " V9_SYSTEM V9_PLAIN ")"}, {1, "v9(7: set(102: 0a000001))"}},
     2,
     {50, 50},
     EXPORTER_SAMPLING_BORROWED},
    {"a port that sent nothing makes nothing uncertain",
     {{2, "v9(7: " V9_SYSTEM V9_PLAIN ")"},
      {3, "v9(7: set(1: 0110 0004 0004 00010002 00220002) set(110: 0001 ffff))"},
      {1, "v9(7: set(102: 0a000001))"}},
     2,
     {50, 50},
     EXPORTER_SAMPLING_BORROWED},
    {"ports that sent data and do not agree",
     {{2, "v9(7: " V9_SYSTEM V9_PLAIN ")"},
      {3, "v9(7: set(1: 0110 0004 0004 00010002 00220002) set(110: 0001 ffff)" V9_PLAIN ")"},
      {1, "v9(7: set(102: 0a000001))"}},
     3,
     {50, 65535, 0},
     EXPORTER_SAMPLING_SILENT},
    {"a neighbouring domain names interfaces: each record has its own, on either way",
     {{1, "ipfix(0: set(3: 0100 0003 0002 00950004 000a0004 00220002)"
          "set(100: 00000001 0000000a 0064 00000001 00000014 03e8))"},
      {1, "ipfix(1: set(2: 0104 0002 00080004 000a0002)"
          "set(104: 0a000001 000a 0a000001 0014))"}},
     2,
     {100, 1000},
     EXPORTER_SAMPLING_DOMAIN},
    {"what is said of another domain's selectors takes nothing from the own rate",
     {{1, "ipfix(1: set(3: 0100 0002 0001 00900004 00220002) set(100: 00000001 0032)"
          "set(3: 0101 0003 0002 00950004 012e0002 00220002) set(101: 00000002 0005 0064)"
          "set(2: 0105 0002 00080004 012e0002) set(105: 0a000001 0009))"}},
     1,
     {50},
     EXPORTER_SAMPLING_OPTIONS},
    {"a probability of four bytes",
     {{1, "ipfix(1: set(2: 0106 0002 00080004 01370004) set(106: 0a000001 3c23d70a))"}},
     1,
     {100},
     EXPORTER_SAMPLING_RECORD},
};

static uint64_t rates[RATES_MAX];
static unsigned flows;

static void keep(const struct flow *flow)
{
    if (flows < RATES_MAX)
        rates[flows] = flow_num(flow, FLOW_SAMPLING_RATE);
    flows++;
}

static void send_step(struct twin *twin, const struct step *step, const char *about)
{
    uint8_t *bytes = malloc(NOTATION_BYTES_MAX);
    assert_non_null(bytes);
    const struct datagram datagram = {.data = bytes,
                                      .len = notation_read(bytes, step->message, about),
                                      .source = {.bytes = {192, 0, 2, 1}, .len = 4},
                                      .port = step->port,
                                      .received_ns = NOW_NS};
    (void)twin_run(twin, DECODE_FLOW, &datagram);
    free(bytes);
}

static void keep_latest(void *user, const struct exporter *exporter)
{
    const struct exporter **latest = user;
    if (exporter->counts.flows != 0 && (*latest == NULL || exporter->key.id >= (*latest)->key.id))
        *latest = exporter;
}

static bool is_as_wanted(struct twin *twin, const struct sampling_case *one)
{
    const struct exporter *latest = NULL;
    uint64_t missing = 0;
    decoder_exporters(twin->whole.decoder, keep_latest, &latest);
    for (unsigned i = 0; i < one->flows && i < flows; i++) {
        missing += rates[i] == 0;
        if (rates[i] != one->rates[i])
            print_error("%s: flow %u: rate %llu, wanted %llu\n", one->about, i,
                        (unsigned long long)rates[i], (unsigned long long)one->rates[i]);
    }
    if (one->last == EXPORTER_SAMPLING_UNSAMPLED)
        missing--;
    if (latest->sampling != one->last)
        print_error("%s: source %d, wanted %d\n", one->about, (int)latest->sampling,
                    (int)one->last);
    return flows == one->flows && memcmp(rates, one->rates, one->flows * sizeof rates[0]) == 0 &&
           latest->sampling == one->last &&
           twin->whole.ledger.reasons[REASON_SAMPLING_UNKNOWN] == missing;
}

static void rates_hold_for_what_they_name(void **state)
{
    static const struct decode_options options = {.hash_seed = 1};
    unsigned failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct twin twin;
        twin_init(&twin, &options);
        twin.whole.look = keep;
        flows = 0;
        for (const struct step *step = CASES[i].steps; step->message != NULL; step++)
            send_step(&twin, step, CASES[i].about);
        if (!is_as_wanted(&twin, &CASES[i])) {
            print_error("%s: not so, of %u flows\n", CASES[i].about, flows);
            failed++;
        }
        twin_fini(&twin);
    }
    assert_int_equal(failed, 0);
}

// -sampling.override, the exporter, -sampling.default, another port: in this order.
static void the_operators_word(void **state)
{
    static const struct sampling_network networks[] = {{{{{192, 0, 2}, 4}, 24}, 7}};
    static const struct step said = {1, "v9(7: " V9_SYSTEM V9_PLAIN ")"};
    static const struct step silent = {2, "v9(7: set(102: 0a000001))"};
    static const struct {
        bool override;
        bool has_default;
        uint64_t rates[2];
        enum exporter_sampling last;
    } cases[] = {{false, false, {50, 50}, EXPORTER_SAMPLING_BORROWED},
                 {false, true, {50, 7}, EXPORTER_SAMPLING_DEFAULT},
                 {true, false, {7, 7}, EXPORTER_SAMPLING_OVERRIDE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct decode_options options = {.hash_seed = 1,
                                               .sampling_defaults = networks,
                                               .sampling_default_count = cases[i].has_default,
                                               .sampling_overrides = networks,
                                               .sampling_override_count = cases[i].override};
        const struct exporter *latest = NULL;
        struct twin twin;
        twin_init(&twin, &options);
        twin.whole.look = keep;
        flows = 0;
        send_step(&twin, &said, "said");
        decoder_exporters(twin.whole.decoder, keep_latest, &latest);
        assert_int_equal(latest->sampling_said, 50);
        assert_int_equal(latest->sampling_said_by, EXPORTER_SAMPLING_OPTIONS);
        send_step(&twin, &silent, "silent");
        assert_int_equal(flows, 2);
        assert_memory_equal(rates, cases[i].rates, sizeof cases[i].rates);
        assert_int_equal(latest->sampling, cases[i].last);
        twin_fini(&twin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_hold_for_what_they_name),
        cmocka_unit_test(the_operators_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
