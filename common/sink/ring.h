// A bounded ring of whole frames that wait to be written, first in, first out.
//
// Bytes lie in one memory mapping, the lengths of the frames in another, so that a writev takes as
// many frames as the descriptor will have. Pages are touched only by what waits, and given back
// once nothing does. Each frame remembers its owner, a small number of the caller's. No lock: the
// sink's mutex guards it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct ring_frame;

struct ring {
    uint8_t *data;
    size_t cap;
    size_t head; // of the first byte that waits
    size_t len;  // bytes that wait
    size_t peak; // highest offset touched since the pages were given back
    struct ring_frame *frames;
    size_t frame_cap;
    size_t frame_head;
    size_t frame_count;
    size_t begun;    // bytes of the first frame that are written already
    bool begun_here; // and they still lie in front of what waits: nothing was pushed since
};

// 0, or a negative errno. `cap` is at least 1.
int ring_init(struct ring *ring, size_t cap);
void ring_fini(struct ring *ring);

// Appends a copy of one frame of at least one byte; false, and nothing changed, when it does not
// fit.
bool ring_push(struct ring *ring, const uint8_t *bytes, size_t len, uint32_t owner);

// The bytes that wait, in one or two pieces: how many.
int ring_peek(const struct ring *ring, struct iovec pieces[static 2]);

// Removes the first `len` bytes, which were written, and calls `done` for each frame whose last
// byte was among them.
typedef void ring_done(void *user, uint32_t owner);
void ring_take(struct ring *ring, size_t len, ring_done *done, void *user);

// Puts the bytes of the first frame that were taken in front of it again, as they came back; false
// when they are no longer there.
bool ring_take_back(struct ring *ring);

// How many bytes of the first frame wait; 0 when the ring is empty.
size_t ring_first_len(const struct ring *ring);
