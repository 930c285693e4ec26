#include "collector/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES     (1 << 18)
#define MAGIC_LEN       4
#define GZIP_WINDOW     (16 + MAX_WBITS) // zlib's way to say: gzip, and nothing else
#define ZSTD_WINDOW_LOG 27

enum packing {
    PACKING_UNKNOWN, // nothing was read yet
    PACKING_NONE,
    PACKING_GZIP,
    PACKING_ZSTD,
};

struct unpack {
    unpack_read *read;
    void *user;
    enum packing packing;
    bool input_ended;
    bool within; // a member or frame that has begun and not ended
    z_stream gzip;
    ZSTD_DCtx *zstd;
    size_t at; // of the input, what is used
    size_t len;
    char error[128];
    uint8_t input[INPUT_BYTES];
};

struct unpack *unpack_new(unpack_read *read, void *user)
{
    struct unpack *unpack = malloc(sizeof *unpack);
    if (unpack == NULL)
        return NULL;
    memset(unpack, 0, offsetof(struct unpack, input));
    unpack->read = read;
    unpack->user = user;
    return unpack;
}

void unpack_free(struct unpack *unpack)
{
    if (unpack == NULL)
        return;
    if (unpack->packing == PACKING_GZIP)
        inflateEnd(&unpack->gzip);
    ZSTD_freeDCtx(unpack->zstd);
    free(unpack);
}

const char *unpack_error(const struct unpack *unpack)
{
    return unpack->error[0] == '\0' ? NULL : unpack->error;
}

static ssize_t fail(struct unpack *unpack, const char *what, const char *detail)
{
    snprintf(unpack->error, sizeof unpack->error, "%s%s%s", what, detail == NULL ? "" : ": ",
             detail == NULL ? "" : detail);
    errno = EIO;
    return -1;
}

static ssize_t fail_early(struct unpack *unpack)
{
    return fail(unpack,
                unpack->packing == PACKING_GZIP ? "the gzip data ends early"
                                                : "the Zstandard data ends early",
                NULL);
}

// Reads behind what is there; there is room. False after a failure.
static bool read_input(struct unpack *unpack)
{
    ssize_t got;
    do
        got = unpack->read(unpack->user, unpack->input + unpack->len, INPUT_BYTES - unpack->len);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        fail(unpack, strerror(errno), NULL);
        return false;
    }
    unpack->input_ended = got == 0;
    unpack->len += (size_t)got;
    return true;
}

static bool begin_gzip(struct unpack *unpack)
{
    if (inflateInit2(&unpack->gzip, GZIP_WINDOW) != Z_OK) {
        fail(unpack, "out of memory", NULL);
        return false;
    }
    unpack->packing = PACKING_GZIP;
    return true;
}

static bool begin_zstd(struct unpack *unpack)
{
    unpack->zstd = ZSTD_createDCtx();
    if (unpack->zstd == NULL) {
        fail(unpack, "out of memory", NULL);
        return false;
    }
    ZSTD_DCtx_setParameter(unpack->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    unpack->packing = PACKING_ZSTD;
    return true;
}

static bool starts_gzip(const uint8_t *at, size_t len)
{
    static const uint8_t magic[] = {0x1f, 0x8b, 0x08};
    return len >= sizeof magic && memcmp(at, magic, sizeof magic) == 0;
}

// RFC 8878, sections 3.1.1 and 3.1.2: a frame, or one to be skipped in front of it.
static bool starts_zstd(const uint8_t *at, size_t len)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    static const uint8_t skippable[] = {0x2a, 0x4d, 0x18};
    return len >= MAGIC_LEN && (memcmp(at, magic, sizeof magic) == 0 ||
                                (at[0] >> 4 == 5 && memcmp(at + 1, skippable, 3) == 0));
}

// Looks at the first bytes.
static bool begin(struct unpack *unpack)
{
    while (unpack->len < MAGIC_LEN && !unpack->input_ended)
        if (!read_input(unpack))
            return false;
    if (starts_gzip(unpack->input, unpack->len))
        return begin_gzip(unpack);
    if (starts_zstd(unpack->input, unpack->len))
        return begin_zstd(unpack);
    unpack->packing = PACKING_NONE;
    return true;
}

// What was looked at, then the file itself, into the caller's memory.
static ssize_t take_plain(struct unpack *unpack, uint8_t *out, size_t size)
{
    size_t left = unpack->len - unpack->at;
    if (left == 0 && !unpack->input_ended)
        return unpack->read(unpack->user, out, size);
    size_t len = left < size ? left : size;
    memcpy(out, unpack->input + unpack->at, len);
    unpack->at += len;
    return (ssize_t)len;
}

// Zeros behind the last member are padding, as of a tape.
static bool is_padding(const struct unpack *unpack)
{
    for (size_t at = unpack->at; at < unpack->len; at++)
        if (unpack->input[at] != 0)
            return false;
    return true;
}

// Makes bytes out of the input that is there. 0 when it made none: more input is wanted.
static ssize_t take_gzip(struct unpack *unpack, uint8_t *out, size_t size)
{
    z_stream *gzip = &unpack->gzip;
    size_t len = unpack->len - unpack->at;
    if (len == 0)
        return 0;
    if (!unpack->within && is_padding(unpack)) {
        unpack->at = unpack->len;
        return 0;
    }
    gzip->next_in = unpack->input + unpack->at;
    gzip->avail_in = (uInt)len;
    gzip->next_out = out;
    gzip->avail_out = (uInt)size;
    unpack->within = true;
    int status = inflate(gzip, Z_NO_FLUSH);
    unpack->at += len - gzip->avail_in;
    ssize_t made = (ssize_t)(size - gzip->avail_out);
    if (status == Z_STREAM_END) {
        unpack->within = false;
        inflateReset(gzip);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(unpack, "damaged gzip data", gzip->msg);
    }
    return made;
}

static ssize_t take_zstd(struct unpack *unpack, uint8_t *out, size_t size)
{
    ZSTD_inBuffer input = {unpack->input, unpack->len, unpack->at};
    ZSTD_outBuffer output = {out, size, 0};
    if (input.pos == input.size && !unpack->within)
        return 0;
    size_t status = ZSTD_decompressStream(unpack->zstd, &output, &input);
    unpack->at = input.pos;
    if (ZSTD_isError(status))
        fail(unpack, "damaged Zstandard data", ZSTD_getErrorName(status));
    else
        unpack->within = status != 0;
    return (ssize_t)output.pos;
}

static ssize_t take(struct unpack *unpack, uint8_t *out, size_t size)
{
    if (unpack->packing == PACKING_GZIP)
        return take_gzip(unpack, out, size);
    if (unpack->packing == PACKING_ZSTD)
        return take_zstd(unpack, out, size);
    return take_plain(unpack, out, size);
}

ssize_t unpack_take(struct unpack *unpack, void *out, size_t size)
{
    if (unpack->packing == PACKING_UNKNOWN && unpack->error[0] == '\0')
        (void)begin(unpack);
    while (unpack->error[0] == '\0') {
        ssize_t made = take(unpack, out, size);
        if (made > 0)
            return made;
        if (made < 0)
            return fail(unpack, strerror(errno), NULL);
        if (unpack->error[0] != '\0' || unpack->at < unpack->len)
            continue;
        if (unpack->input_ended || unpack->packing == PACKING_NONE)
            return unpack->within ? fail_early(unpack) : 0;
        unpack->at = unpack->len = 0;
        (void)read_input(unpack);
    }
    errno = EIO;
    return -1;
}
