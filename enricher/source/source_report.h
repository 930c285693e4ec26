// What a source of messages knows of its input, for the metrics.
#pragma once

#include "enricher/source/source.h"

#define SOURCE_ANSWERS (SOURCE_KNOWN + 1)

struct source_report {
    bool up;
    uint64_t received;                 // messages
    uint64_t answered[SOURCE_ANSWERS]; // of these, by enum source_answer
    uint64_t behind;                   // messages of the stream that no enricher was given yet
    uint64_t unacknowledged;           // given to any enricher, and not acknowledged
};

// False when the source has nothing to say. Any thread.
static inline bool source_report(struct source *source, struct source_report *report)
{
    if (source->ops->report != NULL)
        source->ops->report(source, report);
    return source->ops->report != NULL;
}
