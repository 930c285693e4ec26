// The two clocks as plain numbers: the steady one (CLOCK_MONOTONIC), which nobody sets, and Unix
// time (CLOCK_REALTIME).
#pragma once

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S  INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

static inline int64_t clock_read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static inline int64_t clock_steady_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_steady_ms(void)
{
    return clock_steady_ns() / CLOCK_NS_PER_MS;
}

static inline int64_t clock_unix_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

static inline int64_t clock_unix_ms(void)
{
    return clock_unix_ns() / CLOCK_NS_PER_MS;
}

// A moment as the waiting functions of threads take it.
static inline struct timespec clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
}

// A moment of the steady clock on the other one, for what waits by that only.
static inline struct timespec clock_on_wall(int64_t steady_ns)
{
    return clock_timespec(clock_unix_ns() + (steady_ns - clock_steady_ns()));
}

// That far from now on the steady clock.
static inline struct timespec clock_steady_after(int64_t ns)
{
    return clock_timespec(clock_steady_ns() + ns);
}
