#include "common/sink/file.h"

#include "common/base/log.h"
#include "common/sink/outlet.h"
#include "common/sink/ring.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define FLUSH_BYTES   (256u << 10) // a writer's buffer is flushed from here on: it stays in cache
#define FRAMES_MAX    16384        // of a writer's buffer
#define WAIT_SLICE_MS 100          // how often who waits for the reader looks whether to go on

struct file_writer;

struct file_sink {
    struct sink sink;
    char *path; // NULL: stdout
    char *separator;
    size_t separator_len;
    bool blocking;
    atomic_bool abandoned;
    atomic_bool waiting; // the ring is not empty
    atomic_int dead;     // errno that ended it
    atomic_int failing;  // errno of the last write, 0 when it went well

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

static struct file_sink *sink_of(struct sink_writer *writer)
{
    return (struct file_sink *)writer->sink;
}

static void count_delivered(void *user, uint32_t owner)
{
    struct file_sink *sink = user;
    sink->writers[owner]->account.delivered++;
}

static void count_lost(void *user, uint32_t owner)
{
    struct file_sink *sink = user;
    if (sink->dead != 0 || sink->failing != 0)
        sink->writers[owner]->account.failed++;
    else
        sink->writers[owner]->account.blocked++;
}

static void note_waiting(struct file_sink *sink)
{
    atomic_store(&sink->waiting, sink->ring.len != 0);
}

static const char *name_of(const struct file_sink *sink)
{
    return sink->path == NULL ? "stdout" : sink->path;
}

static void drop_ring(struct file_sink *sink)
{
    ring_take(&sink->ring, sink->ring.len, count_lost, sink);
}

// Logs the first error of a row, and its end. The reader's end is the sink's end.
static void note_result(struct file_sink *sink, ssize_t written)
{
    int error = written < 0 ? (int)-written : 0;
    if (error == EAGAIN)
        return;
    if (error != 0 && sink->failing != error)
        log_error("output failed", "file", name_of(sink), "error", strerror(error));
    if (error == 0 && sink->failing != 0)
        log_info("output works again", "file", name_of(sink));
    atomic_store(&sink->failing, error);
    if (error != EPIPE && error != ECONNRESET && error != EBADF)
        return;
    atomic_store(&sink->dead, error);
    drop_ring(sink);
    note_waiting(sink);
}

// Writes of the ring what can be written now.
static void drain_ring(struct file_sink *sink)
{
    struct iovec pieces[2];
    while (sink->ring.len != 0) {
        int count = ring_peek(&sink->ring, pieces);
        ssize_t written = outlet_put(&sink->outlet, pieces, count);
        note_result(sink, written);
        if (written <= 0)
            break;
        ring_take(&sink->ring, (size_t)written, count_delivered, sink);
    }
    note_waiting(sink);
}

// Nothing waits before them, so the writer's own frames go out without a copy.
static void write_directly(struct file_sink *sink, struct file_writer *writer)
{
    while (writer->written < writer->len && sink->dead == 0) {
        struct iovec piece = {.iov_base = writer->buffer + writer->written,
                              .iov_len = writer->len - writer->written};
        ssize_t written = outlet_put(&sink->outlet, &piece, 1);
        note_result(sink, written);
        if (written <= 0)
            return;
        writer->written += (size_t)written;
        for (; writer->next < writer->frame_count && writer->ends[writer->next] <= writer->written;
             writer->next++)
            writer->account.delivered++;
    }
}

// Puts frames behind those that wait, as many as fit whole. A frame begun goes in front of all: it
// is begun only when nothing waits, and a ring takes any one frame.
static void queue(struct file_sink *sink, struct file_writer *writer)
{
    for (; writer->next < writer->frame_count && sink->dead == 0; writer->next++) {
        uint32_t end = writer->ends[writer->next];
        size_t begin = writer->next == 0 ? 0 : writer->ends[writer->next - 1];
        bool torn = writer->written > begin;
        if (!ring_push(&sink->ring, writer->buffer + writer->written, end - writer->written,
                       writer->number))
            break;
        sink->ring.torn |= torn;
        writer->written = end;
    }
    note_waiting(sink);
}

static bool may_wait(const struct file_sink *sink)
{
    return sink->blocking && sink->dead == 0 && sink->failing == 0 && !sink->abandoned;
}

static void drop_rest(struct file_sink *sink, struct file_writer *writer)
{
    for (; writer->next < writer->frame_count; writer->next++)
        count_lost(sink, writer->number);
    writer->frame_count = 0;
    writer->next = 0;
    writer->len = 0;
    writer->written = 0;
}

// Moves the account into the books of the writer's thread, which is the caller.
static void settle(struct file_writer *writer)
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

static int file_flush(struct sink_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    pthread_mutex_lock(&sink->lock);
    drain_ring(sink);
    if (sink->ring.len == 0)
        write_directly(sink, writer);
    queue(sink, writer);
    while (writer->next < writer->frame_count && may_wait(sink)) {
        pthread_mutex_unlock(&sink->lock);
        outlet_wait(&sink->outlet, WAIT_SLICE_MS);
        pthread_mutex_lock(&sink->lock);
        drain_ring(sink);
        queue(sink, writer);
    }
    drop_rest(sink, writer);
    settle(writer);
    int result = -sink->dead;
    pthread_mutex_unlock(&sink->lock);
    return result;
}

static uint8_t *file_room(struct sink_writer *base, size_t len)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    if (len > FILE_FRAME_MAX - sink->separator_len)
        return NULL;
    if (writer->len >= FLUSH_BYTES || writer->frame_count == FRAMES_MAX ||
        FILE_FRAME_MAX - writer->len < len + sink->separator_len)
        file_flush(base); // what failed is counted; sink_write says whether the sink is dead
    return writer->buffer + writer->len;
}

static int file_write(struct sink_writer *base, const struct flow_view *view, const uint8_t *bytes,
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
        uint8_t *room = file_room(base, len);
        if (room == NULL) {
            ledger_count(base->ledger, REASON_OUTPUT_TOO_LARGE, 1);
            writer->lossy = true;
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

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Waits for the reader until `deadline_ms`; false when it has passed. -1 is never.
static bool wait_until(struct file_sink *sink, int64_t deadline_ms)
{
    int64_t left = deadline_ms < 0 ? WAIT_SLICE_MS : deadline_ms - now_ms();
    if (left <= 0)
        return false;
    outlet_wait(&sink->outlet, left < WAIT_SLICE_MS ? (int)left : WAIT_SLICE_MS);
    return true;
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

static int file_sync(struct sink_writer *base, int timeout_ms)
{
    struct file_writer *writer = (struct file_writer *)base;
    struct file_sink *sink = sink_of(base);
    int64_t deadline_ms = deadline_of(timeout_ms);
    int result = file_flush(base);
    while (base->ledger->flows_waiting != 0 && sink->failing == 0 &&
           wait_until(sink, deadline_ms) && !sink->abandoned)
        result = file_flush(base);
    if (result == 0 && base->ledger->flows_waiting != 0)
        result = sink->failing != 0 ? -sink->failing : -ETIMEDOUT;
    if (result == 0 && writer->lossy)
        result = -ENOBUFS;
    writer->lossy = false;
    return result;
}

// A regular file is always ready and cannot be polled: what waits there waits for space.
static int file_poll_fd(struct sink *base)
{
    struct file_sink *sink = (struct file_sink *)base;
    if (!sink->waiting)
        return -1;
    pthread_mutex_lock(&sink->lock);
    int fd = sink->outlet.kind == OUTLET_FILE ? -1 : sink->outlet.fd;
    pthread_mutex_unlock(&sink->lock);
    return fd;
}

static int file_drain(struct sink *base, int timeout_ms)
{
    struct file_sink *sink = (struct file_sink *)base;
    int64_t deadline_ms = deadline_of(timeout_ms);
    int result = -EAGAIN;
    do {
        pthread_mutex_lock(&sink->lock);
        drain_ring(sink);
        if (sink->dead != 0 || sink->failing != 0)
            result = sink->dead != 0 ? -sink->dead : -sink->failing;
        else if (sink->ring.len == 0)
            result = 0;
        pthread_mutex_unlock(&sink->lock);
    } while (result == -EAGAIN && wait_until(sink, deadline_ms));
    return result;
}

// A frame begun belongs into the old file, wholly. One that cannot be finished there because the
// write fails is given up; one whose reader is behind keeps the old file for now.
static int finish_torn(struct file_sink *sink)
{
    drain_ring(sink);
    if (!sink->ring.torn || sink->ring.len == 0)
        return 0;
    if (sink->failing == 0)
        return -EAGAIN;
    log_warn("output ends inside a flow", "file", name_of(sink));
    ring_take(&sink->ring, ring_first_len(&sink->ring), count_lost, sink);
    return 0;
}

static int file_reopen(struct sink *base)
{
    struct file_sink *sink = (struct file_sink *)base;
    struct outlet fresh;
    if (sink->path == NULL)
        return 0;
    int result = outlet_open(&fresh, sink->path, false);
    if (result != 0)
        return result;
    pthread_mutex_lock(&sink->lock);
    result = finish_torn(sink);
    if (result == 0)
        result = outlet_replace(&sink->outlet, &fresh);
    else
        outlet_close(&fresh);
    if (result == 0)
        atomic_store(&sink->failing, 0);
    drain_ring(sink);
    pthread_mutex_unlock(&sink->lock);
    return result;
}

static void file_abandon(struct sink *base)
{
    atomic_store(&((struct file_sink *)base)->abandoned, true);
}

static bool file_healthy(const struct sink *base)
{
    const struct file_sink *sink = (const struct file_sink *)base;
    return sink->dead == 0 && sink->failing == 0;
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
static void file_writer_free(struct sink_writer *base)
{
    struct file_writer *writer = (struct file_writer *)base;
    file_flush(base);
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

static struct sink_writer *file_writer_new(struct sink *base, struct ledger *ledger)
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

static void release(struct file_sink *sink)
{
    ring_fini(&sink->ring);
    outlet_close(&sink->outlet);
    pthread_mutex_destroy(&sink->lock);
    free(sink->writers);
    free(sink->path);
    free(sink->separator);
    free(sink);
}

static void file_close(struct sink *base)
{
    struct file_sink *sink = (struct file_sink *)base;
    drain_ring(sink);
    drop_ring(sink);
    for (uint32_t i = 0; i < sink->writer_count; i++) {
        settle(sink->writers[i]);
        free(sink->writers[i]);
    }
    release(sink);
}

static int init(struct file_sink *sink, const struct sink_options *options)
{
    const char *separator = options->separator == NULL ? "" : options->separator;
    bool named = options->path != NULL && *options->path != '\0';
    sink->sink.ops = &SINK_FILE;
    sink->blocking = options->blocking;
    sink->separator = strdup(separator);
    sink->separator_len = strlen(separator);
    sink->path = named ? strdup(options->path) : NULL;
    if (sink->separator == NULL || (named && sink->path == NULL))
        return -ENOMEM;
    if (sink->separator_len >= FILE_FRAME_MAX)
        return -EINVAL;
    size_t ring_bytes = options->buffer_bytes < FILE_FRAME_MAX ? FILE_FRAME_MAX
                                                               : options->buffer_bytes;
    int result = ring_init(&sink->ring, ring_bytes);
    return result != 0 ? result : outlet_open(&sink->outlet, sink->path, true);
}

static struct sink *file_open(const struct sink_options *options)
{
    struct file_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return NULL;
    pthread_mutex_init(&sink->lock, NULL);
    sink->outlet.fd = -1;
    int result = init(sink, options);
    if (result != 0) {
        log_error("cannot open the output", "file", name_of(sink), "error", strerror(-result));
        release(sink);
        return NULL;
    }
    // A reader that goes away, or a file at its limit, is an error of the write and not the end of
    // the process.
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return &sink->sink;
}

const struct sink_ops SINK_FILE = {
    .name = "file",
    .wants_fields = false,
    .open = file_open,
    .writer_new = file_writer_new,
    .writer_free = file_writer_free,
    .room = file_room,
    .write = file_write,
    .flush = file_flush,
    .sync = file_sync,
    .poll_fd = file_poll_fd,
    .drain = file_drain,
    .reopen = file_reopen,
    .abandon = file_abandon,
    .healthy = file_healthy,
    .close = file_close,
};
