#include "common/flow/filter/build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FILTER_TESTS_MAX * 2 < FILTER_DROP, "tests and open ends are told apart");

// Makes room for one more item; doubles at powers of two.
static int grow(void **items, size_t count, size_t size)
{
    if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
        return 0;
    void *larger = realloc(*items, (count < 4 ? 4 : 2 * count) * size);
    if (larger == NULL)
        return -1;
    *items = larger;
    return 0;
}

int filter_add_range(struct filter *filter, uint64_t low, uint64_t high)
{
    if (grow((void **)&filter->ranges, filter->range_count, sizeof filter->ranges[0]) != 0)
        return -1;
    filter->ranges[filter->range_count++] = (struct filter_range){low, high};
    return 0;
}

int filter_add_wide(struct filter *filter, const struct filter_wide *wide)
{
    if (grow((void **)&filter->wides, filter->wide_count, sizeof filter->wides[0]) != 0)
        return -1;
    filter->wides[filter->wide_count++] = *wide;
    return 0;
}

int filter_add_text(struct filter *filter, struct span text)
{
    if (grow((void **)&filter->texts, filter->text_count, sizeof filter->texts[0]) != 0)
        return -1;
    filter->texts[filter->text_count++] = text;
    return 0;
}

struct filter_set filter_set_begin(const struct filter *filter)
{
    return (struct filter_set){.ranges = (uint32_t)filter->range_count,
                               .wides = (uint32_t)filter->wide_count,
                               .texts = (uint32_t)filter->text_count};
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct filter_range *one = a;
    const struct filter_range *other = b;
    return compare_numbers(one->low, other->low);
}

static int compare_halves(const uint64_t a[2], const uint64_t b[2])
{
    int high = compare_numbers(a[0], b[0]);
    return high != 0 ? high : compare_numbers(a[1], b[1]);
}

static int compare_wides(const void *a, const void *b)
{
    const struct filter_wide *one = a;
    const struct filter_wide *other = b;
    return compare_halves(one->low, other->low);
}

// Joins ranges that overlap. Returns how many are left.
static size_t order_ranges(struct filter_range *ranges, size_t count)
{
    size_t kept = 0;
    if (count == 0)
        return 0;
    qsort(ranges, count, sizeof ranges[0], compare_ranges);
    for (size_t i = 1; i < count; i++) {
        if (ranges[i].low > ranges[kept].high)
            ranges[++kept] = ranges[i];
        else if (ranges[i].high > ranges[kept].high)
            ranges[kept].high = ranges[i].high;
    }
    return kept + 1;
}

static size_t order_wides(struct filter_wide *wides, size_t count)
{
    size_t kept = 0;
    if (count == 0)
        return 0;
    qsort(wides, count, sizeof wides[0], compare_wides);
    for (size_t i = 1; i < count; i++) {
        if (compare_halves(wides[i].low, wides[kept].high) > 0)
            wides[++kept] = wides[i];
        else if (compare_halves(wides[i].high, wides[kept].high) > 0)
            memcpy(wides[kept].high, wides[i].high, sizeof wides[kept].high);
    }
    return kept + 1;
}

// The arrays keep what the ordering left over: they only grow, and room is made at powers of two.
void filter_set_close(struct filter *filter, struct filter_set *set)
{
    size_t ranges = filter->range_count - set->ranges;
    size_t wides = filter->wide_count - set->wides;
    if (ranges != 0)
        ranges = order_ranges(filter->ranges + set->ranges, ranges);
    if (wides != 0)
        wides = order_wides(filter->wides + set->wides, wides);
    set->range_count = (uint32_t)ranges;
    set->wide_count = (uint32_t)wides;
    set->text_count = (uint32_t)(filter->text_count - set->texts);
}

int filter_add_test(struct filter *filter, const struct filter_test *test, struct filter_part *part)
{
    if (filter->test_count == FILTER_TESTS_MAX ||
        grow((void **)&filter->tests, filter->test_count, sizeof filter->tests[0]) != 0)
        return -1;
    uint16_t at = (uint16_t)filter->test_count++;
    filter->tests[at] = *test;
    filter->tests[at].yes = filter->tests[at].no = FILTER_OPEN_END;
    *part = (struct filter_part){at, (uint16_t)(at * 2), (uint16_t)(at * 2 + 1)};
    return 0;
}

static uint16_t *jump(struct filter *filter, uint16_t open)
{
    struct filter_test *test = &filter->tests[open / 2];
    return open % 2 == 0 ? &test->yes : &test->no;
}

static void lead(struct filter *filter, uint16_t list, uint16_t to)
{
    while (list != FILTER_OPEN_END) {
        uint16_t *at = jump(filter, list);
        list = *at;
        *at = to;
    }
}

// The later list goes in front: it is the shorter one when an expression grows to the right.
static uint16_t join(struct filter *filter, uint16_t earlier, uint16_t later)
{
    uint16_t *at = jump(filter, later);
    while (*at != FILTER_OPEN_END)
        at = jump(filter, *at);
    *at = earlier;
    return later;
}

struct filter_part filter_not(struct filter_part part)
{
    return (struct filter_part){part.first, part.no, part.yes};
}

struct filter_part filter_and(struct filter *filter, struct filter_part left,
                              struct filter_part right)
{
    lead(filter, left.yes, right.first);
    return (struct filter_part){left.first, right.yes, join(filter, left.no, right.no)};
}

struct filter_part filter_or(struct filter *filter, struct filter_part left,
                             struct filter_part right)
{
    lead(filter, left.no, right.first);
    return (struct filter_part){left.first, join(filter, left.yes, right.yes), right.no};
}

void filter_finish(struct filter *filter, struct filter_part whole)
{
    lead(filter, whole.yes, FILTER_KEEP);
    lead(filter, whole.no, FILTER_DROP);
}
