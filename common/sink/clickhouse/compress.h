// The body of an insert, compressed as the server takes it by Content-Encoding.
//
// Embedded, all zero at first; one thread.
#pragma once

#include "common/sink/clickhouse/option.h"

struct clickhouse_compress {
    uint8_t *data;
    size_t cap;
};

// The name of it in HTTP, NULL for none.
const char *clickhouse_compress_name(enum clickhouse_compression kind);

// Compresses at a low level: the wire is what is short, not the disk. *out lies in here until the
// next call. The length, or 0 without memory.
size_t clickhouse_compress(struct clickhouse_compress *compress, enum clickhouse_compression kind,
                           const uint8_t *bytes, size_t len, const uint8_t **out);
void clickhouse_compress_fini(struct clickhouse_compress *compress);
