// Something that the owner of a lane does between two batches for another thread, such as to copy a
// table. Sent with lane_send, awaited with lane_await.
#pragma once

#include "collector/lane.h"

// What an errand sees.
struct lane_view {
    const struct lane_report *report;
    const struct decoder *decoder;
    const struct traffic *traffic;
    const struct stranger_table *strangers;
};

struct errand {
    void (*run)(struct errand *errand, const struct lane_view *view);
    void (*free)(struct errand *errand);
    bool done; // these two are guarded by the lane
    bool abandoned;
};
