// How the bare programs reach the server: as the daemons do, without their care for what goes
// wrong.
#pragma once

#include <nats/nats.h>

// Connects, and opens JetStream with a window of that many messages (0: the library's own).
natsStatus bare_link_open(const char *server, int64_t window, natsConnection **connection,
                          jsCtx **js);
void bare_link_close(natsConnection *connection, jsCtx *js);
