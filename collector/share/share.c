#include "collector/share/share.h"

#include "collector/lane.h"
#include "collector/share/entry.h"
#include "collector/share/queue.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/sink/nats/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BURST           2000 // puts at once,
#define PUTS_A_SECOND   50   // and in the long run: what forged exporters can fill
#define WATCH_MS        100
#define IDLE_MS         200
#define ANSWER_MS       3000
#define EXPIRY_NS       (INT64_C(7) * 24 * 3600 * 1000000000)
#define BUCKET_NAME_MAX 256

struct share {
    const char *bucket;
    struct nats_link *link;
    struct lane *const *lanes;
    unsigned lane_count;
    int64_t replicas;
    uint64_t author; // random
    struct share_queue queue;
    atomic_bool ending;

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
    size_t len = strspn(bucket, letters);
    return bucket[len] == '\0' && len < BUCKET_NAME_MAX - sizeof "$KV..>" ? 0 : -1;
}

void share_put(struct share *share, const struct datagram *announcement, bool proven)
{
    share_queue_put(&share->queue, announcement, proven);
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

// A bucket as the library would make it (ADR-8), but for what happens when it is full: there the
// oldest entries go. Exporters that go on announcing are put again and again, forged ones are not,
// or not for long.
static natsStatus make(struct share *share)
{
    char stream[BUCKET_NAME_MAX];
    char subject[BUCKET_NAME_MAX];
    const char *subjects[] = {subject};
    jsStreamConfig config;
    snprintf(stream, sizeof stream, "KV_%s", share->bucket);
    snprintf(subject, sizeof subject, "$KV.%s.>", share->bucket);
    jsStreamConfig_Init(&config);
    config.Name = stream;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.MaxMsgsPerSubject = 1;
    config.MaxBytes = SHARE_BUCKET_BYTES;
    config.MaxAge = EXPIRY_NS;
    config.Replicas = share->replicas;
    config.Discard = js_DiscardOld;
    config.AllowRollup = true;
    config.DenyDelete = true;
    natsStatus status = js_AddStream(NULL, share->js, &config, NULL, NULL);
    return status == NATS_OK ? js_KeyValue(&share->store, share->js, share->bucket) : status;
}

static natsStatus bind(struct share *share)
{
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = ANSWER_MS;
    natsStatus status = natsConnection_JetStream(&share->js, nats_link_connection(share->link),
                                                 &options);
    if (status == NATS_OK)
        status = js_KeyValue(&share->store, share->js, share->bucket);
    if (status == NATS_NOT_FOUND)
        status = make(share);
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
    int64_t now = clock_steady_ms();
    share->allowance += (now - share->filled_ms) * PUTS_A_SECOND / 1000;
    if ((now - share->filled_ms) * PUTS_A_SECOND >= 1000)
        share->filled_ms = now;
    share->allowance = share->allowance > BURST ? BURST : share->allowance;
    while (share->allowance > 0) {
        char key[SHARE_KEY_MAX];
        struct share_item *one = share_queue_take(&share->queue);
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

// Takes what others put, for at most a short time when there is nothing.
static void watch(struct share *share)
{
    kvEntry *entry = NULL;
    while (kvWatcher_Next(&entry, share->watcher, WATCH_MS) == NATS_OK) {
        if (entry != NULL)
            take_entry(share, entry);
        else // the end of what was there before
            log_debug("templates of other collectors are read", "bucket", share->bucket);
        kvEntry_Destroy(entry);
        entry = NULL;
        if (!share_queue_empty(&share->queue))
            return;
    }
}

static void tell_left_out(struct share *share)
{
    uint64_t left_out = share_queue_left_out(&share->queue);
    if (left_out != 0 && share->told_left_out == 0)
        log_warn("templates come faster than they are shared, some are left out");
    share->told_left_out = left_out;
}

static void *run(void *user)
{
    struct share *share = user;
    while (!atomic_load(&share->ending)) {
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

int share_open(struct share **out, const struct nats_options *options, const char *bucket)
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
    share_queue_init(&share->queue);
    share->bucket = bucket;
    share->replicas = options->making.replicas;
    share->allowance = BURST;
    share->filled_ms = clock_steady_ms();
    share->link = nats_link_open(&options->access, &user);
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
    if (share == NULL)
        return;
    atomic_store(&share->ending, true);
    if (share->started)
        pthread_join(share->thread, NULL);
    nats_link_close(share->link);
    share_queue_fini(&share->queue);
    free(share);
}
