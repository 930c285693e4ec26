#include "common/sink/clickhouse/option.h"

#include "common/base/clock.h"

#include <string.h>

#define COUNT(array)    (sizeof(array) / sizeof(array)[0])
#define BATCH_ROWS_MAX  1000000 // an insert of more would be cut in two by the server
#define BATCH_BYTES_MIN (1u << 20)
#define BATCH_BYTES_MAX (1u << 30)
#define LINGER_MAX_NS   (60 * CLOCK_NS_PER_S)
#define TIMEOUT_MAX_NS  (600 * CLOCK_NS_PER_S)

struct clickhouse_options clickhouse_options_defaults(void)
{
    return (struct clickhouse_options){
        .access = {.url = "http://localhost:8123",
                   .user = "",
                   .password = "",
                   .password_file = "",
                   .tls_ca = "",
                   .tls_cert = "",
                   .tls_key = ""},
        .database = "flows",
        .table = "flows",
        .profile_name = "auto",
        .compression_name = "none",
        .batch_rows = 50000,
        .batch_bytes = 32u << 20,
        .linger_ns = CLOCK_NS_PER_S,
        .timeout_ns = 10 * CLOCK_NS_PER_S,
    };
}

size_t clickhouse_rows(struct option *rows, struct clickhouse_options *o)
{
    const struct option table[] = {
        {"clickhouse.url", OPTION_URLS, &o->access.url, "HTTP interface of the server: `URL`",
         "Output to ClickHouse"},
        {"clickhouse.user", OPTION_STRING, &o->access.user, "Log in by this `name`", NULL},
        {"clickhouse.password", OPTION_SECRET, &o->access.password, "With this `password`", NULL},
        {"clickhouse.password.file", OPTION_STRING, &o->access.password_file,
         "Or with the first line of this `file`, read again when the server refuses it", NULL},
        {"clickhouse.tls.ca", OPTION_STRING, &o->access.tls_ca,
         "TLS: the authorities that sign the server, a PEM `file`", NULL},
        {"clickhouse.tls.cert", OPTION_STRING, &o->access.tls_cert,
         "TLS: our own certificate, a PEM `file`", NULL},
        {"clickhouse.tls.key", OPTION_STRING, &o->access.tls_key, "TLS: its key, a PEM `file`",
         NULL},
        {"clickhouse.tls.insecure", OPTION_BOOL, &o->access.tls_insecure,
         "TLS without looking who the server is", NULL},
        {"clickhouse.database", OPTION_STRING, &o->database, "Database by `name`", NULL},
        {"clickhouse.table", OPTION_STRING, &o->table,
         "Table of flows by `name`; those of the sums begin with it", NULL},
        {"clickhouse.profile", OPTION_STRING, &o->profile_name,
         "Which `kind` of tables to make: full, reduced (engines of before 2022) or auto", NULL},
        {"clickhouse.schema", OPTION_ACTION, &o->print_schema,
         "Print the statements that make the tables, and end", NULL},
        {"clickhouse.migrate", OPTION_ACTION, &o->migrate,
         "Make the tables, or bring them up to date, and end", NULL},
        {"clickhouse.batch.rows", OPTION_INT, &o->batch_rows,
         "How many `rows` one insert has, at most", NULL},
        {"clickhouse.batch.bytes", OPTION_BYTES, &o->batch_bytes,
         "Its size before compression, at most; four are kept in memory", NULL},
        {"clickhouse.linger", OPTION_DURATION_NS, &o->linger_ns,
         "How long an insert waits for more flows", NULL},
        {"clickhouse.timeout", OPTION_DURATION_NS, &o->timeout_ns, "How long one insert may take",
         NULL},
        {"clickhouse.compression", OPTION_STRING, &o->compression_name,
         "How what is sent is compressed, by `name`: none, gzip, lz4 or zstd", NULL},
        {"clickhouse.async", OPTION_BOOL, &o->async,
         "Let the server gather inserts (async_insert), and wait for it", NULL},
    };
    _Static_assert(COUNT(table) <= CLICKHOUSE_ROWS, "room of the daemon's table");
    memcpy(rows, table, sizeof table);
    return COUNT(table);
}

// So that no name has to be quoted anywhere.
static bool is_identifier(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t len = strlen(text);
    return len != 0 && len <= 64 && strchr(letters, text[0]) != NULL && strspn(text, others) == len;
}

static int find_name(const struct settings *settings, const char *option, const char *got,
                     const char *const *names, const char *wanted)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(got, names[i]) == 0)
            return i;
    return settings_refuse(settings, option, "%s", wanted);
}

static int check_names(struct clickhouse_options *o, const struct settings *settings)
{
    static const char *const profiles[] = {"auto", "full", "reduced", NULL};
    static const char *const compressions[] = {
        [CLICKHOUSE_PLAIN] = "none", [CLICKHOUSE_GZIP] = "gzip",   [CLICKHOUSE_LZ4] = "lz4",
        [CLICKHOUSE_ZSTD] = "zstd",  [CLICKHOUSE_ZSTD + 1] = NULL,
    };
    if (strncmp(o->access.url, "http://", 7) != 0 && strncmp(o->access.url, "https://", 8) != 0)
        return settings_refuse(settings, "clickhouse.url", "http://host:8123 or https://host:8443");
    if (strpbrk(o->access.url, "?# @") != NULL)
        return settings_refuse(settings, "clickhouse.url",
                               "no user, question mark or number sign in it");
    if (!is_identifier(o->database))
        return settings_refuse(settings, "clickhouse.database", "letters, digits and underscores");
    if (!is_identifier(o->table))
        return settings_refuse(settings, "clickhouse.table", "letters, digits and underscores");
    if (*o->access.password != '\0' && *o->access.password_file != '\0')
        return settings_refuse(settings, "clickhouse.password.file",
                               "only one of file and password");
    if (find_name(settings, "clickhouse.profile", o->profile_name, profiles,
                  "auto, full or reduced") < 0)
        return -1;
    int compression = find_name(settings, "clickhouse.compression", o->compression_name,
                                compressions, "none, gzip, lz4 or zstd");
    o->compression = (enum clickhouse_compression)compression;
    return compression < 0 ? -1 : 0;
}

int clickhouse_options_check(struct clickhouse_options *o, const struct settings *settings)
{
    if (check_names(o, settings) != 0)
        return -1;
    if (o->batch_rows < 1 || o->batch_rows > BATCH_ROWS_MAX)
        return settings_refuse(settings, "clickhouse.batch.rows", "1 to %lld",
                               (long long)BATCH_ROWS_MAX);
    if (o->batch_bytes < BATCH_BYTES_MIN || o->batch_bytes > BATCH_BYTES_MAX)
        return settings_refuse(settings, "clickhouse.batch.bytes", "%lld to %lld",
                               (long long)BATCH_BYTES_MIN, (long long)BATCH_BYTES_MAX);
    if (o->linger_ns < 0 || o->linger_ns > LINGER_MAX_NS)
        return settings_refuse(settings, "clickhouse.linger", "0 to 1m");
    if (o->timeout_ns < CLOCK_NS_PER_S || o->timeout_ns > TIMEOUT_MAX_NS)
        return settings_refuse(settings, "clickhouse.timeout", "1s to 10m");
    return 0;
}

enum clickhouse_profile clickhouse_options_profile(const struct clickhouse_options *o,
                                                   enum clickhouse_profile detected)
{
    if (strcmp(o->profile_name, "auto") == 0)
        return detected;
    return strcmp(o->profile_name, "full") == 0 ? CLICKHOUSE_FULL : CLICKHOUSE_REDUCED;
}

struct clickhouse_schema clickhouse_options_schema(const struct clickhouse_options *o,
                                                   enum clickhouse_profile profile,
                                                   const char *password)
{
    return (struct clickhouse_schema){
        .database = o->database,
        .table = o->table,
        .user = o->access.user,
        .password = password,
        .profile = profile,
    };
}
