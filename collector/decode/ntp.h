// NTP timestamps (RFC 5905, section 6), as IPFIX sends its microseconds and nanoseconds.
#pragma once

#include <stdint.h>

// Seconds since 1970. Seconds before that are those of the next era, which begins in 2036.
static inline uint64_t ntp_unix_seconds(uint64_t timestamp)
{
    const uint64_t epoch_s = 2208988800; // 1900 to 1970
    uint64_t seconds = timestamp >> 32;
    if (seconds < epoch_s)
        seconds += UINT64_C(1) << 32;
    return seconds - epoch_s;
}

// Parts of a second, so many of which make one, nearest to a fraction of 32 bits: a fraction made
// of them, and cut, gives the same number again. It stays within its second.
static inline uint64_t ntp_parts(uint64_t fraction, uint64_t parts)
{
    uint64_t nearest = (fraction * parts + (UINT64_C(1) << 31)) >> 32;
    return nearest == parts ? parts - 1 : nearest;
}

// Seconds since 1900 and their fraction, 32 bits each, as Unix nanoseconds. 0 is no time (RFC 5905,
// section 6) and stays 0.
static inline uint64_t ntp_unix_ns(uint64_t timestamp)
{
    if (timestamp == 0)
        return 0;
    return ntp_unix_seconds(timestamp) * 1000000000 + ntp_parts(timestamp & 0xffffffff, 1000000000);
}

// The same in microseconds; the low 11 bits of the fraction say nothing (RFC 7011, section 6.1.9).
static inline uint64_t ntp_unix_us(uint64_t timestamp)
{
    if (timestamp == 0)
        return 0;
    return ntp_unix_seconds(timestamp) * 1000000 + ntp_parts(timestamp & 0xfffff800, 1000000);
}
