// Says in the log that an exporter is heard of for the first time, that it falls silent, that it
// sends again, and (debug) that it has more templates than before.
//
// Found by comparing two looks at the busiest exporters; no more lines than -err.cnt in -err.int,
// so that forged exporters do not flood the log. Main thread.
#pragma once

#include "collector/monitor/exporter_list.h"
#include "common/base/mute.h"

struct exporter_memory;

struct exporter_log {
    struct mute mute;
    uint64_t looked_ns; // Unix time of the latest look, at first of the start
    struct exporter_memory *items;
    size_t count;
};

// Asks the lanes, which takes a fraction of a second at most, and logs what is new. A look that a
// lane does not answer is left out.
void exporter_log_look(struct exporter_log *log, struct lane *const *lanes, unsigned count);

// The same of a list of that time.
void exporter_log_take(struct exporter_log *log, const struct exporter_list *list, uint64_t now_ns);
void exporter_log_fini(struct exporter_log *log);
