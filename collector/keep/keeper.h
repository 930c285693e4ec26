// Keeps what exporters announced over a restart: templates in a file of goflow2's shape, sampling
// rates and start times in another one beside it, PATH.sampling.
//
// A thread of its own asks the owners of the lanes for copies and writes; the functions below are
// the main thread's.
#pragma once

#include "collector/lane.h"
#include "collector/listener.h"

#define KEEPER_FILE_BYTES_MAX (64u << 20)

struct keeper_options {
    const char *path;
    int64_t interval_ns; // between two looks; 0 or less: ten a second
    struct lane *const *lanes;
    unsigned lane_count;
    const struct listener *listeners; // none: all lanes get all exporters
    int listener_count;
};

struct keeper;

// Loads the files into the lanes, whose threads have not started; of a broken file nothing, after a
// warning. Everything that the options point to outlives it. NULL after having logged why.
struct keeper *keeper_new(const struct keeper_options *options);

// Saves from now on, whenever something has changed. 0, or -1 after having logged why.
int keeper_start(struct keeper *keeper);

// Once the lanes' threads have ended: saves what they knew last, if keeper_start was called. NULL
// is allowed.
void keeper_end(struct keeper *keeper);
