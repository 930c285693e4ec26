#include "collector/keep/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct fault *fault, const char *path, const char *what)
{
    return fault_set(fault, "%s: %s: %s", path, what, strerror(errno));
}

static int read_all(int fd, char *out, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t got = read(fd, out + at, len - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno; // it became shorter meanwhile
            return -1;
        }
        at += (size_t)got;
    }
    return 0;
}

static int read_open(char **out, size_t *len, const char *path, size_t len_max, int fd,
                     struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail(fault, path, "cannot read");
    if (!S_ISREG(status.st_mode))
        return fault_set(fault, "%s: not a regular file", path);
    if ((uintmax_t)status.st_size > len_max)
        return fault_set(fault, "%s: got %jd bytes, wanted at most %zu", path,
                         (intmax_t)status.st_size, len_max);
    size_t size = (size_t)status.st_size;
    char *bytes = malloc(size + 1);
    if (bytes == NULL || read_all(fd, bytes, size) != 0) {
        free(bytes);
        return fail(fault, path, "cannot read");
    }
    bytes[size] = '\0';
    *out = bytes;
    *len = size;
    return 0;
}

int disk_read(char **out, size_t *len, const char *path, size_t len_max, struct fault *fault)
{
    *out = NULL;
    *len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not hold the start up
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(fault, path, "cannot open");
    int result = read_open(out, len, path, len_max, fd, fault);
    close(fd);
    return result;
}

static int make_folders(const char *path)
{
    char folder[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, len + 1);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0755) != 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len != 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes += put;
        len -= (size_t)put;
    }
    return fsync(fd);
}

// The new name is on the disk only when its folder is.
static void sync_folder(const char *path)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;      // a folder that may be written but not read
    (void)fsync(fd); // some file systems cannot
    close(fd);
}

// What the file may be read by stays as its owner made it; a new one is for us alone, whatever the
// mask: it says who sends here, and what.
static int open_beside(const char *beside, const char *path)
{
    struct stat there;
    mode_t mode = stat(path, &there) == 0 ? there.st_mode & 0666 : 0600;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        (void)fchmod(fd, mode); // some file systems have no modes
    return fd;
}

int disk_replace(const char *path, const char *bytes, size_t len, struct fault *fault)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s_tmp", path);
    if (length < 0 || (size_t)length >= sizeof beside || make_folders(path) != 0)
        return fail(fault, path, "cannot make its folder");
    int fd = open_beside(beside, path);
    if (fd < 0)
        return fail(fault, beside, "cannot open");
    int result = write_all(fd, bytes, len);
    if (result != 0)
        (void)fail(fault, beside, "cannot write");
    if (close(fd) != 0 && result == 0)
        result = fail(fault, beside, "cannot write");
    if (result == 0 && rename(beside, path) != 0)
        result = fail(fault, path, "cannot replace");
    if (result == 0)
        sync_folder(path);
    else
        unlink(beside);
    return result;
}
