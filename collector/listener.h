// The sockets of one -listen URI: bound, dimensioned and grouped, all before the first worker runs.
//
// Main thread. The sockets are closed together: one that left its group would move the exporters
// of all others.
#pragma once

#include "collector/listen_uri.h"

struct listener {
    struct listen_uri uri;
    unsigned count; // of sockets; socket i belongs to worker i
    int fds[LISTEN_SOCKETS_MAX];
};

// 0, or -1 after having logged why.
int listener_open(struct listener *listener, const struct listen_uri *uri);

// From now on nothing comes to the sockets, and the kernel tells senders that nobody listens; what
// has come is there to be read.
void listener_refuse(const struct listener *listener);
void listener_close(struct listener *listener);
