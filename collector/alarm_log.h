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

// Logs what is new of lane number `lane`. A burst may have been longer than the list of the latest.
void alarm_log_take(struct alarm_log *log, unsigned lane, const struct alarm_list *list);
