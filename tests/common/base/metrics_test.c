// The page of metrics: what Prometheus reads.
#include "common/base/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_page(struct metrics *m, const char *wanted)
{
    size_t len = 0;
    char *page = metrics_finish(m, &len);
    assert_non_null(page);
    assert_string_equal(page, wanted);
    assert_int_equal(len, strlen(wanted));
    free(page);
}

static void a_family_is_help_type_and_series(void **state)
{
    struct metrics *m = metrics_new();
    metrics_family(m, "a_total", METRICS_COUNTER, "What it is.");
    metrics_add(m, 2, "z", "1");
    metrics_add(m, 1);
    metrics_family(m, "b", METRICS_GAUGE, "Nothing.");
    metrics_add(m, -1.5, "l", "x", "m", "y");
    assert_page(m,
                "# HELP a_total What it is.\n# TYPE a_total counter\na_total 1\na_total{z=\"1\"} "
                "2\n# HELP b Nothing.\n# TYPE b gauge\nb{l=\"x\",m=\"y\"} -1.5\n");
    (void)state;
}

static void equal_labels_are_summed(void **state)
{
    struct metrics *m = metrics_new();
    metrics_family(m, "a", METRICS_COUNTER, "A.");
    for (int i = 0; i < 1000; i++)
        metrics_add(m, 1, "r", i % 2 == 0 ? "even" : "odd");
    assert_page(m, "# HELP a A.\n# TYPE a counter\na{r=\"even\"} 500\na{r=\"odd\"} 500\n");
    (void)state;
}

static void of_times_the_latest_counts(void **state)
{
    struct metrics *m = metrics_new();
    metrics_family(m, "a", METRICS_LATEST, "A.");
    metrics_add(m, 2, "r", "x");
    metrics_add(m, 3, "r", "x");
    metrics_add(m, 1, "r", "x");
    assert_page(m, "# HELP a A.\n# TYPE a gauge\na{r=\"x\"} 3\n");
    (void)state;
}

static void labels_are_escaped(void **state)
{
    struct metrics *m = metrics_new();
    metrics_family(m, "a", METRICS_COUNTER, "A.");
    metrics_add(m, 1, "l", "a\"b\\c\nd");
    assert_page(m, "# HELP a A.\n# TYPE a counter\na{l=\"a\\\"b\\\\c\\nd\"} 1\n");
    (void)state;
}

static void large_counts_are_whole_numbers(void **state)
{
    struct metrics *m = metrics_new();
    metrics_family(m, "a", METRICS_COUNTER, "A.");
    metrics_add(m, 1700000000123456.0);
    assert_page(m, "# HELP a A.\n# TYPE a counter\na 1700000000123456\n");
    (void)state;
}

static void labels_that_do_not_fit_make_no_page(void **state)
{
    char text[2000];
    size_t len;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct metrics *m = metrics_new();
    metrics_family(m, "a", METRICS_COUNTER, "A.");
    metrics_add(m, 1, "l", text);
    assert_null(metrics_finish(m, &len));
    (void)state;
}

static void summaries_tell_their_quantiles(void **state)
{
    struct metrics_summary summary = {.count = 0};
    assert_true(isnan(metrics_quantile(&summary, 0.5)));
    metrics_observe(&summary, 0, 1);
    assert_true(metrics_quantile(&summary, 0.99) <= 0);
    metrics_observe(&summary, 1000, 98);
    metrics_observe(&summary, 1000000, 1);
    assert_int_equal(summary.count, 100);
    assert_int_equal(summary.sum, 98000 + 1000000);
    double middle = metrics_quantile(&summary, 0.5);
    assert_true(middle > 512 && middle <= 1024);
    assert_true(metrics_quantile(&summary, 0.995) > 524288);
    metrics_observe(&summary, UINT64_MAX, 1); // beyond the last step
    assert_true(metrics_quantile(&summary, 1) > 1e11);
    struct metrics_summary twice = summary;
    metrics_merge(&twice, &summary);
    assert_int_equal(twice.count, 202);
    (void)state;
}

static void summaries_are_written_whole(void **state)
{
    struct metrics_summary summary = {.count = 0};
    struct metrics *m = metrics_new();
    metrics_observe(&summary, 3, 4);
    metrics_family(m, "a", METRICS_SUMMARY, "A.");
    metrics_add_summary(m, &summary, 2, "name", "x");
    assert_page(m, "# HELP a A.\n# TYPE a summary\na_count{name=\"x\"} 4\na_sum{name=\"x\"} 24\n"
                   "a{name=\"x\",quantile=\"0.5\"} 6\na{name=\"x\",quantile=\"0.9\"} "
                   "7.5999999999999996\na{name=\"x\",quantile=\"0.99\"} 7.96\n");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_help_type_and_series),
        cmocka_unit_test(equal_labels_are_summed),
        cmocka_unit_test(of_times_the_latest_counts),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(large_counts_are_whole_numbers),
        cmocka_unit_test(labels_that_do_not_fit_make_no_page),
        cmocka_unit_test(summaries_tell_their_quantiles),
        cmocka_unit_test(summaries_are_written_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
