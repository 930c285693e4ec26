// How fast counters grow: over the latest ten seconds. Embedded; its owner guards it.
#pragma once

#include <stdint.h>

#define PACE_LOOKS      11 // the latest, and one before it for each second
#define PACE_VALUES_MAX 136

struct pace {
    int64_t taken_ns[PACE_LOOKS];
    uint64_t values[PACE_LOOKS][PACE_VALUES_MAX];
    unsigned next;
    unsigned count; // looks that are there
};

// What the counters say at that time of the steady clock; once a second.
void pace_take(struct pace *pace, int64_t steady_ns, const uint64_t *values, unsigned count);

// Of one counter, a second; 0 until it was looked at twice.
double pace_of(const struct pace *pace, unsigned value);
