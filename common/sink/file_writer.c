#include "common/sink/file_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FLUSH_BYTES (256u << 10) // a writer's buffer is flushed from here on: it stays in cache
#define FRAMES_MAX  16384        // of a writer's buffer

static struct file_sink *sink_of(struct sink_writer *writer)
{
    return (struct file_sink *)writer->sink;
}

static size_t begin_of(const struct file_writer *writer, uint32_t frame)
{
    return frame == 0 ? 0 : writer->ends[frame - 1];
}

// A frame begun is taken out of a file that failed.
static void take_back(struct file_sink *sink, struct file_writer *writer)
{
    size_t begin = begin_of(writer, writer->next);
    if (writer->written > begin && outlet_cut(&sink->outlet, writer->written - begin))
        writer->written = begin;
}

// Nothing waits before them, so the writer's own frames go out without a copy.
static void write_directly(struct file_sink *sink, struct file_writer *writer)
{
    while (writer->written < writer->len && sink->dead == 0) {
        struct iovec piece = {.iov_base = writer->buffer + writer->written,
                              .iov_len = writer->len - writer->written};
        ssize_t written = outlet_put(&sink->outlet, &piece, 1);
        uint32_t before = writer->next;
        writer->written += written > 0 ? (size_t)written : 0;
        for (; writer->next < writer->frame_count && writer->ends[writer->next] <= writer->written;
             writer->next++)
            writer->account.delivered++;
        file_note_result(sink, written, writer->next != before);
        if (written <= 0) {
            take_back(sink, writer);
            return;
        }
    }
}

// Puts frames behind those that wait, as many as fit whole. A frame begun goes in front of all: it
// is begun only when nothing waits, and a ring takes any one frame.
static void queue(struct file_sink *sink, struct file_writer *writer)
{
    for (; writer->next < writer->frame_count && sink->dead == 0; writer->next++) {
        uint32_t end = writer->ends[writer->next];
        size_t begun = writer->written - begin_of(writer, writer->next);
        if (!ring_push(&sink->ring, writer->buffer + writer->written, end - writer->written,
                       writer->number))
            break;
        if (begun != 0)
            sink->ring.begun = begun;
        writer->written = end;
    }
    file_note_waiting(sink);
}

static bool may_wait(const struct file_sink *sink)
{
    return sink->blocking && sink->dead == 0 && (sink->patient || sink->failing == 0) &&
           !sink->abandoned;
}

static void drop_rest(struct file_sink *sink, struct file_writer *writer)
{
    for (; writer->next < writer->frame_count; writer->next++)
        file_count_lost(sink, writer->number);
    writer->frame_count = 0;
    writer->next = 0;
    writer->len = 0;
    writer->written = 0;
}

// Moves the account into the books of the writer's thread, which is the caller.
void file_settle(struct file_writer *writer)
{
    struct ledger *ledger = writer->writer.ledger;
    struct account account = writer->account;
    writer->account = (struct account){.delivered = 0};
    ledger->flows_waiting -= account.delivered + account.blocked + account.failed;
    ledger->flows_delivered += account.delivered;
    ledger_count(ledger, REASON_OUTPUT_BLOCKED, account.blocked);
    ledger_count(ledger, REASON_OUTPUT_FAILED, account.failed);
    writer->lossy |= account.blocked + account.failed != 0;
}

int file_writer_flush(struct sink_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    pthread_mutex_lock(&sink->lock);
    file_drain_ring(sink);
    if (sink->ring.len == 0)
        write_directly(sink, writer);
    queue(sink, writer);
    while (writer->next < writer->frame_count && may_wait(sink)) {
        pthread_mutex_unlock(&sink->lock);
        (void)file_wait_until(sink, -1);
        pthread_mutex_lock(&sink->lock);
        file_drain_ring(sink);
        queue(sink, writer);
    }
    drop_rest(sink, writer);
    file_settle(writer);
    int result = -sink->dead;
    pthread_mutex_unlock(&sink->lock);
    return result;
}

uint8_t *file_writer_room(struct sink_writer *base, size_t len)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    if (len > FILE_FRAME_MAX - sink->separator_len)
        return NULL;
    if (writer->len >= FLUSH_BYTES || writer->frame_count == FRAMES_MAX ||
        FILE_FRAME_MAX - writer->len < len + sink->separator_len)
        file_writer_flush(base); // what failed is counted; sink_write says whether the sink is dead
    return writer->buffer + writer->len;
}

int file_writer_write(struct sink_writer *base, const struct flow_view *view, const uint8_t *bytes,
                      size_t len)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    (void)view;
    if (sink->dead != 0) {
        ledger_count(base->ledger, REASON_OUTPUT_FAILED, 1);
        writer->lossy = true;
        return -sink->dead;
    }
    if (bytes != writer->buffer + writer->len) {
        uint8_t *room = file_writer_room(base, len);
        if (room == NULL) {
            ledger_count(base->ledger, REASON_OUTPUT_TOO_LARGE, 1);
            return 0;
        }
        memcpy(room, bytes, len);
    }
    memcpy(writer->buffer + writer->len + len, sink->separator, sink->separator_len);
    writer->len += len + sink->separator_len;
    assert(len + sink->separator_len != 0 && writer->len <= FILE_FRAME_MAX);
    writer->ends[writer->frame_count++] = (uint32_t)writer->len;
    base->ledger->flows_waiting++;
    return 0;
}

int file_writer_sync(struct sink_writer *base, int timeout_ms)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    int64_t deadline_ms = file_deadline(timeout_ms);
    int result = file_writer_flush(base);
    while (base->ledger->flows_waiting != 0 && (sink->failing == 0 || sink->patient) &&
           file_wait_until(sink, deadline_ms) && !sink->abandoned)
        result = file_writer_flush(base);
    if (result == 0 && base->ledger->flows_waiting != 0)
        result = sink->failing != 0 ? -sink->failing : -ETIMEDOUT;
    if (result == 0 && writer->lossy)
        result = -ENOBUFS;
    writer->lossy = false;
    return result;
}

static void release_buffer(struct file_writer *writer)
{
    if (writer->buffer != NULL)
        munmap(writer->buffer, FILE_FRAME_MAX);
    free(writer->ends);
    writer->buffer = NULL;
    writer->ends = NULL;
}

// The account stays with the sink: frames of this writer may still wait in the ring.
void file_writer_free(struct sink_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;
    file_writer_flush(base);
    release_buffer(writer);
}

static int enlist(struct file_sink *sink, struct file_writer *writer)
{
    pthread_mutex_lock(&sink->lock);
    size_t bytes = (sink->writer_count + 1) * sizeof sink->writers[0];
    struct file_writer **grown = realloc(sink->writers, bytes);
    if (grown != NULL) {
        sink->writers = grown;
        writer->number = sink->writer_count;
        sink->writers[sink->writer_count++] = writer;
    }
    pthread_mutex_unlock(&sink->lock);
    return grown == NULL ? -ENOMEM : 0;
}

struct sink_writer *file_writer_new(struct sink *base, struct ledger *ledger)
{
    struct file_sink *sink = (struct file_sink *)base;
    struct file_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->writer = (struct sink_writer){.sink = base, .ledger = ledger};
    writer->ends = malloc(FRAMES_MAX * sizeof writer->ends[0]);
    void *buffer = mmap(NULL, FILE_FRAME_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    writer->buffer = buffer == MAP_FAILED ? NULL : buffer;
    if (writer->ends != NULL && writer->buffer != NULL && enlist(sink, writer) == 0)
        return &writer->writer;
    release_buffer(writer);
    free(writer);
    return NULL;
}
