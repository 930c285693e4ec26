// Mail for a thread that nothing else reaches into: a list and an eventfd to poll.
//
// Anyone posts; the owner takes all there is, between batches, and serves it in its own time.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum mail_kind {
    MAIL_STOP,         // finish what is received already, then end
    MAIL_SNAPSHOT,     // a struct snapshot reference, taken over
    MAIL_LAYOUT,       // a struct layout reference, taken over
    MAIL_ALLOW,        // a struct allow reference, taken over
    MAIL_LEDGER,       // copy the books out
    MAIL_ERRAND,       // a struct errand to run (lane.h)
    MAIL_ANNOUNCEMENT, // a struct datagram with its bytes behind it, taken over
    MAIL_BORROWED,     // the same, of another collector
};

struct mail {
    struct mail *next;
    enum mail_kind kind;
    void *payload;
};

struct mailbox {
    pthread_mutex_t lock;
    struct mail *first;
    struct mail *last;
    atomic_bool full; // some mail is there: a look costs no lock
    int event_fd;
};

// 0, or a negative errno.
int mailbox_init(struct mailbox *box);

// Mail must have been taken before: its payloads are not known here.
void mailbox_fini(struct mailbox *box);

// Readable while there is mail.
int mailbox_fd(const struct mailbox *box);

// 0, or -ENOMEM, and then the payload stays the caller's.
int mailbox_post(struct mailbox *box, enum mail_kind kind, void *payload);

// All mail in the order it was posted, or NULL. The owner frees each with free().
struct mail *mailbox_take(struct mailbox *box);
