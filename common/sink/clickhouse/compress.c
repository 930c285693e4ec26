#include "common/sink/clickhouse/compress.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_WINDOW_BITS (15 + 16) // with the header of gzip, RFC 1952
#define GZIP_MEMORY      8
#define LEVEL            1

const char *clickhouse_compress_name(enum clickhouse_compression kind)
{
    static const char *const names[] = {
        [CLICKHOUSE_PLAIN] = NULL,
        [CLICKHOUSE_GZIP] = "gzip",
        [CLICKHOUSE_LZ4] = "lz4",
        [CLICKHOUSE_ZSTD] = "zstd",
    };
    return names[kind];
}

static size_t bound_of(enum clickhouse_compression kind, size_t len)
{
    switch (kind) {
    case CLICKHOUSE_GZIP:
        return len + len / 1000 + 4096;
    case CLICKHOUSE_LZ4:
        return LZ4F_compressFrameBound(len, NULL);
    case CLICKHOUSE_ZSTD:
        return ZSTD_compressBound(len);
    case CLICKHOUSE_PLAIN:
        break;
    }
    return len;
}

static size_t gzip(uint8_t *out, size_t cap, const uint8_t *bytes, size_t len)
{
    z_stream stream = {
        .next_in = (Bytef *)bytes, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)cap};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int result = deflate(&stream, Z_FINISH);
    size_t written = stream.total_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? written : 0;
}

static size_t lz4(uint8_t *out, size_t cap, const uint8_t *bytes, size_t len)
{
    size_t written = LZ4F_compressFrame(out, cap, bytes, len, NULL);
    return LZ4F_isError(written) ? 0 : written;
}

static size_t zstd(uint8_t *out, size_t cap, const uint8_t *bytes, size_t len)
{
    size_t written = ZSTD_compress(out, cap, bytes, len, LEVEL);
    return ZSTD_isError(written) ? 0 : written;
}

size_t clickhouse_compress(struct clickhouse_compress *compress, enum clickhouse_compression kind,
                           const uint8_t *bytes, size_t len, const uint8_t **out)
{
    *out = bytes;
    if (kind == CLICKHOUSE_PLAIN)
        return len;
    size_t cap = bound_of(kind, len);
    if (cap > compress->cap) {
        free(compress->data);
        compress->data = malloc(cap);
        compress->cap = compress->data == NULL ? 0 : cap;
    }
    *out = compress->data;
    if (compress->data == NULL)
        return 0;
    if (kind == CLICKHOUSE_GZIP)
        return gzip(compress->data, cap, bytes, len);
    return kind == CLICKHOUSE_LZ4 ? lz4(compress->data, cap, bytes, len)
                                  : zstd(compress->data, cap, bytes, len);
}

void clickhouse_compress_fini(struct clickhouse_compress *compress)
{
    free(compress->data);
    *compress = (struct clickhouse_compress){.cap = 0};
}
