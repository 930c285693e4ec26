// CAP_NET_ADMIN, which receive buffers above net.core.rmem_max take, and nothing else here.
//
// Rights are a thread's own, and what it starts has them too. So a thread that only waits keeps the
// right, all others are without it from the start, and it ends with the opening of the sockets: a
// fault in what reads datagrams changes no interface and no route. The main thread's.
#pragma once

struct privilege;

// Before any other thread is started. NULL: there is no such right, or no thread to keep it.
struct privilege *privilege_set_apart(void);

// Does the work with the right, which is gone then: returns what it returned. Without a privilege
// the caller's thread does it.
typedef int privileged_work(void *user);
int privilege_spend(struct privilege **privilege, privileged_work *work, void *user);

// One that was not spent; NULL is allowed.
void privilege_free(struct privilege *privilege);
