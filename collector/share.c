#include "collector/share.h"

#include "collector/lane.h"
#include "collector/share_entry.h"
#include "common/base/log.h"
#include "common/sink/nats_link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define WAITING_MAX   4096        // announcements that were not put yet,
#define WAITING_BYTES (16u << 20) // and their bytes
#define BURST         2000        // puts at once,
#define PUTS_A_SECOND 50          // and in the long run: what forged exporters can fill
#define WATCH_MS      100
#define IDLE_MS       200
#define ANSWER_MS     3000
#define EXPIRY_NS     (INT64_C(7) * 24 * 3600 * 1000000000)

struct waiting {
    struct waiting *next;
    struct datagram announcement; // its bytes are behind it
};

struct share {
    const char *bucket;
    struct nats_link *link;
    struct lane *const *lanes;
    unsigned lane_count;
    uint64_t author; // random

    pthread_mutex_t lock; // guards the list and the flag
    struct waiting *first;
    struct waiting **last;
    unsigned waiting_count;
    size_t waiting_bytes;
    uint64_t left_out; // announcements that came too fast
    bool ending;

    pthread_t thread; // the rest is its own
    bool started;
    uint64_t generation;
    jsCtx *js;
    kvStore *store;
    kvWatcher *watcher;
    int64_t filled_ms; // when the allowance was reckoned
    int64_t allowance; // of puts
    uint64_t told_left_out;
    uint8_t entry[SHARE_ENTRY_MAX];
};

int share_check(const char *bucket)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return bucket[strspn(bucket, letters)] == '\0' ? 0 : -1;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void share_put(struct share *share, const struct datagram *announcement)
{
    struct waiting *one = NULL;
    if (announcement->len <= UINT16_MAX)
        one = malloc(sizeof *one + announcement->len);
    pthread_mutex_lock(&share->lock);
    if (one == NULL || share->waiting_count == WAITING_MAX ||
        share->waiting_bytes + announcement->len > WAITING_BYTES) {
        share->left_out++;
        pthread_mutex_unlock(&share->lock);
        free(one);
        return;
    }
    one->next = NULL;
    one->announcement = *announcement;
    one->announcement.data = memcpy(one + 1, announcement->data, announcement->len);
    *share->last = one;
    share->last = &one->next;
    share->waiting_count++;
    share->waiting_bytes += announcement->len;
    pthread_mutex_unlock(&share->lock);
}

static struct waiting *take_first(struct share *share)
{
    pthread_mutex_lock(&share->lock);
    struct waiting *one = share->first;
    if (one != NULL) {
        share->first = one->next;
        share->last = one->next == NULL ? &share->first : share->last;
        share->waiting_count--;
        share->waiting_bytes -= one->announcement.len;
    }
    pthread_mutex_unlock(&share->lock);
    return one;
}

static void forget(struct share *share)
{
    kvWatcher_Destroy(share->watcher);
    kvStore_Destroy(share->store);
    jsCtx_Destroy(share->js);
    share->watcher = NULL;
    share->store = NULL;
    share->js = NULL;
}

static natsStatus bind(struct share *share)
{
    jsOptions options;
    kvConfig config;
    jsOptions_Init(&options);
    options.Wait = ANSWER_MS;
    kvConfig_Init(&config);
    config.Bucket = share->bucket;
    config.History = 1;
    config.MaxBytes = SHARE_BUCKET_BYTES;
    config.TTL = EXPIRY_NS;
    natsStatus status = natsConnection_JetStream(&share->js, nats_link_connection(share->link),
                                                 &options);
    if (status == NATS_OK)
        status = js_KeyValue(&share->store, share->js, share->bucket);
    if (status == NATS_NOT_FOUND)
        status = js_CreateKeyValue(&share->store, share->js, &config);
    if (status == NATS_OK)
        status = kvStore_WatchAll(&share->watcher, share->store, NULL);
    return status;
}

// True when the bucket can be used; binds to it anew when the connection is new.
static bool ready(struct share *share)
{
    if (!nats_link_up(share->link))
        return false;
    uint64_t generation = nats_link_generation(share->link);
    if (share->watcher != NULL && generation == share->generation)
        return true;
    forget(share);
    share->generation = generation;
    natsStatus status = bind(share);
    if (status == NATS_OK)
        return true;
    nats_link_complain(share->link, "the bucket of templates cannot be had, trying again",
                       natsStatus_GetText(status));
    forget(share);
    return false;
}

// Puts what waits, as far as the allowance goes.
static void put_waiting(struct share *share)
{
    int64_t now = now_ms();
    share->allowance += (now - share->filled_ms) * PUTS_A_SECOND / 1000;
    if ((now - share->filled_ms) * PUTS_A_SECOND >= 1000)
        share->filled_ms = now;
    share->allowance = share->allowance > BURST ? BURST : share->allowance;
    while (share->allowance > 0) {
        char key[SHARE_KEY_MAX];
        struct waiting *one = take_first(share);
        if (one == NULL)
            return;
        if (share_key(&one->announcement, key)) {
            size_t len = share_write(&one->announcement, share->author, share->entry);
            natsStatus status = kvStore_Put(NULL, share->store, key, share->entry, (int)len);
            if (status != NATS_OK)
                nats_link_complain(share->link, "a template cannot be shared",
                                   natsStatus_GetText(status));
            share->allowance--;
        }
        free(one);
    }
}

static void take_entry(const struct share *share, kvEntry *entry)
{
    struct datagram announcement = {.len = 0};
    uint64_t author;
    if (kvEntry_Operation(entry) != kvOp_Put || kvEntry_ValueLen(entry) <= 0 ||
        !share_read(kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry), &author,
                    &announcement) ||
        author == share->author)
        return;
    for (unsigned i = 0; i < share->lane_count; i++)
        lane_borrow(share->lanes[i], &announcement);
}

static bool is_anything_waiting(struct share *share)
{
    pthread_mutex_lock(&share->lock);
    bool waiting = share->first != NULL;
    pthread_mutex_unlock(&share->lock);
    return waiting;
}

// Takes what others put, for at most a short time when there is nothing.
static void watch(struct share *share)
{
    kvEntry *entry = NULL;
    while (kvWatcher_Next(&entry, share->watcher, WATCH_MS) == NATS_OK) {
        if (entry != NULL) // NULL: the end of what was there before
            take_entry(share, entry);
        kvEntry_Destroy(entry);
        entry = NULL;
        if (is_anything_waiting(share))
            return;
    }
}

static void tell_left_out(struct share *share)
{
    pthread_mutex_lock(&share->lock);
    uint64_t left_out = share->left_out;
    pthread_mutex_unlock(&share->lock);
    if (left_out != 0 && share->told_left_out == 0)
        log_warn("templates come faster than they are shared, some are left out");
    share->told_left_out = left_out;
}

static bool is_ending(struct share *share)
{
    pthread_mutex_lock(&share->lock);
    bool ending = share->ending;
    pthread_mutex_unlock(&share->lock);
    return ending;
}

static void *run(void *user)
{
    struct share *share = user;
    while (!is_ending(share)) {
        if (!ready(share)) {
            nanosleep(&(struct timespec){.tv_nsec = IDLE_MS * 1000000}, NULL);
            continue;
        }
        put_waiting(share);
        watch(share);
        tell_left_out(share);
    }
    forget(share);
    return NULL;
}

static void no_event(void *user)
{
    (void)user;
}

int share_open(struct share **out, const struct nats_access *access, const char *bucket)
{
    static const struct nats_link_user user = {.name = "goflow2plus templates",
                                               .reconnected = no_event};
    *out = NULL;
    if (*bucket == '\0')
        return 0;
    struct share *share = calloc(1, sizeof *share);
    if (share == NULL || getrandom(&share->author, sizeof share->author, 0) < 0) {
        log_error("templates cannot be shared", "error", strerror(errno));
        free(share);
        return -1;
    }
    pthread_mutex_init(&share->lock, NULL);
    share->last = &share->first;
    share->bucket = bucket;
    share->allowance = BURST;
    share->filled_ms = now_ms();
    share->link = nats_link_open(access, &user);
    if (share->link != NULL) {
        *out = share;
        return 0;
    }
    share_end(share);
    return -1;
}

int share_start(struct share *share, struct lane *const *lanes, unsigned count)
{
    if (share == NULL)
        return 0;
    share->lanes = lanes;
    share->lane_count = count;
    int error = pthread_create(&share->thread, NULL, run, share);
    share->started = error == 0;
    if (error != 0)
        log_error("templates cannot be shared", "error", strerror(error));
    return error == 0 ? 0 : -1;
}

void share_end(struct share *share)
{
    struct waiting *one;
    if (share == NULL)
        return;
    pthread_mutex_lock(&share->lock);
    share->ending = true;
    pthread_mutex_unlock(&share->lock);
    if (share->started)
        pthread_join(share->thread, NULL);
    while ((one = take_first(share)) != NULL)
        free(one);
    nats_link_close(share->link);
    pthread_mutex_destroy(&share->lock);
    free(share);
}
