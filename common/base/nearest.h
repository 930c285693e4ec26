// "Did you mean": the valid name that is nearest to a misspelt one.
#pragma once

#include <stddef.h>

struct nearest {
    const char *text; // what was given
    const char *name; // the best so far, or NULL
    size_t distance;  // of that name: insertions, deletions, changes but for case
};

// Offers one valid name; keeps it when it is nearer than the ones before. Start with
// {.text = given}; at the end `name` is NULL when nothing offered was near enough to be meant.
void nearest_offer(struct nearest *nearest, const char *name);
