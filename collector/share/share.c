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
#define HEARTBEAT_NS    INT64_C(5000000000) // of the server, when nothing is put
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
    natsSubscription *watch; // to what is put, and first to what was
    uint64_t watched;        // its messages so far
    bool all_read;           // what was there when it began
    int64_t filled_ms;       // when the allowance was reckoned
    int64_t allowance;       // of puts
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
    natsSubscription_Destroy(share->watch);
    kvStore_Destroy(share->store);
    jsCtx_Destroy(share->js);
    share->watch = NULL;
    share->store = NULL;
    share->js = NULL;
}

// The stream of a bucket, and the subjects of its keys (ADR-8).
struct names {
    char stream[BUCKET_NAME_MAX];
    char subject[BUCKET_NAME_MAX];
};

static struct names names_of(const struct share *share)
{
    struct names names;
    snprintf(names.stream, sizeof names.stream, "KV_%s", share->bucket);
    snprintf(names.subject, sizeof names.subject, "$KV.%s.>", share->bucket);
    return names;
}

// A bucket as the library would make it (ADR-8), but for what happens when it is full: there the
// oldest entries go. Exporters that go on announcing are put again and again, forged ones are not,
// or not for long.
static natsStatus make(struct share *share)
{
    struct names names = names_of(share);
    const char *subjects[] = {names.subject};
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = names.stream;
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

static void note_all_read(struct share *share)
{
    if (!share->all_read)
        log_debug("templates of other collectors are read", "bucket", share->bucket);
    share->all_read = true;
}

// Like the library's own watcher, but with a consumer that is made anew by us alone: that one makes
// it anew in a thread of the library, and may then be destroyed meanwhile (nats.c 3.4.1).
static natsStatus begin_watch(struct share *share)
{
    struct names names = names_of(share);
    jsConsumerInfo *info = NULL;
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = names.stream;
    options.Config.DeliverPolicy = js_DeliverLastPerSubject;
    options.Config.AckPolicy = js_AckNone;
    options.Config.Heartbeat = HEARTBEAT_NS;
    share->watched = 0;
    share->all_read = false;
    natsStatus status = js_SubscribeSync(&share->watch, share->js, names.subject, NULL, &options,
                                         NULL);
    // What is read is the bucket's, which is bounded.
    if (status == NATS_OK)
        status = natsSubscription_SetPendingLimits(share->watch, -1, -1);
    if (status == NATS_OK)
        status = natsSubscription_GetConsumerInfo(&info, share->watch, NULL, NULL);
    if (status == NATS_OK && info->NumPending == 0 && info->Delivered.Consumer == 0)
        note_all_read(share);
    jsConsumerInfo_Destroy(info);
    return status;
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
        status = begin_watch(share);
    return status;
}

// True when the bucket can be used; binds to it anew when the connection is new.
static bool ready(struct share *share)
{
    if (!nats_link_up(share->link))
        return false;
    uint64_t generation = nats_link_generation(share->link);
    if (share->watch != NULL && generation == share->generation)
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

static void take_entry(const struct share *share, const natsMsg *entry)
{
    struct datagram announcement = {.len = 0};
    uint64_t author;
    int len = natsMsg_GetDataLength(entry);
    if (len <= 0 ||
        !share_read((const uint8_t *)natsMsg_GetData(entry), (size_t)len, &author, &announcement) ||
        author == share->author)
        return;
    for (unsigned i = 0; i < share->lane_count; i++)
        lane_borrow(share->lanes[i], &announcement);
}

// Takes what others put. False when some of it did not come.
static bool take_message(struct share *share, natsMsg *message)
{
    const char *operation = NULL;
    jsMsgMetaData *place = NULL;
    bool next = natsMsg_GetMetaData(&place, message) == NATS_OK &&
                place->Sequence.Consumer == ++share->watched;
    if (next && natsMsgHeader_Get(message, "KV-Operation", &operation) != NATS_OK)
        take_entry(share, message);
    if (next && place->NumPending == 0)
        note_all_read(share);
    jsMsgMetaData_Destroy(place);
    return next;
}

// For at most a short time when there is nothing. What is wrong with the subscription is mended by
// a new one, which reads everything again.
static void watch(struct share *share)
{
    natsMsg *message = NULL;
    natsStatus status;
    while ((status = natsSubscription_NextMsg(&message, share->watch, WATCH_MS)) == NATS_OK) {
        bool next = take_message(share, message);
        natsMsg_Destroy(message);
        message = NULL;
        if (!next) {
            forget(share);
            return;
        }
        if (!share_queue_empty(&share->queue))
            return;
    }
    if (status != NATS_TIMEOUT)
        forget(share);
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
    static const struct nats_link_user user = {
        .name = "goflow2plus templates", .what = "templates", .reconnected = no_event};
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
