// Snapshots built aside while flows go on: the helper thread behind SIGHUP.
//
// Its functions are the main thread's. One build runs at a time; a request during it starts another
// when it is done, since files may have changed meanwhile.
#pragma once

#include "common/enrich/snapshot.h"
#include "enricher/worker.h"

struct reload;

// The texts of `options` are borrowed for the life of the process, `worker` until reload_free. NULL
// after having logged why.
struct reload *reload_new(const struct snapshot_options *options, struct worker *worker);

// Builds a snapshot and offers it to the worker; a broken file is logged and the old one stays.
void reload_request(struct reload *reload);

// Nothing is offered any more. A build that runs is not waited for: the process is to end soon.
void reload_free(struct reload *reload);

// One line about what a snapshot holds.
void reload_log(const char *message, const struct snapshot *snapshot);
