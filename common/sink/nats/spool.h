// Messages on disk, oldest first: a ring in one file of bounded size, for what the window has no
// room for.
//
// Survives the end of the process, kill -9 included. After a crash of the machine what was not on
// the disk yet is missing. Records are checked by a hash under a key that is drawn when the spool
// is empty: damage costs the records that it hits, reading goes on at the next sound one, and what
// an earlier time left in the file is not taken for one. One process has a file at a time. No lock:
// the sink's mutex guards it.
#pragma once

#include "common/base/fault.h"
#include "common/sink/nats/message.h"

#define SPOOL_BYTES_MIN (1u << 20)

struct spool;

struct spool_facts {
    uint64_t messages; // not read yet
    uint64_t flows;    // in them
    uint64_t lost;     // flows that were damaged when it was opened
    uint64_t bytes;
};

// Opens or makes `name`.spool in the directory, which is made too when it is missing. NULL and the
// fault when that is not possible. A file that holds messages keeps its size until it is empty.
struct spool *spool_open(const char *directory, const char *name, uint64_t bytes,
                         struct fault *fault);
void spool_close(struct spool *spool);

// What was there already belongs to writer 0.
void spool_facts(const struct spool *spool, struct spool_facts *facts);

// The bytes that it has room for.
uint64_t spool_capacity(const struct spool *spool);

// Once in a while: whether somebody removed the file or cut it short, which is mended and said.
void spool_look(struct spool *spool);

// Copies the message behind all others: 0, -ENOBUFS when the file's bound is reached, -ENOSPC when
// the disk is full, or another negative errno. Larger than a quarter of the file it is -EFBIG.
int spool_push(struct spool *spool, const struct nats_message *message);

// The same before the first one that was not released; for what goes back into the file.
int spool_push_front(struct spool *spool, const struct nats_message *message);

// True when every message has been read.
bool spool_all_read(const struct spool *spool);

// The next message, the caller's, and where its record begins and ends; NULL when there is none, or
// no memory for it now. *lost says how many flows were passed over as damaged.
struct nats_message *spool_read(struct spool *spool, uint64_t *begin, uint64_t *end,
                                uint64_t *lost);

// Messages with so many flows are done, and everything before `end` with them; spool_read_end is
// where what has been read ends.
void spool_release(struct spool *spool, uint64_t end, uint64_t flows);
uint64_t spool_read_end(const struct spool *spool);

// The record that begins there, of so many flows, is done with, though one before it is not.
void spool_cancel(struct spool *spool, uint64_t begin, uint64_t flows);
