// Log lines that something outside can cause at will: the first few of each interval are written,
// the others counted.
//
// Embedded; one thread.
#pragma once

#include <stdint.h>

struct mute {
    uint64_t lines;      // of an interval (-err.cnt); 0: all are written
    int64_t interval_ns; // -err.int; 0: all are written
    int64_t begun_ns;
    uint64_t seen; // in the present interval
};

enum mute_answer {
    MUTE_WRITE,
    MUTE_BEGIN, // write instead that it is muted from now on
    MUTE_SILENT,
};

// Asks whether to write a line at that time of a clock that never goes back. *skipped is how many
// were not written in the interval that has ended: when it is not 0, say so first.
enum mute_answer mute_ask(struct mute *mute, int64_t now_ns, uint64_t *skipped);
