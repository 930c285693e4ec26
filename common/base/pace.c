#include "common/base/pace.h"

#include <assert.h>
#include <string.h>

void pace_take(struct pace *pace, int64_t steady_ns, const uint64_t *values, unsigned count)
{
    assert(count <= PACE_VALUES_MAX);
    pace->taken_ns[pace->next] = steady_ns;
    memcpy(pace->values[pace->next], values, count * sizeof values[0]);
    pace->next = (pace->next + 1) % PACE_LOOKS;
    pace->count += pace->count < PACE_LOOKS;
}

double pace_of(const struct pace *pace, unsigned value)
{
    unsigned newest = (pace->next + PACE_LOOKS - 1) % PACE_LOOKS;
    unsigned oldest = pace->count < PACE_LOOKS ? 0 : pace->next;
    if (pace->count < 2 || pace->taken_ns[newest] <= pace->taken_ns[oldest])
        return 0;
    return (double)(pace->values[newest][value] - pace->values[oldest][value]) * 1e9 /
           (double)(pace->taken_ns[newest] - pace->taken_ns[oldest]);
}
