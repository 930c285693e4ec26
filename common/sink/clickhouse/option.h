// What the enricher is told about ClickHouse on the command line, and the rows of its option table
// for it.
#pragma once

#include "common/base/settings.h"
#include "common/sink/clickhouse/schema.h"

#include <stdint.h>

enum clickhouse_compression {
    CLICKHOUSE_PLAIN,
    CLICKHOUSE_GZIP,
    CLICKHOUSE_LZ4,
    CLICKHOUSE_ZSTD,
};

// How a server is reached. All texts but the URL may be empty.
struct clickhouse_access {
    const char *url;
    const char *user;
    const char *password;
    const char *password_file;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    bool tls_insecure;
};

struct clickhouse_options {
    struct clickhouse_access access;
    const char *database;
    const char *table;
    const char *profile_name; // "auto", "full" or "reduced"
    const char *compression_name;
    int64_t batch_rows;
    uint64_t batch_bytes;
    int64_t linger_ns;
    int64_t timeout_ns;
    bool async;
    bool print_schema; // and end
    bool migrate;      // and end

    // Made of the above by clickhouse_options_check.
    enum clickhouse_compression compression;
};

#define CLICKHOUSE_ROWS 20

struct clickhouse_options clickhouse_options_defaults(void);

// Appends the rows of -clickhouse.*; returns how many that were.
size_t clickhouse_rows(struct option *rows, struct clickhouse_options *o);

// Numbers and names within their bounds: 0, or -1 after one line on stderr. What lies in files is
// read when the server is reached.
int clickhouse_options_check(struct clickhouse_options *o, const struct settings *settings);

// The profile that is asked for: "auto" is `detected`.
enum clickhouse_profile clickhouse_options_profile(const struct clickhouse_options *o,
                                                   enum clickhouse_profile detected);

// What the statements are made of. `password` is what access says, or its file.
struct clickhouse_schema clickhouse_options_schema(const struct clickhouse_options *o,
                                                   enum clickhouse_profile profile,
                                                   const char *password);
