// Where a flow came from, for sinks that must recognise it when it comes again.
//
// What a message says of itself is the same on all servers that keep a copy of it. What these say
// of the stream is not: two of them may have made it at different times.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct flow_origin {
    uint64_t stream;   // hash of the stream's name, 0 when there is none
    uint64_t sequence; // of the message in its stream,
    int64_t time_ns;   // and when it was stored there, Unix time: a stream made anew counts anew
    uint32_t index;    // of the flow in its message
    bool again;        // the message may have been delivered before
};

static inline bool flow_origin_same_message(const struct flow_origin *a,
                                            const struct flow_origin *b)
{
    return a->stream == b->stream && a->sequence == b->sequence && a->time_ns == b->time_ns;
}
