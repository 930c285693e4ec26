// The store of templates: keys, sharing between ports, withdrawals, bounds.
#include "collector/decode/domain_keep.h"
#include "collector/decode/domain_sampling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static struct ledger ledger;

static struct domain_key key_of(uint32_t address, uint16_t port, uint32_t id)
{
    struct domain_key key = {.source = {.len = 4}, .port = port, .version = 9, .id = id};
    for (int i = 0; i < 4; i++)
        key.source.bytes[i] = (uint8_t)(address >> (24 - 8 * i));
    return key;
}

static struct template *make_template(uint16_t id, uint16_t element, bool options)
{
    const uint8_t data[] = {(uint8_t)(id >> 8),      (uint8_t)id,      0, 1,
                            (uint8_t)(element >> 8), (uint8_t)element, 0, 4};
    const uint8_t option[] = {(uint8_t)(id >> 8),      (uint8_t)id,      0, 0, 0, 4,
                              (uint8_t)(element >> 8), (uint8_t)element, 0, 4};
    struct cursor c = options ? cursor_over(option, sizeof option) : cursor_over(data, sizeof data);
    struct template *template = NULL;
    uint16_t parsed_id;
    assert_int_equal(template_parse(&c, TEMPLATE_V9, options, &template, &parsed_id),
                     TEMPLATE_PARSED);
    assert_int_equal(parsed_id, id);
    return template;
}

static void put(struct domain_store *store, const struct domain_key *key, uint16_t id,
                uint16_t element)
{
    struct domain *domain = domain_make(store, key);
    assert_non_null(domain);
    assert_int_equal(domain_put(store, domain, make_template(id, element, false)), 0);
}

static enum domain_answer ask(struct domain_store *store, const struct domain_key *key, uint16_t id,
                              const struct template **out)
{
    return domain_template(store, key, domain_find(store, key), id, out);
}

static void keys_are_told_apart(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key key = key_of(0x0a000001, 1000, 5);
    put(store, &key, 256, 1);
    assert_int_equal(ask(store, &key, 256, &found), DOMAIN_FOUND);
    assert_int_equal(found->fields[0].element, 1);
    assert_int_equal(ask(store, &key, 257, &found), DOMAIN_MISSING);
    struct domain_key other = key_of(0x0a000002, 1000, 5);
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_MISSING);
    other = key_of(0x0a000001, 1000, 6);
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_MISSING);
    other = key;
    other.version = 10;
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_MISSING);
    other = key;
    other.port = 2000; // borrows from those that sent data
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_UNPROVEN);
    domain_touch(store, domain_find(store, &key));
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_FOUND);
    assert_null(domain_find(store, &other));
}

static void many_templates_survive_withdrawals(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key key = key_of(1, 1, 1);
    for (uint16_t id = 256; id < 4256; id++)
        put(store, &key, id, id);
    struct domain *domain = domain_find(store, &key);
    for (uint16_t id = 256; id < 4256; id += 2)
        domain_withdraw(store, domain, id);
    for (uint16_t id = 256; id < 4256; id++) {
        assert_int_equal(ask(store, &key, id, &found), id % 2 == 0 ? DOMAIN_MISSING : DOMAIN_FOUND);
        if (id % 2 != 0)
            assert_int_equal(found->fields[0].element, id);
    }
    assert_int_equal(domain_put(store, domain, make_template(300, 1, true)), 0);
    domain_withdraw_all(store, domain, false);
    for (uint16_t id = 256; id < 4256; id++)
        assert_int_equal(ask(store, &key, id, &found), id == 300 ? DOMAIN_FOUND : DOMAIN_MISSING);
    domain_withdraw_all(store, domain, true);
    assert_int_equal(ask(store, &key, 300, &found), DOMAIN_MISSING);
}

// A full domain takes new templates in place of such as are neither announced nor used any more.
static void a_domain_holds_so_many_templates(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key key = key_of(1, 1, 1);
    for (unsigned i = 0; i < 3 * DOMAIN_TEMPLATES_MAX; i++) {
        put(store, &key, (uint16_t)(300 + i), 1);
        put(store, &key, 256, (uint16_t)(1 + i)); // replaces
        if (i % 100 == 0)
            put(store, &key, 257, 7);
        assert_int_equal(ask(store, &key, 257, &found), DOMAIN_FOUND);
    }
    assert_int_equal(ask(store, &key, 256, &found), DOMAIN_FOUND);
    unsigned count = 0;
    for (unsigned id = 256; id < 65536; id++)
        count += ask(store, &key, (uint16_t)id, &found) == DOMAIN_FOUND;
    assert_int_equal(count, DOMAIN_TEMPLATES_MAX);
    assert_int_equal(ledger.reasons[REASON_TEMPLATE_EVICTED], 2 * DOMAIN_TEMPLATES_MAX + 2);
}

// One domain with the largest templates pushes out its own, not those of other exporters.
static void a_domain_holds_so_many_bytes(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key honest = key_of(0xc0000201, 2055, 1);
    struct domain_key greedy = key_of(0x0a000001, 2055, 1);
    static uint8_t record[4 + 4 * TEMPLATE_FIELDS_MAX];
    put(store, &honest, 256, 1);
    for (unsigned id = 256; id < 8192; id++) {
        uint16_t parsed_id;
        struct template *template = NULL;
        record[0] = (uint8_t)(id >> 8);
        record[1] = (uint8_t)id;
        record[2] = TEMPLATE_FIELDS_MAX >> 8;
        for (unsigned i = 0; i < TEMPLATE_FIELDS_MAX; i++)
            record[4 + 4 * i + 1] = record[4 + 4 * i + 3] = 1;
        struct cursor c = cursor_over(record, sizeof record);
        assert_int_equal(template_parse(&c, TEMPLATE_V9, false, &template, &parsed_id),
                         TEMPLATE_PARSED);
        assert_int_equal(domain_put(store, domain_make(store, &greedy), template), 0);
    }
    assert_int_equal(ask(store, &greedy, 8191, &found), DOMAIN_FOUND);
    assert_int_equal(ask(store, &honest, 256, &found), DOMAIN_FOUND);
    assert_true(domain_store_bytes(store) < TEMPLATE_TABLE_BYTES_MAX + (1u << 20));
}

// Whatever comes and goes, the books of memory come back to where they began.
static void bytes_are_given_back(void **state)
{
    struct domain_store *store = *state;
    struct domain_key key = key_of(1, 1, 1);
    assert_non_null(domain_make(store, &key));
    size_t before = domain_store_bytes(store);
    for (uint16_t id = 256; id < 2256; id++)
        put(store, &key, id, id);
    assert_true(domain_store_bytes(store) > before + 2000 * sizeof(struct template));
    domain_withdraw(store, domain_find(store, &key), 256);
    domain_withdraw_all(store, domain_find(store, &key), true);
    domain_withdraw_all(store, domain_find(store, &key), false);
    assert_int_equal(domain_store_bytes(store), before);
    assert_non_null(domain_own_sampling(store, domain_find(store, &key), 1));
    assert_true(domain_store_bytes(store) >= before + sampling_bytes(1));
}

// One that had data decoded outlives any number of forged newcomers.
static void a_flood_does_not_evict_the_proven(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key honest = key_of(0xc0000201, 2055, 1);
    put(store, &honest, 256, 1);
    domain_touch(store, domain_find(store, &honest));
    for (uint32_t i = 0; i < DOMAIN_COUNT_MAX + 1000; i++) {
        struct domain_key forged = key_of(0x0a000000 + i, 1, 1);
        put(store, &forged, 256, 2);
    }
    assert_int_equal(ask(store, &honest, 256, &found), DOMAIN_FOUND);
    struct domain_key first = key_of(0x0a000000, 1, 1);
    assert_int_equal(ask(store, &first, 256, &found), DOMAIN_MISSING);
    struct domain_key last = key_of(0x0a000000 + DOMAIN_COUNT_MAX + 999, 1, 1);
    assert_int_equal(ask(store, &last, 256, &found), DOMAIN_FOUND);
    assert_int_equal(ledger.reasons[REASON_TEMPLATE_EVICTED], 1001);
}

static void ports_of_an_exporter_are_bounded(void **state)
{
    struct domain_store *store = *state;
    for (uint16_t port = 1; port <= DOMAIN_PORTS_MAX + 10; port++) {
        struct domain_key key = key_of(1, port, 1);
        put(store, &key, 256, 1);
    }
    struct domain_key oldest = key_of(1, 10, 1);
    struct domain_key kept = key_of(1, 11, 1);
    assert_null(domain_find(store, &oldest));
    assert_non_null(domain_find(store, &kept));
}

#define SECOND UINT64_C(1000000000)

static void decode_at(struct domain_store *store, const struct domain_key *key, uint64_t now_ns)
{
    domain_clock(store, now_ns);
    put(store, key, 256, 1);
    domain_touch(store, domain_find(store, key));
}

// Forged exporters can send data too: what they cannot is to have sent it for long.
static void a_flood_with_data_does_not_evict_the_established(void **state)
{
    struct domain_store *store = *state;
    struct domain_key honest = key_of(0xc0000201, 2055, 1);
    struct domain_key fresh = key_of(0xc0000202, 2055, 1);
    decode_at(store, &honest, 1000 * SECOND);
    decode_at(store, &honest, 1000 * SECOND + DOMAIN_TENURE_NS);
    decode_at(store, &fresh, 1000 * SECOND + DOMAIN_TENURE_NS);
    for (uint32_t i = 0; i < DOMAIN_COUNT_MAX + 1000; i++) {
        struct domain_key forged = key_of(0x0a000000 + i, 1, 1);
        decode_at(store, &forged, 1000 * SECOND + DOMAIN_TENURE_NS + 1);
    }
    assert_non_null(domain_find(store, &honest));
    assert_null(domain_find(store, &fresh));
}

// An exporter that is gone makes room for one that begins.
static void the_silent_go_first(void **state)
{
    struct domain_store *store = *state;
    struct domain_key gone = key_of(0xc0000201, 2055, 1);
    struct domain_key begins = key_of(0xc0000202, 2055, 1);
    uint64_t now_ns = 1000 * SECOND + DOMAIN_TENURE_NS;
    decode_at(store, &gone, 1000 * SECOND);
    decode_at(store, &gone, now_ns);
    now_ns += DOMAIN_SILENT_NS;
    domain_clock(store, now_ns);
    put(store, &begins, 256, 1);
    for (uint32_t i = 2; i < DOMAIN_COUNT_MAX; i++) {
        struct domain_key other = key_of(0x0a000000 + i, 1, 1);
        put(store, &other, 256, 1);
    }
    assert_non_null(domain_find(store, &gone));
    struct domain_key last = key_of(0x0b000000, 1, 1);
    put(store, &last, 256, 1);
    assert_null(domain_find(store, &gone));
    assert_non_null(domain_find(store, &begins));
}

// Datagrams forged under an exporter's own address come from any port; its own stays.
static void forged_ports_do_not_evict_the_exporters_own(void **state)
{
    struct domain_store *store = *state;
    struct domain_key honest = key_of(0xc0000201, 2055, 1);
    decode_at(store, &honest, 1000 * SECOND);
    decode_at(store, &honest, 1000 * SECOND + DOMAIN_TENURE_NS);
    for (uint16_t port = 10000; port < 10000 + 10 * DOMAIN_PORTS_MAX; port++) {
        struct domain_key forged = key_of(0xc0000201, port, 1);
        decode_at(store, &forged, 1000 * SECOND + DOMAIN_TENURE_NS + port);
    }
    assert_non_null(domain_find(store, &honest));
    assert_int_equal(ledger.reasons[REASON_TEMPLATE_EVICTED], 9 * DOMAIN_PORTS_MAX + 1);
}

static int setup(void **state)
{
    ledger = (struct ledger){.datagrams_received = 0};
    *state = domain_store_new(false, 42, &ledger);
    return 0;
}

static int teardown(void **state)
{
    domain_store_free(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool keep_terms(void *user, const struct domain_key *key, const struct domain_terms *terms)
{
    assert_int_equal(key->id, 7);
    *(struct domain_terms *)user = *terms;
    return true;
}

static void what_options_said_is_given_back(void **state)
{
    struct domain_store *store = domain_store_new(false, 1, &ledger);
    struct domain_key key = key_of(0x0a000001, 1, 7);
    static const struct sampling_row rows[] = {
        {.names = SAMPLING_SELECTOR, .selector = 3, .rate = 100},
        {.names = SAMPLING_TEMPLATE, .template_id = 256, .rate = 10}};
    const struct domain_terms before = {.init_ms = 5, .rate = 100, .count = 2, .rows = rows};
    struct domain_terms after = {.init_ms = 0};
    (void)state;
    domain_restore(store, &key, &before);
    domain_visit_terms(store, keep_terms, &after);
    assert_int_equal(after.init_ms, 5);
    assert_int_equal(after.rate, 100);
    assert_int_equal(after.count, 2);
    assert_memory_equal(after.rows, rows, sizeof rows);
    domain_store_free(store);
}

static uint64_t rate_of(struct domain_store *store, const struct domain_key *key, uint64_t selector)
{
    const struct sampling_terms terms = {.has_selector = true, .selector = selector};
    struct domain_sampling sampling;
    domain_sampling_look(&sampling, store, key, domain_find(store, key), 256);
    return domain_sampling_find(&sampling, &terms, 0, 0).rate;
}

static void a_domain_holds_so_many_samplers(void **state)
{
    struct domain_store *store = *state;
    struct domain_key key = key_of(1, 1, 1);
    struct domain *domain = domain_make(store, &key);
    size_t before = domain_store_bytes(store);
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < SAMPLING_ROWS_MAX + 6; i++) {
            struct sampling_table *table = domain_own_sampling(store, domain, 1);
            const struct sampling_row row = {
                .names = SAMPLING_SELECTOR, .selector = 1000 + i, .rate = round * (1 + i)};
            assert_non_null(table);
            assert_int_equal(domain_put_sampling(store, table, &row), i < SAMPLING_ROWS_MAX);
        }
        for (unsigned i = 0; i < SAMPLING_ROWS_MAX + 6; i++)
            assert_int_equal(rate_of(store, &key, 1000 + i),
                             i < SAMPLING_ROWS_MAX ? round * (1 + i) : 0);
    }
    size_t taken = domain_store_bytes(store) - before;
    assert_in_range(taken, sampling_bytes(SAMPLING_ROWS_MAX),
                    sampling_bytes(SAMPLING_ROWS_MAX) + 256);
}

// Announced at 1 s; looked at every 10 s, 100 s is too old.
static void old_templates_are_forgotten(void **state)
{
    const uint64_t second = 1000000000;
    struct domain_key key = key_of(0x0a000001, 1, 7);
    const struct template *found;
    (void)state;
    for (int use_counts = 0; use_counts < 2; use_counts++) {
        const struct domain_expiry expiry = {100 * second, 10 * second, use_counts != 0};
        struct domain_store *store = domain_store_new(false, 1, &ledger);
        domain_expire(store, &expiry);
        put(store, &key, 256, 8);
        assert_int_equal(ask(store, &key, 256, &found), DOMAIN_FOUND);
        found->life->updated_ns = second;
        found->life->used_ns = 50 * second;
        uint64_t changes = domain_changes(store);
        domain_clock(store, 101 * second);
        assert_int_equal(ask(store, &key, 256, &found), DOMAIN_FOUND);
        assert_int_equal(domain_changes(store), changes);
        domain_clock(store, 105 * second); // too old, but it is not yet time to look
        assert_int_equal(ask(store, &key, 256, &found), DOMAIN_FOUND);
        domain_clock(store, 111 * second);
        assert_int_equal(ask(store, &key, 256, &found), use_counts ? DOMAIN_FOUND : DOMAIN_MISSING);
        domain_clock(store, 161 * second);
        assert_int_equal(ask(store, &key, 256, &found), DOMAIN_MISSING);
        assert_true(domain_changes(store) > changes);
        domain_store_free(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_told_apart),
        TEST(many_templates_survive_withdrawals),
        TEST(a_domain_holds_so_many_samplers),
        TEST(a_domain_holds_so_many_templates),
        TEST(a_flood_does_not_evict_the_proven),
        TEST(a_domain_holds_so_many_bytes),
        TEST(bytes_are_given_back),
        TEST(ports_of_an_exporter_are_bounded),
        TEST(a_flood_with_data_does_not_evict_the_established),
        TEST(the_silent_go_first),
        TEST(forged_ports_do_not_evict_the_exporters_own),
        cmocka_unit_test(what_options_said_is_given_back),
        cmocka_unit_test(old_templates_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
