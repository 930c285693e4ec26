// Whether datagrams spread over the workers: one exporter, or an unlucky choice of addresses, may
// leave all the work to one of them.
//
// Main thread.
#pragma once

#include "collector/lane.h"
#include "collector/listen_uri.h"

struct spread {
    uint64_t seen[LISTEN_SOCKETS_MAX]; // datagrams of each lane when last looked at
    bool uneven;                       // said so already
};

// Asks every lane and warns when one took more than four fifths since the last call.
void spread_watch(struct spread *spread, struct lane *const *lanes, unsigned count);

// The part that decides: the number of the lane that took more than four fifths of the datagrams,
// or -1.
int spread_heaviest(const uint64_t *datagrams, unsigned count);
