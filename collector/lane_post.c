// What other threads ask of a lane, through its mailbox.
#include "collector/lane_state.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <time.h>

void lane_stop(struct lane *lane)
{
    while (mailbox_post(&lane->mailbox, MAIL_STOP, NULL) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); // no memory: it must arrive
}

void lane_adopt(struct lane *lane, struct snapshot *snapshot)
{
    if (mailbox_post(&lane->mailbox, MAIL_SNAPSHOT, snapshot) == 0)
        return;
    log_error("new context and databases not handed to a worker", "error", "out of memory");
    snapshot_unref(snapshot);
}

void lane_lay_out(struct lane *lane, struct layout *layout)
{
    if (mailbox_post(&lane->mailbox, MAIL_LAYOUT, layout) == 0)
        return;
    log_error("new mapping not handed to a worker", "error", "out of memory");
    layout_unref(layout);
}

void lane_allow(struct lane *lane, struct allow *allow)
{
    if (mailbox_post(&lane->mailbox, MAIL_ALLOW, allow) == 0)
        return;
    log_error("new allow-list not handed to a worker", "error", "out of memory");
    allow_unref(allow);
}

int lane_ask(struct lane *lane, struct lane_report *report, int timeout_ms)
{
    struct timespec until = clock_steady_after(timeout_ms * CLOCK_NS_PER_MS);
    int result = 0;
    pthread_mutex_lock(&lane->lock);
    if (lane->asked == lane->answer) // else the one before is still on its way, and serves
        result = mailbox_post(&lane->mailbox, MAIL_LEDGER, NULL);
    uint64_t question = lane->asked + 1;
    if (result == 0)
        lane->asked = question;
    while (result == 0 && lane->answer < question)
        result = -pthread_cond_timedwait(&lane->answered, &lane->lock, &until);
    *report = lane->copy;
    pthread_mutex_unlock(&lane->lock);
    return result;
}

int lane_send(struct lane *lane, struct errand *errand)
{
    errand->done = false;
    errand->abandoned = false;
    return mailbox_post(&lane->mailbox, MAIL_ERRAND, errand);
}

bool lane_await(struct lane *lane, struct errand *errand, const struct timespec *until)
{
    int error = 0;
    pthread_mutex_lock(&lane->lock);
    while (!errand->done && error == 0)
        error = pthread_cond_timedwait(&lane->answered, &lane->lock, until);
    bool done = errand->done;
    errand->abandoned = !done;
    pthread_mutex_unlock(&lane->lock);
    return done;
}
