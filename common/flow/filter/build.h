// A filter under construction: values gather in sets, comparisons become tests, and tests are
// joined by where they go on. Inside filter/ only.
#pragma once

#include "common/flow/filter/program.h"

// A part of the program whose ends are still open: lists of the tests that leave it, linked through
// the very jumps that are to be filled in.
struct filter_part {
    uint16_t first;
    uint16_t yes; // test * 2, + 1 when it is the jump of a no; FILTER_OPEN_END behind the last
    uint16_t no;
};

#define FILTER_OPEN_END 0xffff

// Append one value to the set that is begun. 0, or -1 without memory.
int filter_add_range(struct filter *filter, uint64_t low, uint64_t high);
int filter_add_wide(struct filter *filter, const struct filter_wide *wide);
int filter_add_text(struct filter *filter, struct span text);

// A set begins where the arrays end; closing it puts it in order.
struct filter_set filter_set_begin(const struct filter *filter);
void filter_set_close(struct filter *filter, struct filter_set *set);

// Appends a test. 0, or -1 when there is no memory or FILTER_TESTS_MAX is reached.
int filter_add_test(struct filter *filter, const struct filter_test *test,
                    struct filter_part *part);

struct filter_part filter_not(struct filter_part part);
struct filter_part filter_and(struct filter *filter, struct filter_part left,
                              struct filter_part right);
struct filter_part filter_or(struct filter *filter, struct filter_part left,
                             struct filter_part right);

// Leads the open ends of the whole to FILTER_KEEP and FILTER_DROP.
void filter_finish(struct filter *filter, struct filter_part whole);
