// NTP timestamps (RFC 5905, section 6), as IPFIX sends its microseconds and nanoseconds.
#pragma once

#include <stdint.h>

// Seconds since 1900 and their fraction, 32 bits each, as Unix nanoseconds.
static inline uint64_t ntp_unix_ns(uint64_t timestamp)
{
    const uint64_t epoch_s = 2208988800; // 1900 to 1970
    return ((timestamp >> 32) - epoch_s) * 1000000000 +
           ((timestamp & 0xffffffff) * 1000000000 >> 32);
}
