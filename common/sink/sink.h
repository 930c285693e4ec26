// Where flows go: the interface that every output implements, and the table of those built in.
//
//   struct sink *sink = sink_open(&SINK_FILE, ...)     one for the process
//   struct sink_writer *w = sink_writer_new(sink, ...)  one per thread
//   loop: room = sink_room(w, bound); ...format in place...; sink_write(w, &view, room, len)
//   end of a batch: sink_flush(w)
//
// A sink takes flows, not only bytes: beside the formatted bytes each write gives a view of the
// flow, so that subjects, partition keys, republish ids and table rows can be made from it.
//
// Every flow given to sink_write ends in the writer's ledger exactly once, as delivered or under a
// reason of class FLOW, at the latest when sink_close has returned; until then it is waiting. Only
// what a sink keeps on disk for the next process goes on waiting; there it counts as made anew.
#pragma once

#include "common/base/ledger.h"
#include "common/flow/flow.h"
#include "common/sink/origin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_view {
    const struct flow *flow; // NULL when the bytes were made without decoding the flow
    uint32_t key;            // partition key, 0 when none is configured
    struct flow_origin origin;
};

struct check;
struct clickhouse_options;
struct metrics;
struct nats_options;
struct settings;
struct sink;
struct sink_state;
struct sink_writer;

struct sink_options {
    const char *path;                // file: NULL or "" for stdout
    const char *separator;           // file: bytes after each frame; may be ""
    size_t buffer_bytes;             // file: ring for what the reader has not taken yet
    bool framed;                     // file: a frame begins with its length, as of -format=bin
    bool blocking;                   // wait for a slow reader instead of dropping
    bool patient;                    // and for an output that fails: what it takes is answered for
    const struct nats_options *nats; // nats: borrowed for the call, its texts for the sink's life
    const struct clickhouse_options *clickhouse; // clickhouse: the same
};

struct sink_ops {
    const char *name;
    // Returns a sink, or NULL after having logged why.
    struct sink *(*open)(const struct sink_options *options);
    // For -check: says more of where flows would go. Opens, reaches and makes nothing; may be NULL.
    void (*check)(struct check *check, const struct settings *settings,
                  const struct sink_options *options);
    struct sink_writer *(*writer_new)(struct sink *sink, struct ledger *ledger);
    void (*writer_free)(struct sink_writer *writer);
    uint8_t *(*room)(struct sink_writer *writer, size_t len);
    int (*write)(struct sink_writer *writer, const struct flow_view *view, const uint8_t *bytes,
                 size_t len);
    int (*flush)(struct sink_writer *writer);
    int (*sync)(struct sink_writer *writer, int timeout_ms);
    uint64_t (*settled)(struct sink_writer *writer); // NULL: it is asked by sync
    int (*settled_fd)(const struct sink *sink);      // NULL likewise
    int (*poll_fd)(struct sink *sink);
    int (*drain)(struct sink *sink, int timeout_ms);
    int (*reopen)(struct sink *sink);
    void (*abandon)(struct sink *sink);
    bool (*healthy)(const struct sink *sink);
    void (*state)(struct sink *sink, struct sink_state *state); // sink_state.h; may be NULL
    void (*report)(struct sink *sink, struct metrics *m);       // NULL: nothing to say
    void (*close)(struct sink *sink);
};

// The sinks of this build, ended by NULL; and the one of that name, or NULL.
extern const struct sink_ops *const SINKS[];
const struct sink_ops *sink_find(const char *name);

// Every sink begins with this, every writer with the one below.
struct sink {
    const struct sink_ops *ops;
    bool wants_fields; // the view's flow must be filled even when the format alone does not need it
    bool fields_only;  // no bytes are taken: sink_write is given the flow, enriched, and NULL
};

struct sink_writer {
    struct sink *sink;
    struct ledger *ledger; // the owning thread's; flows_delivered, flows_waiting, reasons
};

// One thread's access to the sink. Free it in that thread, before sink_close.
static inline struct sink_writer *sink_writer_new(struct sink *sink, struct ledger *ledger)
{
    return sink->ops->writer_new(sink, ledger);
}

static inline void sink_writer_free(struct sink_writer *writer)
{
    writer->sink->ops->writer_free(writer);
}

// Borrows `len` bytes of room to format the next frame in place; valid until the next call with
// this writer. NULL when the sink takes no frame of that size: count REASON_OUTPUT_TOO_LARGE.
static inline uint8_t *sink_room(struct sink_writer *writer, size_t len)
{
    return writer->sink->ops->room(writer, len);
}

// Takes one frame. `bytes` is the borrowed room (nothing is copied) or any other memory (copied).
// 0, or a negative errno when the sink is dead; the frame is counted either way.
static inline int sink_write(struct sink_writer *writer, const struct flow_view *view,
                             const uint8_t *bytes, size_t len)
{
    return writer->sink->ops->write(writer, view, bytes, len);
}

// End of a batch: hands everything written so far on, without waiting unless the sink blocks.
// 0, or a negative errno when the sink is dead.
static inline int sink_flush(struct sink_writer *writer)
{
    return writer->sink->ops->flush(writer);
}

// Waits until all that this writer wrote is durable for the sink (written, acknowledged, inserted)
// or refused; at most timeout_ms, -1: for ever. 0 when all was delivered but what no try would
// deliver, -ETIMEDOUT, or another negative errno when some of it failed (the ledger says how much
// and why).
static inline int sink_sync(struct sink_writer *writer, int timeout_ms)
{
    return writer->sink->ops->sync(writer, timeout_ms);
}

// A sink that gathers flows for long says how many of those that this writer wrote, in their order,
// are durable or refused for good; their source can be told without a sync. Its descriptor is
// readable when that may be more than before: read it empty, then ask. A sink without answers 0
// and -1.
static inline uint64_t sink_settled(struct sink_writer *writer)
{
    return writer->sink->ops->settled == NULL ? 0 : writer->sink->ops->settled(writer);
}

static inline int sink_settled_fd(const struct sink *sink)
{
    return sink->ops->settled_fd == NULL ? -1 : sink->ops->settled_fd(sink);
}

// A descriptor to poll for writing while the sink has waiting bytes, else -1. When it is ready, any
// thread calls sink_drain(sink, 0). Any thread.
static inline int sink_poll_fd(struct sink *sink)
{
    return sink->ops->poll_fd(sink);
}

// Writes what waits, for at most timeout_ms (-1: for ever). 0 when nothing waits any more,
// -EAGAIN when some does, another negative errno when the sink is dead. Any thread.
static inline int sink_drain(struct sink *sink, int timeout_ms)
{
    return sink->ops->drain(sink, timeout_ms);
}

// SIGHUP: opens the named file again (log rotation). 0, or a negative errno: the old one stays.
static inline int sink_reopen(struct sink *sink)
{
    return sink->ops->reopen(sink);
}

// The process ends: writers of a blocking sink wait no longer, in this and in later calls; what
// does not fit is dropped and counted. Any thread.
static inline void sink_abandon(struct sink *sink)
{
    sink->ops->abandon(sink);
}

// False while the sink is dead, its last write failed, or its reader stands still. Any thread.
static inline bool sink_healthy(const struct sink *sink)
{
    return sink->ops->healthy(sink);
}

// Adds what the sink alone knows of itself to a page of metrics. Any thread.
static inline void sink_report(struct sink *sink, struct metrics *m)
{
    if (sink->ops->report != NULL)
        sink->ops->report(sink, m);
}

// After the last writer is freed. What still waits is counted as failed by then: drain first.
static inline void sink_close(struct sink *sink)
{
    sink->ops->close(sink);
}
