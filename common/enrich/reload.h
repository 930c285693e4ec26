// New snapshots of context and databases, built aside while flows go on: the thread behind SIGHUP.
//
// One build at a time; a request during it starts another one afterwards, since the files may have
// changed meanwhile. A broken file is logged, and what was loaded before stays.
#pragma once

#include "common/enrich/snapshot.h"

// Called in the helper thread with each new snapshot; takes the reference over. Never after
// reload_end.
typedef void reload_adopt(void *user, struct snapshot *snapshot);

struct reload;

// The texts of `options` are borrowed for the life of the process, `user` until reload_end. NULL
// after having logged why.
struct reload *reload_start(const struct snapshot_options *options, reload_adopt *adopt,
                            void *user);
void reload_request(struct reload *reload);

// What became of the builds so far. Any thread.
struct reload_state {
    uint64_t built;
    uint64_t failed;
    struct snapshot_facts facts; // of the latest one built; left as it is when there is none
};
void reload_state(struct reload *reload, struct reload_state *state);

// A build that is under way is not waited for: the process is to end soon. NULL is allowed.
void reload_end(struct reload *reload);

// One line about what the snapshot holds.
void reload_log(const char *message, const struct snapshot *snapshot);
