#include "collector/privilege.h"

#include "common/base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NET_ADMIN (UINT32_C(1) << CAP_NET_ADMIN)

struct privilege {
    pthread_t thread;
    sem_t wanted;
    privileged_work *work; // NULL: it is not needed
    void *user;
    int result;
};

typedef struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3];

// Of the calling thread.
static bool read_rights(rights of)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, of) == 0;
}

// What is not permitted leaves the ambient set by itself.
static int drop_right(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    rights own;
    if (!read_rights(own))
        return -1;
    own[0].effective &= ~NET_ADMIN;
    own[0].permitted &= ~NET_ADMIN;
    own[0].inheritable &= ~NET_ADMIN;
    return (int)syscall(SYS_capset, &header, own);
}

static void *keep_right(void *user)
{
    struct privilege *privilege = user;
    while (sem_wait(&privilege->wanted) != 0)
        continue;
    if (privilege->work != NULL)
        privilege->result = privilege->work(privilege->user);
    return NULL;
}

// Signals are for the main thread.
static int start_keeper(struct privilege *privilege)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&privilege->thread, NULL, keep_right, privilege);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static struct privilege *fail(struct privilege *privilege, int error)
{
    log_warn("CAP_NET_ADMIN is kept while the collector runs", "error", strerror(error));
    free(privilege);
    return NULL;
}

struct privilege *privilege_set_apart(void)
{
    rights own;
    if (!read_rights(own) || (own[0].permitted & NET_ADMIN) == 0)
        return NULL;
    struct privilege *privilege = calloc(1, sizeof *privilege);
    if (privilege == NULL || sem_init(&privilege->wanted, 0, 0) != 0)
        return fail(privilege, errno);
    int result = start_keeper(privilege);
    if (result != 0) {
        sem_destroy(&privilege->wanted);
        return fail(privilege, -result);
    }
    if (drop_right() == 0)
        return privilege;
    int error = errno;
    privilege_free(privilege);
    return fail(NULL, error);
}

static int end(struct privilege *privilege, privileged_work *work, void *user)
{
    privilege->work = work;
    privilege->user = user;
    sem_post(&privilege->wanted);
    pthread_join(privilege->thread, NULL);
    int result = privilege->result;
    sem_destroy(&privilege->wanted);
    free(privilege);
    return result;
}

int privilege_spend(struct privilege **privilege, privileged_work *work, void *user)
{
    struct privilege *spent = *privilege;
    *privilege = NULL;
    return spent == NULL ? work(user) : end(spent, work, user);
}

void privilege_free(struct privilege *privilege)
{
    if (privilege != NULL)
        end(privilege, NULL, NULL);
}
