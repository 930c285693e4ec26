// What is being lost, since when, and what to do about it: the table loss.def, and a watch that
// turns counters into lines of the log and the words of /__health, -status and /metrics.
//
// The main thread feeds it once a second what the ledgers say by then, and calls loss_watch_tick:
// nothing of it is on the way of a flow. Any thread takes copies.
//
// A loss begins with the first that is counted and ends LOSS_RECENT_NS after the last; a state ends
// when it is over. The beginning is logged at once, but for what any stranger can cause again and
// again; that it goes on at growing distances, from a minute on; its end when its beginning was.
#pragma once

#include "common/base/ledger.h"
#include "common/base/log.h"

#define LOSS_RECENT_NS  INT64_C(60000000000)
#define LOSS_DETAIL_MAX 200

enum loss_grade {
    LOSS_NOTED,
    LOSS_DEGRADES,
    LOSS_DOWN,
};

enum loss_kind {
#define LOSS_OF(reason, grade, advice)              LOSS_##reason,
#define LOSS_AS(reason, grade, title, advice)       LOSS_##reason,
#define LOSS(id, label, grade, title, text, advice) LOSS_##id,
#define STATE(id, label, grade, text, advice)       LOSS_##id,
#include "common/base/loss.def"
#undef LOSS_OF
#undef LOSS_AS
#undef LOSS
#undef STATE
    LOSS_COUNT,
};

// A row of the table.
struct loss_row {
    const char *label; // the reason's, where it is one
    enum loss_grade grade;
    const char *title; // "flows lost"; of a state that it lasts
    const char *text;  // why
    const char *advice;
    bool counted; // else a state
    int reason;   // enum reason, or -1
};
struct loss_row loss_row(enum loss_kind kind);

// "2026-11-30T15:14:04Z", or "never".
struct log_text loss_time(int64_t unix_ns);

// What became of one kind so far. Times are Unix nanoseconds, 0: never.
struct loss {
    bool current;   // it lasts, or did until LOSS_RECENT_NS ago
    uint64_t total; // of the process
    uint64_t count; // since begun_ns
    int64_t begun_ns;
    int64_t first_ns;
    int64_t last_ns;
    char detail[LOSS_DETAIL_MAX]; // who or where, of the latest; may be empty
};

struct loss_watch;

struct loss_watch *loss_watch_new(void); // NULL without memory
void loss_watch_free(struct loss_watch *watch);

// What a counter says by now; `detail` (NULL: as before) says who or where if that is more.
void loss_watch_count(struct loss_watch *watch, enum loss_kind kind, uint64_t total,
                      const char *detail);
void loss_watch_ledger(struct loss_watch *watch, const struct ledger *ledger);

// Whether a state lasts.
void loss_watch_state(struct loss_watch *watch, enum loss_kind kind, bool lasts,
                      const char *detail);

// Looks at what it was fed with, and logs what is to be said at that time of both clocks.
void loss_watch_tick(struct loss_watch *watch, int64_t steady_ns, int64_t unix_ns);

// Any thread: a copy of all kinds.
void loss_watch_copy(struct loss_watch *watch, struct loss losses[static LOSS_COUNT]);
