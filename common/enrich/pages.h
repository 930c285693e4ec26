// Memory for tables that are looked up at random: in huge pages where the system has them to give,
// so that a look-up does not wait for its address to be translated first.
#pragma once

#include <stddef.h>
#include <stdint.h>

// `len` bytes of zeros that begin with a cache line, at least one of them even if `len` is 0; NULL
// without memory.
void *pages_new(size_t len);

// A copy of `len` bytes, in the same way.
void *pages_copy(const void *bytes, size_t len);

// Frees either, by the same length; NULL is allowed.
void pages_free(void *pages, size_t len);

// Fetches a cache line by reading from it. A loop of these waits for many lines at once; prefetch
// instructions would not wait at all, but of many that miss the processor may drop most.
static inline void pages_touch(const void *at)
{
    (void)*(const volatile uint8_t *)at;
}
