#include "common/sink/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

// The frame table is dimensioned for frames of this size; shorter ones fill it before the bytes.
#define FRAME_LEN_MEAN 16

// What a ring may have touched and keep: below that, giving pages back costs more than it saves.
#define KEEP_BYTES (1u << 20)

struct ring_frame {
    uint32_t len; // bytes that still wait
    uint32_t owner;
};

// NORESERVE: a ring is rarely filled, and its size is a limit, not a demand.
static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

int ring_init(struct ring *ring, size_t cap)
{
    assert(cap != 0);
    *ring = (struct ring){.cap = cap, .frame_cap = cap / FRAME_LEN_MEAN + 1};
    ring->data = map(cap);
    ring->frames = map(ring->frame_cap * sizeof ring->frames[0]);
    if (ring->data != NULL && ring->frames != NULL)
        return 0;
    ring_fini(ring);
    return -ENOMEM;
}

void ring_fini(struct ring *ring)
{
    if (ring->data != NULL)
        munmap(ring->data, ring->cap);
    if (ring->frames != NULL)
        munmap(ring->frames, ring->frame_cap * sizeof ring->frames[0]);
    *ring = (struct ring){.data = NULL};
}

bool ring_push(struct ring *ring, const uint8_t *bytes, size_t len, uint32_t owner)
{
    assert(len != 0 && len <= UINT32_MAX);
    if (ring->cap - ring->len < len || ring->frame_count == ring->frame_cap)
        return false;
    size_t tail = ring->head + ring->len;
    tail -= tail >= ring->cap ? ring->cap : 0;
    size_t first = ring->cap - tail < len ? ring->cap - tail : len;
    memcpy(ring->data + tail, bytes, first);
    memcpy(ring->data, bytes + first, len - first);
    ring->peak = tail + first > ring->peak ? tail + first : ring->peak;
    ring->len += len;
    size_t slot = (ring->frame_head + ring->frame_count) % ring->frame_cap;
    ring->frames[slot] = (struct ring_frame){.len = (uint32_t)len, .owner = owner};
    ring->frame_count++;
    ring->begun_here = false;
    return true;
}

int ring_peek(const struct ring *ring, struct iovec pieces[static 2])
{
    size_t first = ring->cap - ring->head < ring->len ? ring->cap - ring->head : ring->len;
    pieces[0] = (struct iovec){.iov_base = ring->data + ring->head, .iov_len = first};
    pieces[1] = (struct iovec){.iov_base = ring->data, .iov_len = ring->len - first};
    return (ring->len != 0) + (ring->len > first);
}

// An empty ring starts over at its lowest pages: they are the ones in the cache.
static void rewind_empty(struct ring *ring)
{
    if (ring->peak > KEEP_BYTES) {
        madvise(ring->data, ring->cap, MADV_DONTNEED);
        madvise(ring->frames, ring->frame_cap * sizeof ring->frames[0], MADV_DONTNEED);
        ring->peak = 0;
    }
    ring->head = 0;
    ring->frame_head = 0;
}

void ring_take(struct ring *ring, size_t len, ring_done *done, void *user)
{
    assert(len <= ring->len);
    ring->head += len;
    ring->head -= ring->head >= ring->cap ? ring->cap : 0;
    ring->len -= len;
    while (len != 0) {
        struct ring_frame *frame = &ring->frames[ring->frame_head];
        if (frame->len > len) {
            frame->len -= (uint32_t)len;
            ring->begun_here = ring->begun == 0 || ring->begun_here;
            ring->begun += len;
            return;
        }
        len -= frame->len;
        ring->begun = 0;
        ring->frame_head = (ring->frame_head + 1) % ring->frame_cap;
        ring->frame_count--;
        done(user, frame->owner);
    }
    if (ring->len == 0)
        rewind_empty(ring);
}

bool ring_take_back(struct ring *ring)
{
    if (ring->begun == 0 || !ring->begun_here)
        return false;
    ring->head += ring->head < ring->begun ? ring->cap : 0;
    ring->head -= ring->begun;
    ring->len += ring->begun;
    ring->frames[ring->frame_head].len += (uint32_t)ring->begun;
    ring->begun = 0;
    return true;
}

size_t ring_first_len(const struct ring *ring)
{
    return ring->frame_count == 0 ? 0 : ring->frames[ring->frame_head].len;
}
