// Who is remembered of the exporters, and for how long.
#include "collector/decode/exporter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)
#define NOW_NS    (1700000000 * SECOND_NS)

static struct exporter *see(struct exporter_table *table, uint8_t number, uint64_t now_ns)
{
    const struct exporter_key key = {.source = {.bytes = {192, 0, 2, number}, .len = 4},
                                     .type = FLOW_TYPE_NETFLOW_V9};
    struct exporter *exporter = exporter_seen(table, &key, &key.source, 2055, 100, now_ns);
    assert_non_null(exporter);
    return exporter;
}

static void who_is_gone_is_forgotten(void **state)
{
    struct exporter_table table = {.swept_ns = 0};
    struct hold hold = {.bytes = 0};
    assert_int_equal(exporter_table_init(&table, 1, &hold), 0);
    for (uint8_t i = 1; i <= 20; i++) {
        struct exporter *exporter = see(&table, i, NOW_NS + i * SECOND_NS);
        exporter->counts.datagrams = EXPORTER_PROVEN;
        if (i % 2 == 0) // proven ones go like newcomers
            exporter_gave_flows(&table, exporter, 1);
    }
    uint64_t later_ns = NOW_NS + EXPORTER_GONE_NS + 10 * SECOND_NS;
    see(&table, 20, later_ns);
    assert_int_equal(table.table.count, 10);
    assert_int_equal(table.gone[FLOW_TYPE_NETFLOW_V9].counts.datagrams, 10 * EXPORTER_PROVEN);
    see(&table, 20, NOW_NS); // our clock was set back: nobody is gone
    see(&table, 20, NOW_NS + 3600 * SECOND_NS);
    assert_int_equal(table.table.count, 10);
    see(&table, 1, later_ns + EXPORTER_GONE_NS);
    assert_int_equal(table.table.count, 1);
    exporter_table_fini(&table);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_gone_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
