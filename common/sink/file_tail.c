#include "common/sink/file_tail.h"

#include "common/flow/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define WINDOW_BYTES     (1u << 20)
#define WINDOW_BYTES_MAX (64u << 20)
#define FRAMES_SURE      8   // in a row: chance makes no such chain
#define LOOK_MS          200 // a file that another process writes to grows in that time

// The last bytes of the file.
struct window {
    uint8_t *data;
    size_t len;
    bool from_begin; // all of it
};

// Frames one behind the other: where they end, and what stands there.
struct chain {
    size_t end;
    size_t frames;
    bool whole;     // nothing
    bool separated; // the last one has its separator
    bool begun;     // the beginning of another one
};

// All that is there is the beginning of a frame. A few bytes are no proof: any small file of
// somebody else's may begin so.
static bool is_begun(const struct window *w)
{
    size_t head;
    size_t body;
    return w->len >= WIRE_VARINT_MAX && wire_frame(w->data, w->len, &head, &body) == WIRE_MORE &&
           wire_is_flow(w->data + head, w->len - head, false);
}

static struct chain follow(const struct window *w, size_t at, bool lines)
{
    struct chain chain = {.end = at, .separated = true};
    while (chain.end < w->len) {
        size_t head;
        size_t body;
        const uint8_t *frame = w->data + chain.end;
        enum wire_frame found = wire_frame(frame, w->len - chain.end, &head, &body);
        chain.begun = found == WIRE_MORE;
        if (found != WIRE_FRAME || !wire_is_flow(frame + head, body, true))
            return chain;
        size_t end = chain.end + head + body;
        chain.separated = !lines || (end < w->len && w->data[end] == '\n');
        if (!chain.separated && end < w->len)
            return chain;
        chain.end = end + (lines && chain.separated);
        chain.frames++;
    }
    chain.whole = true;
    return chain;
}

static bool is_sure(const struct window *w, size_t at, const struct chain *chain)
{
    if (chain->frames >= FRAMES_SURE)
        return true;
    return w->from_begin && at == 0 && (chain->frames != 0 || is_begun(w));
}

// The frames that reach to the end, or into the one that is begun there; wherever they begin, since
// an earlier process may have left a tear in the middle. False when there are none.
static bool find_chain(const struct window *w, bool lines, struct chain *chain)
{
    for (size_t at = 0; at < w->len;) {
        *chain = follow(w, at, lines);
        bool sure = is_sure(w, at, chain);
        if (sure && (chain->whole || chain->begun))
            return true;
        at = chain->frames >= FRAMES_SURE ? chain->end : at + 1;
    }
    return false;
}

static bool read_at(int fd, uint8_t *data, size_t len, off_t at)
{
    while (len != 0) {
        ssize_t got = pread(fd, data, len, at);
        if (got <= 0)
            return false;
        data += got;
        len -= (size_t)got;
        at += got;
    }
    return true;
}

// Looks at more and more of the file, until its frames are found.
static bool find_end(int fd, off_t size, bool lines, struct chain *chain, size_t *behind)
{
    bool found = false;
    bool all = false;
    for (off_t room = WINDOW_BYTES; !found && !all && room <= WINDOW_BYTES_MAX; room *= 8) {
        struct window w = {.from_begin = size <= room, .len = (size_t)(size < room ? size : room)};
        w.data = malloc(w.len);
        bool read = w.data != NULL && read_at(fd, w.data, w.len, size - (off_t)w.len);
        all = w.from_begin || !read;
        if (read)
            found = find_chain(&w, lines, chain);
        *behind = found ? w.len - chain->end : 0;
        free(w.data);
    }
    return found;
}

static bool ends_with(int fd, off_t size, const char *separator)
{
    char last[256];
    size_t len = strlen(separator);
    if (len > sizeof last || (off_t)len > size)
        return false;
    return read_at(fd, (uint8_t *)last, len, size - (off_t)len) &&
           memcmp(last, separator, len) == 0;
}

// What is to be done about it.
static enum file_tail judge(int fd, off_t size, const char *separator, bool framed, size_t *cut)
{
    struct chain chain;
    bool lines = strcmp(separator, "\n") == 0;
    if (!framed || (*separator != '\0' && !lines))
        return ends_with(fd, size, separator) ? FILE_TAIL_WHOLE : FILE_TAIL_SEPARATED;
    if (!find_end(fd, size, lines, &chain, cut))
        return FILE_TAIL_UNKNOWN;
    if (chain.whole)
        return chain.separated ? FILE_TAIL_WHOLE : FILE_TAIL_SEPARATED;
    return FILE_TAIL_CUT;
}

static bool is_busy(const struct outlet *outlet, off_t size)
{
    struct stat status;
    poll(NULL, 0, LOOK_MS);
    return fstat(outlet->fd, &status) != 0 || status.st_size != size;
}

static enum file_tail mend(const struct outlet *outlet, const char *separator, bool framed,
                           bool claimed, size_t *cut)
{
    struct stat status;
    if (outlet->kind != OUTLET_FILE || fstat(outlet->fd, &status) != 0 ||
        !S_ISREG(status.st_mode) || status.st_size == 0 ||
        (fcntl(outlet->fd, F_GETFL) & O_APPEND) == 0 || outlet->own < 0)
        return FILE_TAIL_WHOLE;
    enum file_tail tail = judge(outlet->own, status.st_size, separator, framed, cut);
    if (tail == FILE_TAIL_WHOLE || tail == FILE_TAIL_UNKNOWN)
        return tail;
    if (!claimed || is_busy(outlet, status.st_size))
        return FILE_TAIL_BUSY;
    struct iovec piece = {.iov_base = (char *)separator, .iov_len = strlen(separator)};
    bool mended = tail == FILE_TAIL_CUT ? ftruncate(outlet->fd, status.st_size - (off_t)*cut) == 0
                                        : outlet_put(outlet, &piece, 1) == (ssize_t)piece.iov_len;
    return mended ? tail : FILE_TAIL_UNKNOWN;
}

// One of ours that waits for flows writes nothing for a while: it is known by its lock, any other
// program by what it writes.
enum file_tail file_tail_mend(const struct outlet *outlet, const char *separator, bool framed,
                              size_t *cut)
{
    *cut = 0;
    bool claimed = outlet_claim(outlet);
    enum file_tail tail = mend(outlet, separator, framed, claimed, cut);
    outlet_hold(outlet);
    return tail;
}
