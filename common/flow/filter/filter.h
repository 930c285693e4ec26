// Filters: which flows go on, by an expression over their fields, custom columns and tags.
// docs/filter.md is its manual.
//
// Compiled once into tests that only jump forward, so a flow costs at most one look at each.
// Immutable afterwards: any thread may use it.
#pragma once

#include "common/base/fault.h"
#include "common/flow/flow.h"

#define FILTER_BYTES_MAX 65535 // of an expression
#define FILTER_DEPTH_MAX 64    // parentheses in parentheses
#define FILTER_TESTS_MAX 4096  // comparisons

struct filter;
struct formatter;
struct settings;

struct filter_fault {
    struct fault fault; // "column 7: what, got, wanted"
    size_t at;          // the byte of the expression that it is about
};

// Compiles an expression. Custom columns are those of the formatter (NULL: none), of which nothing
// is kept. NULL with the fault filled.
struct filter *filter_new(const char *text, const struct formatter *formatter,
                          struct filter_fault *fault);
void filter_free(struct filter *filter); // NULL is allowed

// Whether the flow goes on.
bool filter_match(const struct filter *filter, const struct flow *flow);

// The fields that it looks at, as FLOW_BITs; customs are not among them.
uint64_t filter_fields(const struct filter *filter);

// Looks at the expression of -filter when the settings are read. With custom columns it is known
// only later whether all names are known: then nothing is said here. 0, or -1 after two lines on
// stderr.
int filter_check(const char *text, const struct settings *settings, bool with_customs);

// Compiles the expression of -filter. NULL after having logged why; where log lines are for people,
// the expression stands below with a caret under the fault.
struct filter *filter_open(const char *text, const struct formatter *formatter);

// Writes two lines: the part of the expression around byte `at`, and a caret below that byte. It is
// a text of less than FILTER_POINT_MAX bytes, and returned.
#define FILTER_POINT_MAX 512
const char *filter_point(char out[static FILTER_POINT_MAX], const char *text, size_t at);
