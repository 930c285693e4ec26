// A hundred thousand forged exporters with all that they can make a decoder keep: its memory stays
// below the bound of docs/reliability.md, and honest exporters lose nothing.
#include "collector/decode/domain.h"
#include "collector/decode/exporter.h"
#include "tests/hostile/honest.h"
#include "tests/hostile/notation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define FORGED     150000
#define START_NS   UINT64_C(1700000000000000000)
#define NS_PER_S   UINT64_C(1000000000)
#define HOLD_BYTES (16u << 20)
#define PROGRAM    (4u << 20) // besides the decoder's tables that grow

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if __has_feature(address_sanitizer) || defined(__SANITIZE_ADDRESS__) ||                           \
    defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS false // a sanitizer takes many times as much
#else
#define MEMORY_IS_OURS true
#endif

// The formula of docs/reliability.md.
static size_t bound(void)
{
    size_t kept = DOMAIN_BYTES_MAX + EXPORTER_COUNT_MAX * (sizeof(struct exporter) + 24) +
                  HOLD_BYTES + PROGRAM;
    return kept + kept / 4;
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void count(void *user, struct flow *flow)
{
    struct ledger *ledger = user;
    ledger->flows_delivered += flow->set != 0;
}

struct flood {
    struct ledger ledger;
    struct decoder *decoder;
    uint64_t now_ns;
};

static void honest_exporters_lose_nothing(struct flood *flood)
{
    for (unsigned i = 0; i < HONEST_COUNT; i++) {
        uint64_t before = flood->ledger.flows_made;
        honest_data(flood->decoder, i, flood->now_ns);
        assert_int_equal(flood->ledger.flows_made - before, 1);
    }
}

// The same datagram from ever other addresses; honest exporters send one in a thousand.
static void send_forged(struct flood *flood, const char *notation)
{
    static uint8_t bytes[NOTATION_BYTES_MAX];
    struct datagram datagram = {.data = bytes, .port = 2055, .received_ns = flood->now_ns};
    datagram.len = notation_read(bytes, notation, "flood_test.c");
    for (uint32_t i = 0; i < FORGED; i++) {
        datagram.source = (struct addr){
            .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, .len = 4};
        datagram.received_ns = flood->now_ns += 1000000;
        decoder_run(flood->decoder, DECODE_FLOW, &datagram);
        if (i % 1000 == 0)
            honest_exporters_lose_nothing(flood);
    }
    assert_true(ledger_balanced(&flood->ledger));
    print_message("%6zu kB after %.30s...\n", resident_bytes() / 1024, notation);
    if (MEMORY_IS_OURS)
        assert_true(resident_bytes() < bound());
}

static void memory_stays_bounded_and_honest_exporters_lose_nothing(void **state)
{
    (void)state;
    struct flood flood = {.now_ns = START_NS};
    const struct decode_options options = {
        .hash_seed = 1,
        .hold = {.exporter_bytes = 65536, .total_bytes = HOLD_BYTES, .time_ns = 300 * NS_PER_S}};
    flood.decoder = decoder_new(&options, &flood.ledger, count, &flood.ledger);
    assert_non_null(flood.decoder);
    for (unsigned i = 0; i < HONEST_COUNT; i++)
        honest_learn(flood.decoder, i, flood.now_ns);
    honest_exporters_lose_nothing(&flood);
    flood.now_ns += 61 * NS_PER_S;
    honest_exporters_lose_nothing(&flood);

    send_forged(&flood, "v9(1: set(0: 8*(@0100 001e 30*(00010004))))");
    // With data, so that they are more than newcomers; with a sampling table each.
    send_forged(&flood, "v9(2: set(0: 8*(@0100 001e 30*(00010004))) set(100: 120*(01))"
                        " set(1: 0200 0004 0004 00010004 00220004) set(200: 00000001 00000064))");
    send_forged(&flood, "ipfix(3: set(2: 0100 0001 00010004) 8*(set(100: 01020304)))");
    // Sets whose template never comes.
    send_forged(&flood, "ipfix(4: set(100: 1000*(01)))");
    print_message("bound: %zu kB\n", bound() / 1024);
    assert_true(flood.ledger.reasons[REASON_TEMPLATE_EVICTED] > 0);
    decoder_free(flood.decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_stays_bounded_and_honest_exporters_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
