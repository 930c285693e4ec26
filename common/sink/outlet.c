#include "common/sink/outlet.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIPE_BYTES_DEFAULT (1 << 20) // pipe-max-size as the kernel sets it
#define HOLD_MS            5000      // at most, for one who mends the file
#define HOLD_SLICE_MS      20

static int pipe_bytes_max(void)
{
    char text[32];
    int fd = open("/proc/sys/fs/pipe-max-size", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return PIPE_BYTES_DEFAULT;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    text[len < 0 ? 0 : len] = '\0';
    long bytes = strtol(text, NULL, 10);
    return bytes <= 0 || bytes > INT_MAX ? PIPE_BYTES_DEFAULT : (int)bytes;
}

// A larger pipe saves wake-ups of the reader. What is granted depends on what all pipes of the user
// hold together, so smaller sizes are tried as well.
static void enlarge(int fd)
{
    int now = fcntl(fd, F_GETPIPE_SZ);
    for (int bytes = pipe_bytes_max(); bytes > now; bytes /= 2)
        if (fcntl(fd, F_SETPIPE_SZ, bytes) >= 0)
            return;
}

// A description of our own for the same file, pipe or terminal; -1 when it may not be opened.
static int open_anew(int fd, int flags)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_NOCTTY | O_CLOEXEC);
}

// Makes `fd`, which may be shared, into an outlet. It is taken over unless it is stdout.
static int adopt(struct outlet *outlet, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    *outlet = (struct outlet){.fd = fd, .kind = OUTLET_FILE, .own = -1};
    if (S_ISREG(status.st_mode))
        outlet->own = open_anew(fd, O_RDONLY);
    if (S_ISSOCK(status.st_mode))
        outlet->kind = OUTLET_SOCKET;
    if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
        return 0;
    outlet->kind = OUTLET_STREAM;
    int own = open_anew(fd, O_WRONLY | O_NONBLOCK);
    if (own >= 0 && fd != STDOUT_FILENO)
        close(fd);
    if (own >= 0)
        outlet->fd = own;
    else if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0)
        outlet->kind = OUTLET_CAREFUL;
    if (S_ISFIFO(status.st_mode))
        enlarge(outlet->fd);
    return 0;
}

static int open_path(const char *path, bool wait_reader)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC;
    int fd = open(path, flags | O_NONBLOCK, 0644);
    if (fd < 0 && errno == ENXIO && wait_reader) {
        log_info("waiting for a reader of the output", "file", path);
        fd = open(path, flags, 0644);
    }
    return fd < 0 ? -errno : fd;
}

int outlet_open(struct outlet *outlet, const char *path, bool wait_reader)
{
    int fd = STDOUT_FILENO;
    if (path != NULL && *path != '\0')
        fd = open_path(path, wait_reader);
    if (fd < 0)
        return fd;
    int result = adopt(outlet, fd);
    if (result != 0 && fd != STDOUT_FILENO)
        close(fd);
    return result;
}

static void close_own(struct outlet *outlet)
{
    if (outlet->fd >= 0 && outlet->own >= 0)
        close(outlet->own);
    outlet->own = -1;
}

void outlet_close(struct outlet *outlet)
{
    close_own(outlet);
    if (outlet->fd >= 0 && outlet->fd != STDOUT_FILENO)
        close(outlet->fd);
    outlet->fd = -1;
}

int outlet_replace(struct outlet *outlet, struct outlet *fresh)
{
    int result = dup3(fresh->fd, outlet->fd, O_CLOEXEC) < 0 ? -errno : 0;
    if (result == 0) {
        close_own(outlet);
        outlet->kind = fresh->kind;
        outlet->own = fresh->own;
        fresh->own = -1;
    }
    outlet_close(fresh);
    return result;
}

// False when another description holds a lock that is in the way of it.
static bool lock(const struct outlet *outlet, int kind)
{
    return outlet->own < 0 || flock(outlet->own, kind | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool outlet_claim(const struct outlet *outlet)
{
    return lock(outlet, LOCK_EX);
}

void outlet_hold(const struct outlet *outlet)
{
    for (int waited_ms = 0; !lock(outlet, LOCK_SH) && waited_ms < HOLD_MS;
         waited_ms += HOLD_SLICE_MS)
        poll(NULL, 0, HOLD_SLICE_MS);
}

// Linux reports a pipe as writable when a page of it is free: that much never waits.
static ssize_t put_careful(int fd, const struct iovec *pieces)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) <= 0)
        return -EAGAIN;
    size_t len = pieces[0].iov_len < PIPE_BUF ? pieces[0].iov_len : PIPE_BUF;
    ssize_t written = write(fd, pieces[0].iov_base, len);
    return written < 0 ? -errno : written;
}

ssize_t outlet_put(const struct outlet *outlet, const struct iovec *pieces, int count)
{
    for (;;) {
        ssize_t written = -1;
        if (outlet->kind == OUTLET_CAREFUL) {
            written = put_careful(outlet->fd, pieces);
        } else if (outlet->kind == OUTLET_SOCKET) {
            struct msghdr message = {.msg_iov = (struct iovec *)pieces,
                                     .msg_iovlen = (size_t)count};
            written = sendmsg(outlet->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            written = written < 0 ? -errno : written;
        } else {
            written = writev(outlet->fd, pieces, count);
            written = written < 0 ? -errno : written;
        }
        if (written != -EINTR)
            return written;
    }
}

// The offset of a description is behind what it wrote last, appending or not.
bool outlet_cut(const struct outlet *outlet, size_t len)
{
    struct stat status;
    if (outlet->kind != OUTLET_FILE || fstat(outlet->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    off_t end = lseek(outlet->fd, 0, SEEK_CUR);
    if (end != status.st_size || end < (off_t)len || ftruncate(outlet->fd, end - (off_t)len) != 0)
        return false;
    return lseek(outlet->fd, end - (off_t)len, SEEK_SET) >= 0;
}

void outlet_wait(const struct outlet *outlet, int timeout_ms)
{
    struct pollfd ready = {.fd = outlet->fd, .events = POLLOUT};
    poll(&ready, 1, timeout_ms);
}
