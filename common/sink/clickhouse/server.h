// What the server is and what its table of flows looks like.
//
// One thread, that of the HTTP client.
#pragma once

#include "common/sink/clickhouse/http.h"

struct clickhouse_server {
    char version[32];
    enum clickhouse_profile profile; // that the engine is good for
    enum clickhouse_profile table;   // that the table was made by
    bool recognises;                 // the table recognises an insert that comes again by its token
};

// Asks for the version. The verdict; what went wrong is in the reply.
enum clickhouse_verdict clickhouse_server_meet(struct clickhouse_http *http, int64_t timeout_ms,
                                               struct clickhouse_server *server,
                                               struct clickhouse_reply *reply);

// Looks whether the table has every column in the type that is written.
enum clickhouse_verdict clickhouse_server_look(struct clickhouse_http *http,
                                               const struct clickhouse_options *options,
                                               struct clickhouse_server *server,
                                               struct clickhouse_reply *reply);

// The bits of the columns that the table does not have, if there is a table.
enum clickhouse_verdict clickhouse_server_missing(struct clickhouse_http *http,
                                                  const struct clickhouse_options *options,
                                                  uint64_t *missing,
                                                  struct clickhouse_reply *reply);
