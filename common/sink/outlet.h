// A descriptor that flows are written to, never waiting in the write itself.
//
// A shared open file description keeps its flags: stdout may be the terminal of the shell, or the
// pipe that stderr goes to as well, and O_NONBLOCK there would break the others. So pipes and
// terminals are opened anew through /proc, sockets are asked per call, and files never block.
// Not locked: the sink's mutex guards it, but outlet_wait may run beside the others.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct iovec;

enum outlet_kind {
    OUTLET_FILE,    // regular file, block device: a write never waits for a reader
    OUTLET_STREAM,  // pipe, FIFO or character device, non-blocking
    OUTLET_CAREFUL, // the same, but the description is shared: small writes when it polls writable
    OUTLET_SOCKET,
};

struct outlet {
    int fd;
    enum outlet_kind kind;
    int own; // another description of a regular file, to read it and lock it; -1: none
};

// Opens a named file for appending (made with mode 0644), or stdout when `path` is NULL or "". A
// FIFO without a reader is waited for when `wait_reader`, else it is -ENXIO. 0, or a negative
// errno.
int outlet_open(struct outlet *outlet, const char *path, bool wait_reader);
void outlet_close(struct outlet *outlet);

// Puts the newly opened `fresh` in the place of the old one under the same number, so that who
// waits for it does not wait on a stranger. Takes `fresh` over. 0, or a negative errno.
int outlet_replace(struct outlet *outlet, struct outlet *fresh);

// Whether we alone have the regular file: nobody else holds it, or its filesystem has no locks.
bool outlet_claim(const struct outlet *outlet);

// Holds the regular file, together with others, until it is closed: who would claim it fails. Waits
// for one who claims it now, some seconds at most.
void outlet_hold(const struct outlet *outlet);

// Writes what can be written now: bytes, or a negative errno; -EAGAIN when the reader is behind.
ssize_t outlet_put(const struct outlet *outlet, const struct iovec *pieces, int count);

// Takes the last `len` bytes that were put back out of a regular file that nobody else has written
// to since. False: they stay.
bool outlet_cut(const struct outlet *outlet, size_t len);

// Waits until it may be written to, at most timeout_ms.
void outlet_wait(const struct outlet *outlet, int timeout_ms);
