// A copy of what options said of a lane's exporters, made by its owner between two batches.
//
// As a survey: who asks makes the room, and one that the owner did not get to is the lane's to
// free.
#pragma once

#include "collector/errand.h"
#include "collector/keep/terms_file.h"

struct terms_copy {
    struct errand errand;
    uint64_t changes; // decoder_changes
    size_t rows_max;
    size_t pool_max;
    size_t left_out;
    struct terms_list list;
};

// NULL without memory.
struct terms_copy *terms_copy_new(size_t rows_max);
void terms_copy_free(struct terms_copy *copy);
