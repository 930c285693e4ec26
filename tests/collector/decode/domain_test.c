// The store of templates: keys, sharing between ports, withdrawals, bounds.
#include "collector/decode/domain.h"

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
    other.port = 2000; // borrows
    assert_int_equal(ask(store, &other, 256, &found), DOMAIN_FOUND);
    assert_null(domain_find(store, &other));
}

static void many_templates_survive_withdrawals(void **state)
{
    struct domain_store *store = *state;
    const struct template *found;
    struct domain_key key = key_of(1, 1, 1);
    for (uint16_t id = 256; id < 5256; id++)
        put(store, &key, id, id);
    struct domain *domain = domain_find(store, &key);
    for (uint16_t id = 256; id < 5256; id += 2)
        domain_withdraw(store, domain, id);
    for (uint16_t id = 256; id < 5256; id++) {
        assert_int_equal(ask(store, &key, id, &found), id % 2 == 0 ? DOMAIN_MISSING : DOMAIN_FOUND);
        if (id % 2 != 0)
            assert_int_equal(found->fields[0].element, id);
    }
    assert_int_equal(domain_put(store, domain, make_template(300, 1, true)), 0);
    domain_withdraw_all(store, domain, false);
    for (uint16_t id = 256; id < 5256; id++)
        assert_int_equal(ask(store, &key, id, &found), id == 300 ? DOMAIN_FOUND : DOMAIN_MISSING);
    domain_withdraw_all(store, domain, true);
    assert_int_equal(ask(store, &key, 300, &found), DOMAIN_MISSING);
}

static void a_domain_holds_so_many_templates(void **state)
{
    struct domain_store *store = *state;
    struct domain_key key = key_of(1, 1, 1);
    for (unsigned i = 0; i < DOMAIN_TEMPLATES_MAX; i++)
        put(store, &key, (uint16_t)(256 + i), 1);
    struct domain *domain = domain_find(store, &key);
    assert_int_equal(domain_put(store, domain, make_template(60000, 1, false)), -1);
    assert_int_equal(domain_put(store, domain, make_template(256, 2, false)), 0); // replaces
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_told_apart),
        TEST(many_templates_survive_withdrawals),
        TEST(a_domain_holds_so_many_templates),
        TEST(a_flood_does_not_evict_the_proven),
        TEST(ports_of_an_exporter_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
