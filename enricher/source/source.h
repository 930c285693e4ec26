// Where flows come from: the interface that every input implements.
//
//   loop: source_next(source, &block) until it is idle; each frame of the block; source_ack
//
// A block holds whole frames (varint length and protobuf) and is borrowed until it is acknowledged.
// One thread calls source_next and source_ack: the worker. It never waits in them; between blocks
// it polls source_fd together with what else may wake it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source_result {
    SOURCE_BLOCK,  // *block is filled
    SOURCE_IDLE,   // nothing more now: poll source_fd for reading
    SOURCE_END,    // nothing more ever
    SOURCE_FAILED, // the input is broken, one line was logged
};

struct source_block {
    const uint8_t *data;
    size_t len;
    bool lines;        // frames are separated by a newline
    uint64_t offset;   // of the first byte in the input, for messages
    uint64_t stream;   // identity of the stream, 0 when it has none
    uint64_t sequence; // of the block in its stream
    void *token;       // the source's own
};

struct source;

struct source_ops {
    const char *name;
    bool acknowledges; // blocks come again until source_ack: sync the sink before
    enum source_result (*next)(struct source *source, struct source_block *block);
    void (*ack)(struct source *source, const struct source_block *block);
    int (*fd)(const struct source *source);
    void (*close)(struct source *source);
};

// Every source begins with this.
struct source {
    const struct source_ops *ops;
};

static inline enum source_result source_next(struct source *source, struct source_block *block)
{
    return source->ops->next(source, block);
}

// The block is done with: its flows have been handed to the sink, and are safe there when the
// source acknowledges.
static inline void source_ack(struct source *source, const struct source_block *block)
{
    source->ops->ack(source, block);
}

static inline int source_fd(const struct source *source)
{
    return source->ops->fd(source);
}

static inline void source_close(struct source *source)
{
    source->ops->close(source);
}

// Logs that the input holds no flow at that byte, and what it should be.
void source_log_invalid(const struct source *source, uint64_t offset, const char *what);
