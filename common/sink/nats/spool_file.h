// The file of a spool: a header, and a ring of bytes behind it.
//
// Written with pwrite alone: what others do to the file costs what it held, never the process. The
// header is written after what it speaks of, so the file is whole whenever the process is killed.
// Positions only grow, but for what goes back to the front; the place in the ring is the position
// modulo the capacity. Bytes are in the machine's order. No lock: the spool's owner guards it.
#pragma once

#include "common/base/fault.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_HEADER_BYTES 4096 // of the file, before the ring

struct spool_header {
    char magic[8];
    uint64_t capacity;
    uint64_t done; // before it nothing is needed any more
    uint64_t next; // not read yet, from here on
    uint64_t end;
    uint64_t key; // of the hashes, another one whenever the spool is empty; 0: of an older version
    uint64_t flows; // between `done` and `end` that are not done
};

struct spool_file {
    int fd;
    uint64_t peak; // how far it was written to
    struct spool_header header;
    bool told; // that it is gone and cannot be made again
    char path[PATH_MAX];
};

// Opens or makes the file and locks it. *len is how long it was; shorter than a header it has none
// yet. 0, or -1 and the fault.
int spool_file_open(struct spool_file *file, const char *path, uint64_t *len, struct fault *fault);
void spool_file_close(struct spool_file *file);

// Writes the header: 0, or a negative errno.
int spool_file_store(struct spool_file *file);

// Reads or writes at a position, round the ring's end: 0, or a negative errno. -ENODATA: the file
// is shorter than that.
int spool_file_read(const struct spool_file *file, void *bytes, size_t len, uint64_t position);
int spool_file_write(struct spool_file *file, const void *bytes, size_t len, uint64_t position);

// The position itself, or when the file ends before it the next one that is in the file; either may
// be behind the end of what it holds.
uint64_t spool_file_skip(const struct spool_file *file, uint64_t position);

// Looks whether the file is still there and as long as it was. One that was removed is made again
// with all that it held; one that was cut short is said, and its header written anew.
void spool_file_look(struct spool_file *file);

// Gives the ring's space back: nothing is in it.
void spool_file_shrink(struct spool_file *file);
