// Which socket of a SO_REUSEPORT group gets a datagram: a classic BPF program run by the kernel.
//
// The kernel's own choice hashes the ports as well and moves when sockets change; an exporter must
// stay with one worker, which knows its templates.
#pragma once

#include "collector/listen_uri.h"

// Attaches the program to the group that `fd` is in, once all `sockets` of it are bound. 0, or a
// negative errno.
int balance_attach(int fd, enum listen_balance balance, unsigned sockets);

// Which of the sockets gets the datagrams of that sender, by the same rule; `sockets` when that is
// not certain (packet).
unsigned balance_pick(enum listen_balance balance, const struct addr *source, uint16_t port,
                      unsigned sockets);
