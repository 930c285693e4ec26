// A connection to NATS servers that is tried for ever.
//
// One thread, the link's owner, connects and uses it; nothing else waits for the network. The
// library reconnects by itself; where it gives up (after two refusals of the credentials) the
// owner's next nats_link_up begins anew. What is wrong is logged when it changes, or once a minute.
#pragma once

#include "common/base/fault.h"
#include "common/sink/nats/option.h"

#include <nats/nats.h>
#include <stdint.h>

struct nats_link;

// Runs in a thread of the library: wake the owner up, no more.
typedef void nats_link_event(void *user);

// The server refuses messages to that subject: the user may not publish to it. Likewise.
typedef void nats_link_forbidden(void *user, const char *subject);

// What the link tells, and the one subject that its owner listens to. Borrowed for the link's life.
struct nats_link_user {
    const char *name;               // the client's name, as the server shows it
    const char *what;               // "output" and the like, to tell lines of the log apart
    nats_link_event *reconnected;   // what was sent before may be lost
    nats_link_forbidden *forbidden; // NULL: it is only logged
    void *user;
    const char *subject; // NULL: none
    const char *queue;   // group that shares the subject; NULL: none
    natsMsgHandler handler;
};

// Looks at the options and the files they name; nothing is sent yet. NULL after having logged why.
struct nats_link *nats_link_open(const struct nats_access *access,
                                 const struct nats_link_user *user);

// Gives up the connection and waits until no callback runs any more. For an owner that keeps
// messages of the library: to be destroyed after this and before the link is closed. The owner.
void nats_link_stop(struct nats_link *link);

// Stops the link and frees it. With the last one the threads of the library end.
void nats_link_close(struct nats_link *link);

// True when there is a connection to send over now; when there was none, tries to make one, which
// may take some seconds. The owner.
bool nats_link_up(struct nats_link *link);

// Connects once, for who only asks whether that goes: it may take some seconds. 0, or -1 with the
// fault filled.
int nats_link_try(struct nats_link *link, struct fault *fault);

// Counts the connections made, reconnections included. Any thread.
uint64_t nats_link_generation(const struct nats_link *link);

// For the owner, while nats_link_up says true.
natsConnection *nats_link_connection(struct nats_link *link);

// Logs what is wrong, unless it was said within the last minute. The owner.
void nats_link_complain(struct nats_link *link, const char *message, const char *error);

// The servers without names and passwords, for messages.
const char *nats_link_servers(const struct nats_link *link);
