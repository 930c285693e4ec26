// Says that an exporter's template has changed its layout: once for each exporter, and not more
// lines than -err.cnt in -err.int.
//
// Main thread.
#pragma once

#include "collector/lane.h"
#include "common/base/mute.h"

struct alarm_log {
    struct mute mute;
    uint64_t seen[LISTEN_SOCKETS_MAX]; // alarms of each lane, said or passed over
};

// Asks the lanes, and logs what is new.
void alarm_log_watch(struct alarm_log *log, struct lane *const *lanes, unsigned count);
