// Where flows come from: the interface that every input implements.
//
//   loop: source_next(source, &block) until it is idle; each frame of the block; source_answer
//
// A block holds whole frames (varint length and protobuf) and is borrowed until it is answered.
// One thread calls source_next and source_answer: the worker. It never waits in them; between
// blocks it polls source_fd together with what else may wake it.
#pragma once

#include "common/base/ledger.h"

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
    uint64_t stream;   // hash of the stream's name, 0 when it has none
    uint64_t sequence; // of the block in its stream,
    int64_t time_ns;   // and when it was stored there, Unix time
    bool again;        // it may have been delivered before
    uint64_t token;    // the source's own
};

// What became of a block.
enum source_answer {
    SOURCE_DONE,  // its flows are handed to the sink, and safe there when the source acknowledges
    SOURCE_AGAIN, // they are not: it is to come again
    SOURCE_LEFT,  // it is not known: it is to come again by itself, when that must have shown
    SOURCE_BAD,   // it is no flows: it is not to come again
    SOURCE_KNOWN, // it came again though it was answered for good: by the source itself
};

struct source;
struct source_report; // source_report.h

struct source_ops {
    const char *name;
    bool acknowledges; // blocks come again until they are answered: sync the sink before
    bool messages;     // a block is one message: a bad one says nothing of the next
    enum source_result (*next)(struct source *source, struct source_block *block);
    void (*answer)(struct source *source, const struct source_block *block,
                   enum source_answer answer);
    int (*fd)(const struct source *source);
    // Goes on where frames begin again, behind the one `at` bytes into the block, which is no flow;
    // false: nowhere. NULL: the next block is as good as any.
    bool (*skip)(struct source *source, const struct source_block *block, size_t at);
    int64_t (*unread)(const struct source *source);                      // NULL: always -1
    void (*report)(struct source *source, struct source_report *report); // NULL: nothing to say
    void (*close)(struct source *source);
};

// Every source begins with this.
struct source {
    const struct source_ops *ops;
    struct ledger *ledger; // the worker's, from its start on: what the source has to count
    size_t blocks_max;     // that it hands out before it waits for answers, 0: any number
};

static inline enum source_result source_next(struct source *source, struct source_block *block)
{
    return source->ops->next(source, block);
}

// The block is done with, and no longer borrowed. Blocks are answered in any order.
static inline void source_answer(struct source *source, const struct source_block *block,
                                 enum source_answer answer)
{
    source->ops->answer(source, block, answer);
}

static inline int source_fd(const struct source *source)
{
    return source->ops->fd(source);
}

// Bytes that were sent to this process and to no other, not handed out yet; -1 when what is not
// read stays where it is, or comes again.
static inline int64_t source_unread(const struct source *source)
{
    return source->ops->unread == NULL ? -1 : source->ops->unread(source);
}

static inline void source_close(struct source *source)
{
    source->ops->close(source);
}

// Logs that the input holds no flow at that byte, and what it should be.
void source_log_invalid(const struct source *source, uint64_t offset, const char *what);
