#include "common/sink/clickhouse/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_MAX 1024
#define TYPE_MAX  128

// The first with insert tokens; Map, IPv6 and DateTime64 are older.
#define FULL_SINCE 2203

_Static_assert(CLICKHOUSE_COLUMN_COUNT <= 64, "the columns are bits of one word");

struct table {
    uint64_t found;
    bool reduced;
    int wrong;          // the first column of another type than is written, -1: none
    char got[TYPE_MAX]; // that type
};

static enum clickhouse_verdict ask(struct clickhouse_http *http, int64_t timeout_ms,
                                   const char *query, struct clickhouse_reply *reply)
{
    const struct clickhouse_request request = {
        .settings = "wait_end_of_query=1",
        .body = query,
        .len = strlen(query),
        .timeout_ms = timeout_ms,
    };
    clickhouse_http_send(http, &request, reply);
    return reply->verdict;
}

enum clickhouse_verdict clickhouse_server_meet(struct clickhouse_http *http, int64_t timeout_ms,
                                               struct clickhouse_server *server,
                                               struct clickhouse_reply *reply)
{
    char *minor;
    *server = (struct clickhouse_server){.version = ""};
    if (ask(http, timeout_ms, "SELECT version()", reply) != CLICKHOUSE_DONE)
        return reply->verdict;
    const char *text = (const char *)reply->body;
    snprintf(server->version, sizeof server->version, "%.*s", (int)strcspn(text, "\r\n"), text);
    long major = strtol(server->version, &minor, 10);
    long number = 100 * major + (*minor == '.' ? strtol(minor + 1, NULL, 10) : 0);
    server->profile = number >= FULL_SINCE ? CLICKHOUSE_FULL : CLICKHOUSE_REDUCED;
    return CLICKHOUSE_DONE;
}

// A type as it is in RowBinary: without LowCardinality and time zone, which only the server sees.
static void strip(const char *type, size_t len, char out[static TYPE_MAX])
{
    static const char wrapper[] = "LowCardinality(";
    size_t used = 0;
    bool wrapped = false;
    for (size_t i = 0; i < len && used < TYPE_MAX - 1;) {
        if (len - i > sizeof wrapper && memcmp(type + i, wrapper, sizeof wrapper - 1) == 0) {
            wrapped = true;
            i += sizeof wrapper - 1;
        } else if (wrapped && type[i] == ')') {
            wrapped = false;
            i++;
        } else if (len - i > 3 && memcmp(type + i, ", '", 3) == 0) {
            for (i += 3; i < len && type[i] != '\''; i++)
                continue;
            i++;
        } else {
            out[used++] = type[i++];
        }
    }
    out[used] = '\0';
}

static bool is_type(const char *got, const char *wanted)
{
    char plain[TYPE_MAX];
    strip(wanted, strlen(wanted), plain);
    return strcmp(got, plain) == 0;
}

// The place of a column; *wanted is its type. One of the two halves of nested tags has none.
static int find_column(const char *name, size_t len, bool reduced, const char **wanted)
{
    bool key = len > 4 && memcmp(name + len - 4, ".key", 4) == 0;
    for (int i = 0; i < CLICKHOUSE_COLUMN_COUNT; i++) {
        struct clickhouse_column column = clickhouse_column((unsigned)i);
        size_t stem = column.kind == CLICKHOUSE_TAGS && reduced && key ? len - 4 : len;
        if (strlen(column.name) != stem || memcmp(column.name, name, stem) != 0)
            continue;
        *wanted = column.kind == CLICKHOUSE_TAGS && reduced
                      ? "Array(String)"
                      : clickhouse_type(column.kind,
                                        reduced ? CLICKHOUSE_REDUCED : CLICKHOUSE_FULL);
        return i;
    }
    return -1;
}

// One line for each column: name, tab, type.
static void read_columns(const char *text, struct table *table)
{
    *table = (struct table){.wrong = -1};
    table->reduced = strstr(text, "FixedString(16)\n") != NULL;
    while (*text != '\0') {
        char got[TYPE_MAX];
        const char *wanted;
        size_t len = strcspn(text, "\n");
        size_t name = strcspn(text, "\t\n");
        strip(text + name + (name < len), len - name - (name < len), got);
        int column = find_column(text, name, table->reduced, &wanted);
        if (column >= 0)
            table->found |= UINT64_C(1) << column;
        if (column >= 0 && table->wrong < 0 && !is_type(got, wanted)) {
            table->wrong = column;
            memcpy(table->got, got, sizeof got);
        }
        text += len + (text[len] == '\n');
    }
}

static enum clickhouse_verdict fetch_columns(struct clickhouse_http *http,
                                             const struct clickhouse_options *o,
                                             struct table *table, struct clickhouse_reply *reply)
{
    char query[QUERY_MAX];
    snprintf(query, sizeof query,
             "SELECT name, type FROM system.columns WHERE database = '%s' AND table = '%s' "
             "FORMAT TabSeparatedRaw",
             o->database, o->table);
    if (ask(http, o->timeout_ns / 1000000, query, reply) == CLICKHOUSE_DONE)
        read_columns((const char *)reply->body, table);
    return reply->verdict;
}

enum clickhouse_verdict clickhouse_server_missing(struct clickhouse_http *http,
                                                  const struct clickhouse_options *options,
                                                  uint64_t *missing, struct clickhouse_reply *reply)
{
    struct table table;
    if (fetch_columns(http, options, &table, reply) == CLICKHOUSE_DONE)
        *missing = table.found == 0 ? 0
                                    : ~table.found & (UINT64_MAX >> (64 - CLICKHOUSE_COLUMN_COUNT));
    return reply->verdict;
}

// The operator's to mend.
static enum clickhouse_verdict refuse(struct clickhouse_reply *reply, int code)
{
    reply->code = code;
    return reply->verdict = CLICKHOUSE_SETUP;
}

static enum clickhouse_verdict check_columns(const struct clickhouse_options *o,
                                             const struct table *table,
                                             struct clickhouse_reply *reply)
{
    enum clickhouse_profile profile = table->reduced ? CLICKHOUSE_REDUCED : CLICKHOUSE_FULL;
    uint64_t missing = ~table->found & (UINT64_MAX >> (64 - CLICKHOUSE_COLUMN_COUNT));
    if (table->found == 0) {
        snprintf(reply->error, sizeof reply->error, "there is no table %s.%s", o->database,
                 o->table);
        return refuse(reply, 60);
    }
    if (missing != 0) {
        snprintf(reply->error, sizeof reply->error, "table %s.%s has no column %s", o->database,
                 o->table, clickhouse_column((unsigned)__builtin_ctzll(missing)).name);
        return refuse(reply, 16);
    }
    if (table->wrong < 0)
        return reply->verdict;
    struct clickhouse_column column = clickhouse_column((unsigned)table->wrong);
    snprintf(reply->error, sizeof reply->error, "table %s.%s, column %s: got %s, wanted %s",
             o->database, o->table, column.name, table->got, clickhouse_type(column.kind, profile));
    return refuse(reply, 0);
}

// A table of our own making, or one of replicas, which always know what was inserted.
static enum clickhouse_verdict fetch_engine(struct clickhouse_http *http,
                                            const struct clickhouse_options *o,
                                            struct clickhouse_server *server,
                                            struct clickhouse_reply *reply)
{
    char query[QUERY_MAX];
    snprintf(query, sizeof query,
             "SELECT engine_full FROM system.tables WHERE database = '%s' AND name = '%s'",
             o->database, o->table);
    if (ask(http, o->timeout_ns / 1000000, query, reply) != CLICKHOUSE_DONE)
        return reply->verdict;
    const char *text = (const char *)reply->body;
    server->recognises = strncmp(text, "Replicated", 10) == 0 || strncmp(text, "Shared", 6) == 0 ||
                         strstr(text, "non_replicated_deduplication_window") != NULL;
    return reply->verdict;
}

enum clickhouse_verdict clickhouse_server_look(struct clickhouse_http *http,
                                               const struct clickhouse_options *options,
                                               struct clickhouse_server *server,
                                               struct clickhouse_reply *reply)
{
    struct table table;
    if (fetch_columns(http, options, &table, reply) != CLICKHOUSE_DONE ||
        check_columns(options, &table, reply) != CLICKHOUSE_DONE)
        return reply->verdict;
    server->table = table.reduced ? CLICKHOUSE_REDUCED : CLICKHOUSE_FULL;
    if (server->profile == CLICKHOUSE_REDUCED)
        return reply->verdict;
    return fetch_engine(http, options, server, reply);
}
