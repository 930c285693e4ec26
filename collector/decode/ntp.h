// NTP timestamps (RFC 5905, section 6), as IPFIX sends its microseconds and nanoseconds.
#pragma once

#include <stdint.h>

// Seconds since 1900 and their fraction, 32 bits each, as Unix nanoseconds. Seconds before 1970 are
// those of the next era, which begins in 2036; 0 is no time (RFC 5905, section 6) and stays 0.
static inline uint64_t ntp_unix_ns(uint64_t timestamp)
{
    const uint64_t epoch_s = 2208988800; // 1900 to 1970
    uint64_t seconds = timestamp >> 32;
    if (timestamp == 0)
        return 0;
    if (seconds < epoch_s)
        seconds += UINT64_C(1) << 32;
    return (seconds - epoch_s) * 1000000000 + ((timestamp & 0xffffffff) * 1000000000 >> 32);
}
