// How an output is: what it holds back, and what is the matter with it.
#pragma once

#include "common/base/fault.h"
#include "common/sink/sink.h"

// How full something is; a limit of 0: there is no such thing.
struct sink_fill {
    uint64_t bytes;
    uint64_t limit;
};

struct sink_state {
    struct fault trouble;    // why the sink is not healthy, as far as it knows
    struct sink_fill buffer; // in memory, for a reader that is behind
    struct sink_fill spool;  // on disk
};

// Any thread.
static inline struct sink_state sink_state(struct sink *sink)
{
    struct sink_state state = {.trouble = {.text = ""}};
    if (sink->ops->state != NULL)
        sink->ops->state(sink, &state);
    return state;
}
