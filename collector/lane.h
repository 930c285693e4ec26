// One thread's way of a flow: datagram -> decoder -> enrichment -> format -> sink, with the books
// and the mailbox of that thread. A worker feeds it from sockets, a capture from files.
//
// The owner is the thread that runs it: it alone calls the functions of the second block. Others
// reach it through its mailbox, which the owner serves between batches.
#pragma once

#include "collector/decode/decode.h"
#include "common/enrich/enrich.h"
#include "common/flow/format.h"
#include "common/sink/sink.h"

#include <stdbool.h>

struct lane_options {
    const struct decode_options *decode;
    const struct format *format;
    struct sink *sink;
    struct snapshot *snapshot; // NULL: flows are not enriched; a reference is taken
    int alarm_fd;              // eventfd, written when the sink is dead
};

// A consistent copy of what a thread counted.
struct lane_report {
    struct ledger ledger;
    uint64_t kernel_drops; // datagrams that its sockets had no room for
};

struct lane;

// NULL after having logged why.
struct lane *lane_new(const struct lane_options *options);

// Lanes that share the datagrams of exporters (decode->spread) tell each other what is announced.
// Before their threads start; `lanes` stays the caller's and outlives them.
void lane_introduce(struct lane *lane, struct lane *const *lanes, unsigned count);

// After the thread has ended, and after sink_close: the sink settles its books until then.
void lane_free(struct lane *lane);

// The books, once the thread has ended.
void lane_final(const struct lane *lane, struct lane_report *report);

// Any thread.
void lane_stop(struct lane *lane);
void lane_adopt(struct lane *lane, struct snapshot *snapshot); // takes the reference

// Asks for a copy of the books and waits for it, at most timeout_ms: 0, or -ETIMEDOUT and the
// copy that was made last.
int lane_ask(struct lane *lane, struct lane_report *report, int timeout_ms);

// The owner.
int lane_mail_fd(const struct lane *lane);
bool lane_serve(struct lane *lane); // false once it is to stop
void lane_datagram(struct lane *lane, enum decode_scheme scheme, const struct datagram *datagram);
void lane_refuse(struct lane *lane, enum reason reason, size_t len); // a datagram, undecoded
void lane_note(struct lane *lane, enum reason reason);
void lane_kernel_drops(struct lane *lane, uint64_t count);

// End of a batch. 0, or a negative errno when the sink is dead.
int lane_flush(struct lane *lane);

// sink_sync: waits until all is written, at most timeout_ms.
int lane_sync(struct lane *lane, int timeout_ms);

// The last call of the owner: hands over what is left.
void lane_finish(struct lane *lane);
