#include "common/sink/nats/spool_file.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES (256u << 10)

int spool_file_open(struct spool_file *file, const char *path, uint64_t *len, struct fault *fault)
{
    struct stat status;
    *file = (struct spool_file){.fd = -1};
    if (snprintf(file->path, sizeof file->path, "%s", path) >= (int)sizeof file->path)
        return fault_set(fault, "%s: name too long", path);
    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return fault_set(fault, "%s: %s, wanted a file to write to", path, strerror(errno));
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        return fault_set(fault, "%s: used by another process, wanted a directory for each", path);
    if (fstat(file->fd, &status) != 0)
        return fault_set(fault, "%s: %s", path, strerror(errno));
    *len = file->peak = (uint64_t)status.st_size;
    ssize_t n = pread(file->fd, &file->header, sizeof file->header, 0);
    if (n < 0)
        return fault_set(fault, "%s: %s", path, strerror(errno));
    if ((size_t)n < sizeof file->header)
        memset(&file->header, 0, sizeof file->header);
    return 0;
}

void spool_file_close(struct spool_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

static int write_all(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
    while (len != 0) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t len, uint64_t offset)
{
    while (len != 0) {
        ssize_t n = pread(fd, bytes, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        bytes += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

// The bytes up to the ring's end.
static size_t up_to_end(const struct spool_file *file, size_t len, uint64_t position)
{
    uint64_t room = file->header.capacity - position % file->header.capacity;
    return room < len ? (size_t)room : len;
}

static uint64_t offset_of(const struct spool_file *file, uint64_t position)
{
    return SPOOL_HEADER_BYTES + position % file->header.capacity;
}

int spool_file_read(const struct spool_file *file, void *bytes, size_t len, uint64_t position)
{
    size_t first = up_to_end(file, len, position);
    int result = read_all(file->fd, bytes, first, offset_of(file, position));
    if (result == 0 && first < len)
        result = read_all(file->fd, (uint8_t *)bytes + first, len - first, SPOOL_HEADER_BYTES);
    return result;
}

int spool_file_write(struct spool_file *file, const void *bytes, size_t len, uint64_t position)
{
    size_t first = up_to_end(file, len, position);
    uint64_t offset = offset_of(file, position);
    int result = write_all(file->fd, bytes, first, offset);
    if (result == 0 && first < len)
        result = write_all(file->fd, (const uint8_t *)bytes + first, len - first,
                           SPOOL_HEADER_BYTES);
    if (result == 0 && offset + first > file->peak)
        file->peak = offset + first;
    return result;
}

uint64_t spool_file_skip(const struct spool_file *file, uint64_t position)
{
    if (offset_of(file, position) < file->peak)
        return position;
    return position + up_to_end(file, SIZE_MAX, position);
}

int spool_file_store(struct spool_file *file)
{
    static const uint8_t zeros[SPOOL_HEADER_BYTES];
    int result = 0;
    if (file->peak < SPOOL_HEADER_BYTES)
        result = write_all(file->fd, zeros, sizeof zeros, 0);
    if (result == 0)
        result = write_all(file->fd, (const uint8_t *)&file->header, sizeof file->header, 0);
    if (result == 0 && file->peak < SPOOL_HEADER_BYTES)
        file->peak = SPOOL_HEADER_BYTES;
    return result;
}

static int copy_ring(const struct spool_file *from, struct spool_file *to)
{
    uint8_t *room = malloc(COPY_BYTES);
    int result = room == NULL ? -ENOMEM : 0;
    uint64_t end = from->header.end;
    for (uint64_t at = from->header.done; at < end && result == 0; at += COPY_BYTES) {
        size_t len = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
        // What cannot be read stays unwritten: damage, which is found when its turn comes.
        if (spool_file_read(from, room, len, at) == 0)
            result = spool_file_write(to, room, len, at);
    }
    free(room);
    return result;
}

// The file has no name any more, but lives as long as it is open.
static int make_again(struct spool_file *file)
{
    struct spool_file fresh = {.fd = -1, .header = file->header};
    char directory[PATH_MAX];
    memcpy(fresh.path, file->path, sizeof fresh.path);
    memcpy(directory, file->path, sizeof directory);
    *strrchr(directory, '/') = '\0';
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return -errno;
    fresh.fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fresh.fd < 0)
        return -errno;
    int result = flock(fresh.fd, LOCK_EX | LOCK_NB) != 0 ? -errno : copy_ring(file, &fresh);
    if (result == 0)
        result = spool_file_store(&fresh);
    if (result != 0) {
        unlink(file->path);
        close(fresh.fd);
        return result;
    }
    close(file->fd);
    *file = fresh;
    return 0;
}

static void note_gone(struct spool_file *file)
{
    int result = make_again(file);
    if (result == 0)
        log_error("the spool was removed while it was in use: made again with what it held", "file",
                  file->path, "flows", log_unsigned(file->header.flows).text);
    else if (!file->told)
        log_error("the spool was removed while it was in use and cannot be made again: what waits "
                  "in it is lost at the end",
                  "file", file->path, "error", strerror(-result), "flows",
                  log_unsigned(file->header.flows).text);
    file->told = result != 0;
}

void spool_file_look(struct spool_file *file)
{
    struct stat named;
    struct stat status;
    if (fstat(file->fd, &status) != 0)
        return;
    if (stat(file->path, &named) != 0 || named.st_ino != status.st_ino ||
        named.st_dev != status.st_dev)
        note_gone(file);
    else if ((uint64_t)status.st_size < file->peak) {
        log_error("the spool was cut short while it was in use: what stood behind is lost", "file",
                  file->path, "bytes", log_unsigned(file->peak - (uint64_t)status.st_size).text);
        file->peak = (uint64_t)status.st_size;
        (void)spool_file_store(file);
    }
}

void spool_file_shrink(struct spool_file *file)
{
    if (ftruncate(file->fd, SPOOL_HEADER_BYTES) == 0)
        file->peak = SPOOL_HEADER_BYTES;
}
