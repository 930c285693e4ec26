// One thread's way of a flow: datagram -> decoder -> enrichment -> format -> sink, with the books
// and the mailbox of that thread. A worker feeds it from sockets, a capture from files.
//
// The owner is the thread that runs it: it alone calls the functions of the second block. Others
// reach it through its mailbox, which the owner serves between batches.
#pragma once

#include "collector/allow.h"
#include "collector/decode/decode.h"
#include "collector/layout.h"
#include "collector/stranger.h"
#include "collector/traffic.h"
#include "common/base/metrics.h"
#include "common/enrich/enrich.h"
#include "common/sink/sink.h"

#include <stdbool.h>
#include <time.h>

struct lane_options {
    const struct decode_options *decode; // its mapping is the layout's
    struct layout *layout;               // a reference is taken
    struct sink *sink;
    struct snapshot *snapshot; // NULL: flows are not enriched; a reference is taken
    struct allow *allow;       // NULL: any sender; a reference is taken
    struct share *share;       // NULL: other collectors are not told; borrowed for the life
    int alarm_fd;              // eventfd, written when the sink is dead
};

// A consistent copy of what a thread counted.
struct lane_report {
    struct ledger ledger;
    uint64_t kernel_drops;                    // datagrams that its sockets had no room for
    uint64_t listener_drops[LISTEN_URIS_MAX]; // the same by listener
    int listener_errors[LISTEN_URIS_MAX];     // errno of the last read, 0 when it went well
    uint64_t listener_datagrams[LISTEN_URIS_MAX];
    uint64_t listener_refused[LISTEN_URIS_MAX];      // of these
    struct metrics_summary decoding[DECODE_SCHEMES]; // nanoseconds of a datagram, flows written
    struct alarm_list alarms;
    struct stranger strangers[STRANGER_WHYS]; // the latest of each
};

struct errand;
struct lane;

// NULL after having logged why.
struct lane *lane_new(const struct lane_options *options);

// Lanes that share the datagrams of exporters (decode->spread) tell each other what is announced.
// Before their threads start; `lanes` stays the caller's and outlives them.
void lane_introduce(struct lane *lane, struct lane *const *lanes, unsigned count);

// After the thread has ended, and after sink_close: the sink settles its books until then.
void lane_free(struct lane *lane);

// The books, once the thread has ended, and the decoder, then or before it starts.
void lane_final(const struct lane *lane, struct lane_report *report);
struct decoder *lane_decoder(struct lane *lane);

// Any thread.
void lane_stop(struct lane *lane);
void lane_adopt(struct lane *lane, struct snapshot *snapshot);            // takes the reference
void lane_lay_out(struct lane *lane, struct layout *layout);              // takes the reference
void lane_allow(struct lane *lane, struct allow *allow);                  // takes the reference
void lane_borrow(struct lane *lane, const struct datagram *announcement); // of another collector

// Asks for the books and waits at most timeout_ms: 0, or -ETIMEDOUT and the copy made last.
int lane_ask(struct lane *lane, struct lane_report *report, int timeout_ms);

// Sends an errand: 0 or -ENOMEM. Each one sent is awaited, until that time of CLOCK_MONOTONIC: true
// when it was run and is the caller's again, false when the lane has taken it over and frees it.
int lane_send(struct lane *lane, struct errand *errand);
bool lane_await(struct lane *lane, struct errand *errand, const struct timespec *until);

// The owner. `listener` is the number of the listener that a datagram came through.
int lane_mail_fd(const struct lane *lane);
bool lane_serve(struct lane *lane); // false once it is to stop
// Datagrams of these senders come next, at most TRAFFIC_AHEAD_MAX; nothing but time depends on it.
void lane_look_ahead(struct lane *lane, unsigned listener, const struct addr *const sources[],
                     unsigned count);
void lane_datagram(struct lane *lane, unsigned listener, enum decode_scheme scheme,
                   const struct datagram *datagram);
void lane_refuse(struct lane *lane, unsigned listener, enum reason reason,
                 const struct datagram *datagram); // undecoded
void lane_note(struct lane *lane, enum reason reason, uint64_t count);
void lane_kernel_drops(struct lane *lane, unsigned listener, uint64_t count);
void lane_listener_error(struct lane *lane, unsigned listener, int error); // 0: none any more
// So many datagrams of a listener were handed over since the last call, in that time.
void lane_batch(struct lane *lane, unsigned listener, enum decode_scheme scheme, uint64_t ns,
                uint64_t datagrams);

// End of a batch. 0, or a negative errno when the sink is dead.
int lane_flush(struct lane *lane);
int lane_sync(struct lane *lane, int timeout_ms); // sink_sync
void lane_finish(struct lane *lane); // the last call of the owner: hands over what is left
