#include "collector/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *box)
{
    *box = (struct mailbox){.first = NULL};
    box->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (box->event_fd < 0)
        return -errno;
    pthread_mutex_init(&box->lock, NULL);
    return 0;
}

void mailbox_fini(struct mailbox *box)
{
    assert(box->first == NULL);
    close(box->event_fd);
    pthread_mutex_destroy(&box->lock);
}

int mailbox_fd(const struct mailbox *box)
{
    return box->event_fd;
}

int mailbox_post(struct mailbox *box, enum mail_kind kind, void *payload)
{
    struct mail *mail = malloc(sizeof *mail);
    if (mail == NULL)
        return -ENOMEM;
    *mail = (struct mail){.next = NULL, .kind = kind, .payload = payload};
    pthread_mutex_lock(&box->lock);
    if (box->first == NULL)
        box->first = mail;
    else
        box->last->next = mail;
    box->last = mail;
    atomic_store(&box->full, true);
    pthread_mutex_unlock(&box->lock);
    const uint64_t one = 1;
    ssize_t written = write(box->event_fd, &one, sizeof one);
    (void)written; // fails only when the counter is full, and then it is readable as well
    return 0;
}

struct mail *mailbox_take(struct mailbox *box)
{
    if (!atomic_load(&box->full))
        return NULL;
    uint64_t count;
    ssize_t got = read(box->event_fd, &count, sizeof count);
    (void)got; // nothing there yet: the post is on its way and wakes once more, for nothing
    pthread_mutex_lock(&box->lock);
    struct mail *all = box->first;
    box->first = NULL;
    box->last = NULL;
    atomic_store(&box->full, false);
    pthread_mutex_unlock(&box->lock);
    return all;
}
