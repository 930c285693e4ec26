// Files as they are, and compressed: in pieces of any size, several in a row, cut and damaged at
// every byte.
#include "collector/unpack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define LEN        3000
#define PACKED_MAX 8192
#define ERROR_MAX  128

// The file that is read, and how.
struct source {
    const uint8_t *bytes;
    size_t len;
    size_t at;
    size_t step;      // bytes that a read gives at most
    bool fails;       // at the end, in the place of it
    bool interrupted; // each second read
};

static uint8_t plain[LEN];
static uint8_t packed[PACKED_MAX];

static ssize_t read_source(void *user, void *out, size_t size)
{
    struct source *source = user;
    size_t left = source->len - source->at;
    size_t len = left < size ? left : size;
    if (source->interrupted) {
        source->interrupted = false;
        errno = EINTR;
        return -1;
    }
    if (left == 0 && source->fails) {
        errno = EISDIR;
        return -1;
    }
    len = len < source->step ? len : source->step;
    memcpy(out, source->bytes + source->at, len);
    source->at += len;
    return (ssize_t)len;
}

// All that comes out, taken in pieces of `piece`; `error` is what went wrong, or "".
static size_t take_all(struct source source, uint8_t *out, size_t cap, size_t piece, char *error)
{
    size_t len = 0;
    ssize_t got;
    struct unpack *unpack = unpack_new(read_source, &source);
    assert_non_null(unpack);
    while ((got = unpack_take(unpack, out + len, cap - len < piece ? cap - len : piece)) > 0) {
        assert_true((size_t)got <= piece);
        len += (size_t)got;
        assert_true(len < cap);
    }
    assert_int_equal(got < 0, unpack_error(unpack) != NULL);
    snprintf(error, ERROR_MAX, "%s", got < 0 ? unpack_error(unpack) : "");
    if (got < 0) // and stays so
        assert_int_equal(unpack_take(unpack, out, cap), -1);
    unpack_free(unpack);
    return len;
}

static void assert_comes_out(const uint8_t *bytes, size_t len, const uint8_t *wanted,
                             size_t wanted_len)
{
    static const size_t steps[] = {1, 3, 100, 1 << 20};
    static uint8_t out[3 * LEN];
    for (size_t i = 0; i < 16; i++) {
        char error[ERROR_MAX];
        struct source source = {.bytes = bytes, .len = len, .step = steps[i % 4]};
        size_t got = take_all(source, out, sizeof out, steps[i / 4], error);
        assert_string_equal(error, "");
        assert_int_equal(got, wanted_len);
        assert_memory_equal(out, wanted, wanted_len);
    }
}

static size_t pack_gzip(uint8_t *out, const uint8_t *bytes, size_t len)
{
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)bytes, .avail_in = (uInt)len};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_out = out;
    stream.avail_out = PACKED_MAX / 2;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t packed_len = PACKED_MAX / 2 - stream.avail_out;
    deflateEnd(&stream);
    return packed_len;
}

static size_t pack_zstd(uint8_t *out, const uint8_t *bytes, size_t len, int window_log)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_inBuffer input = {bytes, len / 2, 0};
    ZSTD_outBuffer output = {out, PACKED_MAX / 2, 0};
    // In two steps, so that the window is what was asked for, however short the input is.
    assert_int_equal(ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush), 0);
    input.size = len;
    assert_int_equal(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0);
    ZSTD_freeCCtx(context);
    return output.pos;
}

static size_t pack(bool zstd, uint8_t *out, const uint8_t *bytes, size_t len)
{
    return zstd ? pack_zstd(out, bytes, len, 0) : pack_gzip(out, bytes, len);
}

static void what_is_not_compressed_stays(void **state)
{
    (void)state;
    for (size_t len = 0; len <= LEN; len += len < 9 ? 1 : 997)
        assert_comes_out(plain, len, plain, len);
    static const uint8_t short_magic[] = {0x1f, 0x8b};
    assert_comes_out(short_magic, 2, short_magic, 2);
    static const uint8_t other_method[] = {0x1f, 0x8b, 7, 0, 0, 0};
    assert_comes_out(other_method, 6, other_method, 6);
}

static void both_compressions_come_out(void **state)
{
    (void)state;
    for (int zstd = 0; zstd < 2; zstd++) {
        size_t len = pack(zstd, packed, plain, LEN);
        assert_true(len < LEN);
        assert_comes_out(packed, len, plain, LEN);
        // Two in a row, as `cat a.gz b.gz` makes them, and an empty one between.
        len = pack(zstd, packed, plain, 1000);
        len += pack(zstd, packed + len, plain, 0);
        len += pack(zstd, packed + len, plain + 1000, LEN - 1000);
        assert_comes_out(packed, len, plain, LEN);
    }
    size_t len = pack(false, packed, plain, LEN);
    memset(packed + len, 0, 512); // a tape's padding
    assert_comes_out(packed, len + 512, plain, LEN);
}

// Whatever the cut leaves comes out, then an error; never an end that looks like one.
static void cut_at_every_byte(void **state)
{
    (void)state;
    static uint8_t out[3 * LEN];
    for (int zstd = 0; zstd < 2; zstd++) {
        size_t len = pack(zstd, packed, plain, LEN);
        for (size_t cut = 4; cut < len; cut++) {
            char error[ERROR_MAX];
            struct source source = {.bytes = packed, .len = cut, .step = LEN};
            size_t got = take_all(source, out, sizeof out, sizeof out, error);
            assert_string_equal(error, zstd ? "the Zstandard data ends early"
                                            : "the gzip data ends early");
            assert_true(got <= LEN);
            assert_memory_equal(out, plain, got);
        }
    }
}

// A changed byte is found, by the checksum at the latest, or changes nothing that is read (of the
// header, a time or a flag); it takes no more than the output can hold, and never crashes.
static void damaged_at_every_byte(void **state)
{
    (void)state;
    static uint8_t out[1 << 16];
    size_t found = 0;
    size_t tried = 0;
    for (int zstd = 0; zstd < 2; zstd++) {
        size_t len = pack(zstd, packed, plain, LEN);
        for (size_t at = 4; at < len; at++) {
            char error[ERROR_MAX];
            packed[at] ^= 0x55;
            struct source source = {.bytes = packed, .len = len, .step = 64};
            size_t got = take_all(source, out, sizeof out, sizeof out, error);
            tried++;
            found += error[0] != '\0';
            if (error[0] == '\0')
                assert_int_equal(got, LEN);
            packed[at] ^= 0x55;
        }
    }
    assert_true(found > tried * 9 / 10);
}

static void errors_are_named(void **state)
{
    (void)state;
    static uint8_t out[3 * LEN];
    char error[ERROR_MAX];
    struct source source = {.bytes = plain, .len = LEN, .step = 100, .fails = true};
    assert_int_equal(take_all(source, out, sizeof out, 64, error), LEN);
    assert_string_equal(error, strerror(EISDIR));
    source = (struct source){.bytes = plain, .len = LEN, .step = 100, .interrupted = true};
    assert_int_equal(take_all(source, out, sizeof out, 64, error), LEN);
    assert_string_equal(error, "");

    size_t len = pack(false, packed, plain, LEN);
    memcpy(packed + len, "rubbish", 7);
    source = (struct source){.bytes = packed, .len = len + 7, .step = 100};
    assert_int_equal(take_all(source, out, sizeof out, 64, error), LEN);
    assert_memory_equal(error, "damaged gzip data: ", 19);
    // A window of 256 MB is more than is given.
    len = pack_zstd(packed, plain, LEN, 28);
    source = (struct source){.bytes = packed, .len = len, .step = 100};
    assert_int_equal(take_all(source, out, sizeof out, 64, error), 0);
    assert_memory_equal(error, "damaged Zstandard data: ", 24);
}

int main(void)
{
    for (size_t i = 0; i < LEN; i++)
        plain[i] = (uint8_t)(i % 61 + i / 97);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_compressed_stays),
        cmocka_unit_test(both_compressions_come_out),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(damaged_at_every_byte),
        cmocka_unit_test(errors_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
