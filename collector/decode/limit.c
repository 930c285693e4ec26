#include "collector/decode/limit.h"

#include <stdbool.h>

#define SECOND_NS UINT64_C(1000000000)

// Time that was set back fills nothing.
static void fill(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns)
{
    uint64_t full = flows_per_second * SECOND_NS;
    uint64_t elapsed_ns = now_ns > limit->filled_ns ? now_ns - limit->filled_ns : 0;
    if (elapsed_ns >= SECOND_NS || limit->level_ns + elapsed_ns * flows_per_second > full)
        limit->level_ns = full;
    else
        limit->level_ns += elapsed_ns * flows_per_second;
    limit->filled_ns = now_ns;
}

// At the end of a second: of how many flows one is to be kept in the next one.
static void measure(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - limit->second_ns;
    if (now_ns >= limit->second_ns && elapsed_ns < SECOND_NS)
        return;
    bool next = now_ns >= limit->second_ns && elapsed_ns < 2 * SECOND_NS;
    uint64_t step = next ? (limit->seen + flows_per_second - 1) / flows_per_second : 1;
    limit->step = step == 0 ? 1 : (uint32_t)step;
    limit->seen = 0;
    limit->second_ns = now_ns;
}

uint32_t limit_take(struct limit *limit, uint64_t flows_per_second, uint64_t now_ns)
{
    fill(limit, flows_per_second, now_ns);
    measure(limit, flows_per_second, now_ns);
    limit->seen += limit->seen != UINT32_MAX;
    // A weight that cannot grow is given out, whatever the bucket says.
    bool due = limit->skipped + 1 >= limit->step && limit->level_ns >= SECOND_NS;
    if (!due && limit->skipped < UINT32_MAX - 1) {
        limit->skipped++;
        return 0;
    }
    uint32_t weight = limit->skipped + 1;
    limit->level_ns -= limit->level_ns >= SECOND_NS ? SECOND_NS : limit->level_ns;
    limit->skipped = 0;
    return weight;
}
