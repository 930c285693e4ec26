// What the command line and mapping.yaml make of the flows that go out: which do, and in which
// format. Immutable once made.
#pragma once

#include "common/flow/filter/filter.h"
#include "common/flow/format.h"
#include "enricher/options.h"

struct formatting {
    struct format *format;
    struct filter *filter; // NULL: every flow goes on
};

// Reads the formatter block of -mapping, if that is given. NULL after having logged why.
struct formatting *formatting_new(const struct enricher_options *options);
void formatting_free(struct formatting *formatting); // NULL is allowed
