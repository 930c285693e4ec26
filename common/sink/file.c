#include "common/sink/file.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/file_check.h"
#include "common/sink/file_state.h"
#include "common/sink/file_tail.h"
#include "common/sink/sink_state.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STALL_NS (3 * CLOCK_NS_PER_S) // without a byte taken: the reader stands still

static void count_delivered(void *user, uint32_t owner)
{
    struct file_sink *sink = user;
    sink->writers[owner]->account.delivered++;
}

void file_count_lost(void *user, uint32_t owner)
{
    struct file_sink *sink = user;
    if (sink->dead != 0 || sink->failing != 0)
        sink->writers[owner]->account.failed++;
    else
        sink->writers[owner]->account.blocked++;
}

void file_note_waiting(struct file_sink *sink)
{
    atomic_store(&sink->waiting, sink->ring.len != 0);
}

static const char *name_of(const struct file_sink *sink)
{
    return sink->path == NULL ? "stdout" : sink->path;
}

static void drop_ring(struct file_sink *sink)
{
    ring_take(&sink->ring, sink->ring.len, file_count_lost, sink);
}

static void note_stall(struct file_sink *sink, bool stalls)
{
    long long since_ns = atomic_load_explicit(&sink->stalled_ns, memory_order_relaxed);
    if (stalls != (since_ns != 0))
        atomic_store(&sink->stalled_ns, stalls ? clock_steady_ns() : 0);
}

// Logs the first error of a row, and its end. A piece of a frame goes into a full disk too: that is
// no end. The reader's end is the sink's end.
void file_note_result(struct file_sink *sink, ssize_t written, bool whole)
{
    int error = written < 0 ? (int)-written : 0;
    note_stall(sink, error == EAGAIN);
    if (error == EAGAIN || (error == 0 && !whole))
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
    file_note_waiting(sink);
}

// A file ends with a whole frame also while it is full: what is begun there is taken out of it.
static void take_back(struct file_sink *sink)
{
    if (sink->ring.begun != 0 && sink->ring.begun_here &&
        outlet_cut(&sink->outlet, sink->ring.begun))
        ring_take_back(&sink->ring);
}

// Writes of the ring what can be written now.
void file_drain_ring(struct file_sink *sink)
{
    struct iovec pieces[2];
    while (sink->ring.len != 0) {
        int count = ring_peek(&sink->ring, pieces);
        ssize_t written = outlet_put(&sink->outlet, pieces, count);
        size_t frames = sink->ring.frame_count;
        if (written > 0)
            ring_take(&sink->ring, (size_t)written, count_delivered, sink);
        file_note_result(sink, written, sink->ring.frame_count != frames);
        if (written <= 0) {
            take_back(sink);
            break;
        }
    }
    file_note_waiting(sink);
}

// Waits for the reader until `deadline_ms`; false when it has passed. -1 is never.
bool file_wait_until(struct file_sink *sink, int64_t deadline_ms)
{
    int64_t left = deadline_ms < 0 ? FILE_WAIT_SLICE_MS : deadline_ms - clock_steady_ms();
    if (left <= 0)
        return false;
    int slice_ms = left < FILE_WAIT_SLICE_MS ? (int)left : FILE_WAIT_SLICE_MS;
    // A file can always be polled as ready.
    if (sink->failing != 0)
        poll(NULL, 0, slice_ms);
    else
        outlet_wait(&sink->outlet, slice_ms);
    return true;
}

int64_t file_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : clock_steady_ms() + timeout_ms;
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
    int64_t deadline_ms = file_deadline(timeout_ms);
    int result = -EAGAIN;
    do {
        pthread_mutex_lock(&sink->lock);
        file_drain_ring(sink);
        if (sink->dead != 0 || sink->failing != 0)
            result = sink->dead != 0 ? -sink->dead : -sink->failing;
        else if (sink->ring.len == 0)
            result = 0;
        pthread_mutex_unlock(&sink->lock);
    } while (result == -EAGAIN && file_wait_until(sink, deadline_ms));
    return result;
}

// A frame begun belongs into the old file, wholly. One that cannot be finished there because the
// write fails is given up; one whose reader is behind keeps the old file for now.
static int finish_torn(struct file_sink *sink)
{
    file_drain_ring(sink);
    if (sink->ring.begun == 0 || sink->ring.len == 0)
        return 0;
    if (sink->failing == 0)
        return -EAGAIN;
    log_warn("output ends inside a flow", "file", name_of(sink));
    ring_take(&sink->ring, ring_first_len(&sink->ring), file_count_lost, sink);
    return 0;
}

// What a process that was killed left at the end of the file.
static void mend_tail(const struct file_sink *sink, const struct outlet *outlet)
{
    static const char *const said[] = {
        [FILE_TAIL_WHOLE] = NULL,
        [FILE_TAIL_CUT] = "the file ended inside a flow, which was cut off",
        [FILE_TAIL_SEPARATED] = "the file ended inside a flow: it goes on behind a separator",
        [FILE_TAIL_UNKNOWN] = "the file does not end with a flow: what follows may not be readable",
        [FILE_TAIL_BUSY] = "another process writes to the file",
    };
    size_t cut;
    enum file_tail tail = file_tail_mend(outlet, sink->separator, sink->framed, &cut);
    if (said[tail] != NULL)
        log_warn(said[tail], "file", name_of(sink), "bytes", log_unsigned(cut).text);
}

// What we write to ourselves is being written, as long as it was not moved away.
static bool is_same_file(const struct outlet *a, const struct outlet *b)
{
    struct stat one;
    struct stat other;
    return fstat(a->fd, &one) == 0 && fstat(b->fd, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
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
    if (!is_same_file(&fresh, &sink->outlet))
        mend_tail(sink, &fresh);
    else
        outlet_hold(&fresh);
    pthread_mutex_lock(&sink->lock);
    result = finish_torn(sink);
    if (result == 0)
        result = outlet_replace(&sink->outlet, &fresh);
    else
        outlet_close(&fresh);
    if (result == 0) {
        atomic_store(&sink->failing, 0);
        note_stall(sink, false);
    }
    file_drain_ring(sink);
    pthread_mutex_unlock(&sink->lock);
    return result;
}

static void file_abandon(struct sink *base)
{
    atomic_store(&((struct file_sink *)base)->abandoned, true);
}

static int64_t stalled_for_ns(const struct file_sink *sink)
{
    long long since_ns = atomic_load(&sink->stalled_ns);
    return since_ns == 0 ? 0 : clock_steady_ns() - since_ns;
}

static bool file_healthy(const struct sink *base)
{
    const struct file_sink *sink = (const struct file_sink *)base;
    return sink->dead == 0 && sink->failing == 0 && stalled_for_ns(sink) < STALL_NS;
}

static void file_state(struct sink *base, struct sink_state *state)
{
    struct file_sink *sink = (struct file_sink *)base;
    int error = sink->dead != 0 ? sink->dead : sink->failing;
    int64_t stalled_ns = stalled_for_ns(sink);
    pthread_mutex_lock(&sink->lock);
    state->buffer = (struct sink_fill){.bytes = sink->ring.len, .limit = sink->ring.cap};
    pthread_mutex_unlock(&sink->lock);
    if (error != 0)
        fault_set(&state->trouble, "%s: %s", name_of(sink), strerror(error));
    else if (stalled_ns >= STALL_NS)
        fault_set(&state->trouble, "the reader of %s has taken nothing for %lld s", name_of(sink),
                  (long long)(stalled_ns / CLOCK_NS_PER_S));
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
    file_drain_ring(sink);
    if (sink->ring.begun != 0 && sink->ring.len != 0)
        log_warn("output ends inside a flow", "file", name_of(sink));
    drop_ring(sink);
    for (uint32_t i = 0; i < sink->writer_count; i++) {
        file_settle(sink->writers[i]);
        free(sink->writers[i]);
    }
    release(sink);
}

static int init(struct file_sink *sink, const struct sink_options *options)
{
    const char *separator = options->separator == NULL ? "" : options->separator;
    bool named = options->path != NULL && *options->path != '\0';
    sink->sink.ops = &SINK_FILE;
    sink->framed = options->framed;
    sink->blocking = options->blocking;
    sink->patient = options->blocking && options->patient;
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
    if (result == 0)
        result = outlet_open(&sink->outlet, sink->path, true);
    if (result == 0)
        mend_tail(sink, &sink->outlet);
    return result;
}

static struct sink *file_open(const struct sink_options *options)
{
    struct file_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return NULL;
    pthread_mutex_init(&sink->lock, NULL);
    sink->outlet.fd = -1;
    // A reader that goes away, or a file at its limit, is an error of the write and not the end of
    // the process; the end of a file is mended before the first flow.
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    int result = init(sink, options);
    if (result != 0) {
        log_error("cannot open the output", "file", name_of(sink), "error", strerror(-result));
        release(sink);
        return NULL;
    }
    return &sink->sink;
}

const struct sink_ops SINK_FILE = {
    .name = "file",
    .open = file_open,
    .check = file_check,
    .writer_new = file_writer_new,
    .writer_free = file_writer_free,
    .room = file_writer_room,
    .write = file_writer_write,
    .flush = file_writer_flush,
    .sync = file_writer_sync,
    .poll_fd = file_poll_fd,
    .drain = file_drain,
    .reopen = file_reopen,
    .abandon = file_abandon,
    .healthy = file_healthy,
    .state = file_state,
    .close = file_close,
};
