// What file.c (the sink) and file_writer.c (its writers) share; for these two only.
#pragma once

#include "common/sink/file.h"
#include "common/sink/outlet.h"
#include "common/sink/ring.h"

#include <pthread.h>
#include <stdatomic.h>

#define FILE_WAIT_SLICE_MS 100 // how often who waits for the reader looks whether to go on

struct file_writer;

struct file_sink {
    struct sink sink;
    char *path; // NULL: stdout
    char *separator;
    size_t separator_len;
    bool framed;
    bool blocking;
    bool patient;
    atomic_bool abandoned;
    atomic_bool waiting;     // the ring is not empty
    atomic_int dead;         // errno that ended it
    atomic_int failing;      // errno of the last write, 0 when it went well
    atomic_llong stalled_ns; // since when its reader takes nothing, 0: it does

    pthread_mutex_t lock; // guards all below, and the writers' accounts
    struct outlet outlet;
    struct ring ring;
    struct file_writer **writers; // all there were: their frames may wait longer than they live
    uint32_t writer_count;
};

// What became of a writer's frames since it last looked.
struct account {
    uint64_t delivered;
    uint64_t blocked;
    uint64_t failed;
};

struct file_writer {
    struct sink_writer writer;
    uint32_t number;
    struct account account; // guarded by the sink's mutex
    bool lossy;             // a frame failed since the last sync

    uint8_t *buffer; // FILE_FRAME_MAX, this thread's own
    size_t len;
    uint32_t *ends; // of each frame in the buffer
    uint32_t frame_count;
    uint32_t next;  // first frame not handed on
    size_t written; // bytes handed on
};

// With the lock held: writes of the ring what can be written now.
void file_drain_ring(struct file_sink *sink);

// With the lock held: notes what a write gave, bytes or a negative errno, and whether a frame
// became whole by it.
void file_note_result(struct file_sink *sink, ssize_t written, bool whole);

// With the lock held: the ring is, or is no longer, empty.
void file_note_waiting(struct file_sink *sink);

// With the lock held: counts a frame of writer number `owner` as lost. `sink` is a struct
// file_sink: a ring_done function.
void file_count_lost(void *sink, uint32_t owner);

// Waits for the reader, or for space, until `deadline_ms` of file_deadline; false when it has
// passed.
bool file_wait_until(struct file_sink *sink, int64_t deadline_ms);
int64_t file_deadline(int timeout_ms); // -1: never

// Moves a writer's account into the books of its thread: that thread calls it with the lock held,
// or whoever closes the sink.
void file_settle(struct file_writer *writer);

struct sink_writer *file_writer_new(struct sink *base, struct ledger *ledger);
void file_writer_free(struct sink_writer *base);
uint8_t *file_writer_room(struct sink_writer *base, size_t len);
int file_writer_write(struct sink_writer *base, const struct flow_view *view, const uint8_t *bytes,
                      size_t len);
int file_writer_flush(struct sink_writer *base);
int file_writer_sync(struct sink_writer *base, int timeout_ms);
