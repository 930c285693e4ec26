#include "enricher/source/stdin.h"

#include "common/base/log.h"
#include "common/flow/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES   (128u << 10) // larger ones leave the cache before they are looked at
#define BUFFER_BYTES (WIRE_FRAME_MAX + 16 + READ_BYTES) // a frame, its length, a newline, a read
#define PIPE_BYTES   (1 << 20)                          // Linux's limit for who has no privileges

enum separation {
    SEPARATION_UNKNOWN, // no frame boundary seen yet
    SEPARATION_NONE,
    SEPARATION_NEWLINE,
};

#define FRAMES_SURE 3          // in a row: chance hardly makes such a chain
#define SEARCH_MAX  (8u << 20) // bytes without frames, from which on the input is something else

struct stdin_source {
    struct source source;
    int fd;
    bool at_end;     // of the file
    bool past_first; // a frame was handed out: the bytes begin at a boundary between two
    enum separation separation;
    bool damaged;    // some of it was no flows
    bool searching;  // for frames, behind what is none
    uint64_t lost;   // where that begins in the input
    uint64_t offset; // of the buffer's first byte in the input
    size_t begin;    // not handed out yet, from here on
    size_t end;
    uint8_t buffer[BUFFER_BYTES];
};

static bool is_protobuf(const uint8_t *body, size_t len)
{
    struct cursor c = cursor_over(body, len);
    struct wire_field field;
    int more;
    while ((more = wire_next(&c, &field)) == 1)
        ;
    return more == 0;
}

// Whether a frame stands at `at`: WIRE_MORE when the bytes do not suffice to say so.
static enum wire_frame look(const uint8_t *at, const uint8_t *end)
{
    size_t head;
    size_t body;
    enum wire_frame found = wire_frame(at, (size_t)(end - at), &head, &body);
    if (found != WIRE_FRAME)
        return found;
    return is_protobuf(at + head, body) ? WIRE_FRAME : WIRE_INVALID;
}

// Decides at the first boundary, where the byte is a newline, whether that separates frames or is
// the length of a frame of ten bytes.
static enum separation decide(const struct stdin_source *in, const uint8_t *at)
{
    const uint8_t *end = in->buffer + in->end;
    if (*at != '\n')
        return SEPARATION_NONE;
    if (at + 1 == end)
        return in->at_end ? SEPARATION_NEWLINE : SEPARATION_UNKNOWN;
    enum wire_frame behind = look(at + 1, end);
    if (behind == WIRE_MORE && !in->at_end)
        return SEPARATION_UNKNOWN;
    if (behind == WIRE_MORE)
        behind = look(at, end) == WIRE_FRAME ? WIRE_INVALID : WIRE_FRAME;
    return behind == WIRE_FRAME ? SEPARATION_NEWLINE : SEPARATION_NONE;
}

// Takes the decision when it is due. False: more bytes are needed for it.
static bool settle_separation(struct stdin_source *in, const uint8_t *at)
{
    if (in->separation != SEPARATION_UNKNOWN)
        return true;
    in->separation = decide(in, at);
    if (in->separation == SEPARATION_NEWLINE)
        log_warn("newlines between the flows of the input: give the collector "
                 "-transport.file.sep= to save them");
    return in->separation != SEPARATION_UNKNOWN;
}

// What scan says of the bytes behind the whole frames.
enum tail {
    TAIL_PART,    // a part of a frame, or nothing
    TAIL_INVALID, // no frame
};

// Finds the whole frames in the buffer: they end at *end. A newline before the first of them is
// skipped: in->begin moves.
static enum tail scan(struct stdin_source *in, size_t *end)
{
    size_t at = in->begin;
    *end = in->begin;
    while (at < in->end) {
        size_t head;
        size_t body;
        if (in->past_first) {
            if (!settle_separation(in, in->buffer + at))
                return TAIL_PART;
            if (in->separation == SEPARATION_NEWLINE && in->buffer[at++] != '\n')
                return TAIL_INVALID;
        }
        enum wire_frame found = wire_frame(in->buffer + at, in->end - at, &head, &body);
        if (found != WIRE_FRAME)
            return found == WIRE_MORE ? TAIL_PART : TAIL_INVALID;
        if (*end == in->begin)
            in->begin = at;
        at += head + body;
        *end = at;
        in->past_first = true;
    }
    return TAIL_PART;
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static enum source_result read_more(struct stdin_source *in)
{
    memmove(in->buffer, in->buffer + in->begin, in->end - in->begin);
    in->offset += in->begin;
    in->end -= in->begin;
    in->begin = 0;
    if (!is_readable(in->fd))
        return SOURCE_IDLE;
    ssize_t got = read(in->fd, in->buffer + in->end, READ_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return SOURCE_IDLE;
    if (got < 0) {
        log_error("stdin: cannot be read", "error", strerror(errno));
        return SOURCE_FAILED;
    }
    in->at_end = got == 0;
    in->end += (size_t)got;
    return SOURCE_BLOCK;
}

// Where the frame begins that is not whole or not one, for messages.
static uint64_t frame_offset(const struct stdin_source *in)
{
    bool newline = in->separation == SEPARATION_NEWLINE && in->past_first;
    return in->offset + in->begin + (newline && in->buffer[in->begin] == '\n');
}

static enum source_result finish(struct stdin_source *in)
{
    bool newline = in->end - in->begin == 1 && in->separation == SEPARATION_NEWLINE;
    if (in->end == in->begin || newline)
        return in->damaged ? SOURCE_FAILED : SOURCE_END;
    source_log_invalid(&in->source, frame_offset(in), "the input ends inside a flow");
    return SOURCE_FAILED;
}

enum probe {
    PROBE_FRAMES,
    PROBE_NONE,
    PROBE_MORE, // bytes are needed to say so
};

// What so many frames say when the bytes come to their end: more of them, as far as there is room.
static enum probe judge(const struct stdin_source *in, unsigned frames)
{
    bool room = in->end - in->begin <= BUFFER_BYTES - READ_BYTES;
    return !in->at_end && room ? PROBE_MORE : frames != 0 ? PROBE_FRAMES : PROBE_NONE;
}

// Whether frames begin there: some in a row, or as many as there are up to the end of the input.
static enum probe probe(const struct stdin_source *in, size_t at)
{
    for (unsigned frames = 0; frames < FRAMES_SURE; frames++) {
        size_t head = 0;
        size_t body = 0;
        if (frames != 0 && at < in->end && in->separation == SEPARATION_NEWLINE &&
            in->buffer[at++] != '\n')
            return PROBE_NONE;
        if (at == in->end)
            return judge(in, frames);
        enum wire_frame found = wire_frame(in->buffer + at, in->end - at, &head, &body);
        size_t here = found == WIRE_FRAME ? body : in->end - at - head;
        bool begun = found == WIRE_MORE && in->end - at < WIRE_VARINT_MAX;
        if (found == WIRE_INVALID ||
            (!begun && !wire_is_flow(in->buffer + at + head, here, found == WIRE_FRAME)))
            return PROBE_NONE;
        if (found == WIRE_MORE)
            return judge(in, frames);
        at += head + body;
    }
    return PROBE_FRAMES;
}

// What is left out is said to the byte. False: there are no frames behind it, or none at all, and
// then it is not ours to look for some.
static bool begin_search(struct stdin_source *in, uint64_t from)
{
    in->begin = (size_t)(from - in->offset);
    in->lost = from;
    in->damaged = true;
    in->searching = from != 0;
    in->begin += in->searching;
    return in->searching;
}

static void end_search(struct stdin_source *in)
{
    in->searching = false;
    in->past_first = false; // no separator before the first of them
    log_warn("stdin: bytes that are no flows were left out", "from", log_unsigned(in->lost).text,
             "bytes", log_unsigned(in->offset + in->begin - in->lost).text);
}

// SOURCE_BLOCK: frames begin at in->begin.
static enum source_result search(struct stdin_source *in)
{
    for (;;) {
        enum probe found = PROBE_NONE;
        while (in->begin < in->end && (found = probe(in, in->begin)) == PROBE_NONE)
            in->begin++;
        if (found == PROBE_FRAMES) {
            end_search(in);
            return SOURCE_BLOCK;
        }
        if (in->at_end || in->offset + in->begin - in->lost > SEARCH_MAX) {
            log_warn("stdin: no flows behind it, the rest was left out", "from",
                     log_unsigned(in->lost).text);
            return SOURCE_FAILED;
        }
        enum source_result result = read_more(in);
        if (result != SOURCE_BLOCK)
            return result;
    }
}

static enum source_result stdin_next(struct source *source, struct source_block *block)
{
    struct stdin_source *in = (struct stdin_source *)source;
    for (;;) {
        size_t end;
        enum source_result found = in->searching ? search(in) : SOURCE_BLOCK;
        if (found != SOURCE_BLOCK)
            return found;
        enum tail tail = scan(in, &end);
        if (end != in->begin) {
            *block = (struct source_block){
                .data = in->buffer + in->begin,
                .len = end - in->begin,
                .lines = in->separation == SEPARATION_NEWLINE,
                .offset = in->offset + in->begin,
            };
            in->begin = end;
            return SOURCE_BLOCK;
        }
        if (tail == TAIL_INVALID) {
            source_log_invalid(source, frame_offset(in), "not a flow");
            if (!begin_search(in, frame_offset(in)))
                return SOURCE_FAILED;
            continue;
        }
        if (in->at_end)
            return finish(in);
        enum source_result result = read_more(in);
        if (result != SOURCE_BLOCK)
            return result;
    }
}

// A pipe cannot give a block back.
static void stdin_answer(struct source *source, const struct source_block *block,
                         enum source_answer answer)
{
    (void)source;
    (void)block;
    (void)answer;
}

static bool stdin_skip(struct source *source, const struct source_block *block, size_t at)
{
    return begin_search((struct stdin_source *)source, block->offset + at);
}

static int stdin_fd(const struct source *source)
{
    return ((const struct stdin_source *)source)->fd;
}

// A file can be read again.
static int64_t stdin_unread(const struct source *source)
{
    const struct stdin_source *in = (const struct stdin_source *)source;
    struct stat status;
    int waiting = 0;
    if (fstat(in->fd, &status) != 0 || S_ISREG(status.st_mode) ||
        ioctl(in->fd, FIONREAD, &waiting) != 0)
        return -1;
    return (int64_t)(in->end - in->begin) + waiting;
}

static void stdin_close(struct source *source)
{
    free(source);
}

static const struct source_ops STDIN = {
    .name = "stdin",
    .acknowledges = false,
    .next = stdin_next,
    .answer = stdin_answer,
    .skip = stdin_skip,
    .fd = stdin_fd,
    .unread = stdin_unread,
    .close = stdin_close,
};

struct source *stdin_open(int fd)
{
    struct stdin_source *in = calloc(1, sizeof *in);
    if (in == NULL)
        return NULL;
    in->source.ops = &STDIN;
    in->fd = fd;
    if (isatty(fd))
        log_warn("stdin is a terminal, flows are expected there", "from",
                 "goflow2plus -format=bin -transport.file.sep=");
    // Fewer and larger reads; what is no pipe refuses, and that is as well.
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    return &in->source;
}
