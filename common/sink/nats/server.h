// The list of servers as it is given: URLs with commas or spaces between them, of which each may
// name who logs in. Nothing is allocated.
//
//   [nats://|tls://][name:password@]host[:port]
//
// https://docs.nats.io/using-nats/developer/connecting
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>

#define NATS_SERVERS_MAX 32

// Why the list cannot be used: a text that never holds anything of it, or NULL. What stands behind
// a comma that was part of a password is found here, so that it never counts as a host.
const char *nats_servers_fault(const char *list);

// Whether one of them begins with tls://.
bool nats_servers_secure(const char *list);

// Writes the list without names and passwords. It must be without fault.
void nats_servers_put(struct buf *out, const char *list);

// In one URL taken out of the list, the separators that its name and password hold as %2C and %20
// become themselves. The NATS library takes everything else as it stands.
void nats_servers_unescape(char *url);
