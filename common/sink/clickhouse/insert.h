// One insert, tried until its outcome is known: what is sent, by which token, and what is asked in
// between.
//
// One thread, the sender's.
#pragma once

#include "common/sink/clickhouse/compress.h"
#include "common/sink/clickhouse/present.h"

// What an insert needs and keeps from one to the next.
struct clickhouse_insert {
    struct clickhouse_http *http;             // borrowed
    const struct clickhouse_options *options; // borrowed
    uint64_t boot;
    uint64_t number; // of the tokens so far
    uint64_t query;  // of the attempts so far
    char statement[4096];
    struct clickhouse_compress compress;
    struct clickhouse_present present;
    uint8_t *scratch; // rows that are missing, one behind the other
    size_t scratch_cap;

    // Of the insert at hand.
    const uint8_t *body; // compressed
    size_t len;
    uint32_t rows;
    uint64_t token;
    int64_t begun_ns; // when it was sent first; 0: not yet
};

void clickhouse_insert_init(struct clickhouse_insert *insert,
                            const struct clickhouse_layout *layout);
void clickhouse_insert_fini(struct clickhouse_insert *insert);

// Takes all rows of the range. 0, or -1 without memory.
int clickhouse_insert_all(struct clickhouse_insert *insert, const struct clickhouse_batch *batch,
                          struct clickhouse_range range);

// Asks which rows of the range are there, and takes those that are not; `rows` says how many.
enum clickhouse_verdict clickhouse_insert_missing(struct clickhouse_insert *insert,
                                                  const struct clickhouse_server *server,
                                                  const struct clickhouse_batch *batch,
                                                  struct clickhouse_range range,
                                                  struct clickhouse_reply *reply);

// Sends them, under the same token as long as they are the same.
enum clickhouse_verdict clickhouse_insert_send(struct clickhouse_insert *insert,
                                               const struct clickhouse_server *server,
                                               struct clickhouse_reply *reply);

// Asks the server to stop what was sent. DONE when it works on none of it any more.
enum clickhouse_verdict clickhouse_insert_stop(struct clickhouse_insert *insert,
                                               struct clickhouse_reply *reply);
