// What clickhouse.c (the sink), writer.c and sender.c (its thread) share; for
// these only.
#pragma once

#include "common/base/metrics.h"
#include "common/sink/clickhouse/clickhouse.h"
#include "common/sink/clickhouse/batch.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLICKHOUSE_SLICE_MS 100 // how often who waits looks whether to go on

// What became of flows since the writer last looked.
struct clickhouse_account {
    uint64_t settled; // out of its hands: in the table, or refused
    uint64_t refused;
    uint64_t present;
};

struct clickhouse_stats {
    uint64_t inserted;
    uint64_t present; // not inserted: they were there
    uint64_t refused;
    uint64_t inserts;
    uint64_t repeated; // inserts
    uint64_t sent_bytes;
    struct metrics_summary insert_us;
};

// The one writer; it lives as long as the sink.
struct clickhouse_writer {
    struct sink_writer writer;
    struct clickhouse_batch *open;   // being filled, NULL: none
    struct clickhouse_layout layout; // a copy, made when the sender knows the table
    bool laid_out;
    bool is_parked;
    uint64_t written;  // flows
    uint64_t lost;     // of these, from which on none arrives: the sink was abandoned
    bool complete;     // none is lost
    uint64_t sequence; // of flows that have none of their own
};

struct clickhouse_sink {
    struct sink sink;
    struct clickhouse_options options; // its texts are the caller's
    uint64_t boot;                     // random: part of tokens, and the stream of what has none
    int settled_fd;
    atomic_bool abandoned;
    atomic_bool up;
    struct clickhouse_writer writer;
    struct clickhouse_sender *sender;

    pthread_mutex_t lock; // guards all below
    pthread_cond_t work;  // for the sender
    pthread_cond_t moved; // a batch was settled, the table is known, or the sink abandoned
    struct clickhouse_batch *queue[CLICKHOUSE_BATCHES];
    unsigned queue_head;
    unsigned queue_count;
    struct clickhouse_batch *idle[CLICKHOUSE_BATCHES];
    unsigned idle_count;
    struct clickhouse_batch *parked; // the writer's open batch, which may be taken
    bool busy;                       // one is being sent
    bool ending;
    bool known; // the table, and so how rows are written
    enum clickhouse_profile profile;
    uint64_t settled; // position of the last flow that is
    struct clickhouse_account account;
    struct clickhouse_stats stats;
};

// With the lock held: waits for `cond` at most until then, or a slice.
void clickhouse_wait(struct clickhouse_sink *sink, pthread_cond_t *cond, int64_t until_ns);

// The writer's part of the interface.
struct sink_writer *clickhouse_writer_new(struct sink *base, struct ledger *ledger);
void clickhouse_writer_free(struct sink_writer *base);
uint8_t *clickhouse_writer_room(struct sink_writer *base, size_t len);
int clickhouse_writer_write(struct sink_writer *base, const struct flow_view *view,
                            const uint8_t *bytes, size_t len);
int clickhouse_writer_flush(struct sink_writer *base);
int clickhouse_writer_sync(struct sink_writer *base, int timeout_ms);
uint64_t clickhouse_writer_settled(struct sink_writer *base);

// With the lock held: enters what became of flows into the books.
void clickhouse_writer_settle(struct clickhouse_writer *writer);

// The sender: 0, or a negative errno; and its end, as soon as it can.
int clickhouse_sender_start(struct clickhouse_sink *sink);
void clickhouse_sender_stop(struct clickhouse_sink *sink);
