#include "common/enrich/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)
#define LINE_BYTES ((size_t)64)

static size_t round_up(size_t len, size_t unit)
{
    return (len + unit - 1) / unit * unit;
}

// A mapping that begins with a huge page: as much is mapped more as may have to be cut off before.
static void *map(size_t len)
{
    size_t rounded = round_up(len, HUGE_BYTES);
    uint8_t *mapped = mmap(NULL, rounded + HUGE_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    size_t before = round_up((uintptr_t)mapped, HUGE_BYTES) - (uintptr_t)mapped;
    if (before != 0)
        (void)munmap(mapped, before);
    if (before != HUGE_BYTES)
        (void)munmap(mapped + before + rounded, HUGE_BYTES - before);
    // Whole huge pages only: the rest of the last one would be memory for nothing. A refusal leaves
    // small pages, which do as well.
    (void)madvise(mapped + before, len / HUGE_BYTES * HUGE_BYTES, MADV_HUGEPAGE);
    return mapped + before;
}

void *pages_new(size_t len)
{
    if (len >= HUGE_BYTES)
        return map(len);
    size_t rounded = round_up(len + 1, LINE_BYTES);
    void *pages = aligned_alloc(LINE_BYTES, rounded);
    if (pages != NULL)
        memset(pages, 0, rounded);
    return pages;
}

void *pages_copy(const void *bytes, size_t len)
{
    void *pages = pages_new(len);
    if (pages != NULL && len != 0)
        memcpy(pages, bytes, len);
    return pages;
}

void pages_free(void *pages, size_t len)
{
    if (pages == NULL)
        return;
    if (len >= HUGE_BYTES)
        (void)munmap(pages, round_up(len, HUGE_BYTES));
    else
        free(pages);
}
