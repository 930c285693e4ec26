#include "common/sink/nats/link.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mute.h"
#include "common/sink/nats/server.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS        2000
#define AGAIN_MS          1000 // between attempts to connect
#define RECONNECT_WAIT_MS 250
#define PING_MS           5000 // a server that is silent is given up after three of these
#define WRITE_MS          5000 // and one that takes no bytes after this
#define IO_BYTES          (256 << 10)
#define COMPLAINT_MS      60000
#define REFUSALS_MAX      8 // that are logged in that time: each message sent may be refused
#define NKEY_FILE_MAX     4096
#define NKEY_PUBLIC_LEN   56
#define THREADS_END_MS    2000
#define KEPT_BYTES        (32 << 20)
#define SUBJECT_MAX       256

// Open links of the process, as the library and its threads are the process's: the threads of a
// connection end some time after it was destroyed, and one that still reads TLS while exit() cleans
// up OpenSSL reads freed memory. The last link to be closed waits for them.
static atomic_int links;

struct nats_link {
    struct nats_link_user user;
    natsOptions *options;
    natsConnection *connection;
    natsSubscription *subscription;
    char *servers; // for messages
    int64_t tried_ms;
    int64_t complained_ms;
    char complaint[256];
    atomic_ullong generation;
    struct mute refusals; // the library's thread for such callbacks

    pthread_mutex_t lock; // guards `callbacks`
    pthread_cond_t quiet;
    int callbacks; // that will still come: the end of a connection, the end of a subscription
};

static void expect_callback(struct nats_link *link, int count)
{
    pthread_mutex_lock(&link->lock);
    link->callbacks += count;
    pthread_cond_signal(&link->quiet);
    pthread_mutex_unlock(&link->lock);
}

static void on_disconnected(natsConnection *connection, void *user)
{
    struct nats_link *link = user;
    if (!natsConnection_IsClosed(connection))
        log_warn("NATS connection lost, reconnecting", "connection", link->user.what, "servers",
                 link->servers);
}

static void on_reconnected(natsConnection *connection, void *user)
{
    struct nats_link *link = user;
    (void)connection;
    log_info("NATS connected again", "connection", link->user.what, "servers", link->servers);
    atomic_fetch_add(&link->generation, 1);
    link->user.reconnected(link->user.user);
}

static void on_closed(natsConnection *connection, void *user)
{
    (void)connection;
    expect_callback(user, -1);
}

static void on_complete(void *user)
{
    expect_callback(user, -1);
}

// What the library said last to this thread.
static const char *last_error(natsStatus status)
{
    natsStatus latest;
    const char *text = nats_GetLastError(&latest);
    return text == NULL || *text == '\0' || latest != status ? natsStatus_GetText(status) : text;
}

// Tells the owner of which subject that is said.
static void tell_forbidden(struct nats_link *link, const char *error)
{
    static const char words[] = "Permissions Violation for Publish to \"";
    const char *found = link->user.forbidden == NULL ? NULL : strcasestr(error, words);
    char subject[SUBJECT_MAX];
    if (found == NULL)
        return;
    found += sizeof words - 1;
    snprintf(subject, sizeof subject, "%.*s", (int)strcspn(found, "\""), found);
    link->user.forbidden(link->user.user, subject);
}

// The library's own would print; slow consumers are counted where they belong. The text is this
// thread's, set by the library before the call; the connection's may be written at this moment.
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
                     void *user)
{
    struct nats_link *link = user;
    uint64_t skipped = 0;
    (void)connection;
    if (status == NATS_SLOW_CONSUMER || subscription != NULL)
        return;
    const char *error = last_error(status);
    tell_forbidden(link, error);
    enum mute_answer answer = mute_ask(&link->refusals, clock_steady_ns(), &skipped);
    if (skipped != 0)
        log_warn("more was refused", "times", log_unsigned(skipped).text);
    if (answer == MUTE_WRITE)
        log_warn("NATS server refuses", "connection", link->user.what, "servers", link->servers,
                 "error", error);
}

static natsStatus set_servers(natsOptions *options, const char *list)
{
    const char *servers[NATS_SERVERS_MAX];
    int count = 0;
    char *rest = NULL;
    char *copy = strdup(list);
    if (copy == NULL)
        return NATS_NO_MEMORY;
    for (char *one = strtok_r(copy, ", ", &rest); one != NULL && count < NATS_SERVERS_MAX;
         one = strtok_r(NULL, ", ", &rest)) {
        nats_servers_unescape(one);
        servers[count++] = one;
    }
    natsStatus status = natsOptions_SetServers(options, servers, count);
    free(copy);
    return status;
}

// The file of an nkey holds its seed and, since the library cannot compute it, the public key: a
// word of 56 letters that begins with U.
static natsStatus set_nkey(natsOptions *options, const char *path)
{
    char text[NKEY_FILE_MAX];
    FILE *file = fopen(path, "re");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        fclose(file);
    text[len] = '\0';
    natsStatus status = NATS_NOT_FOUND;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t\r\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &rest))
        if (*word == 'U' && strlen(word) == NKEY_PUBLIC_LEN)
            status = natsOptions_SetNKeyFromSeed(options, word, path);
    explicit_bzero(text, sizeof text);
    return status;
}

struct setting {
    const char *option;
    const char *file;
    natsStatus status;
};

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static natsStatus readable(const char *file)
{
    return !is_set(file) || access(file, R_OK) == 0 ? NATS_OK : NATS_NOT_FOUND;
}

// Stops at the first that is refused, and says which.
static natsStatus set_credentials(natsOptions *options, const struct nats_access *a,
                                  struct setting *at)
{
    natsStatus status = NATS_OK;
    if (is_set(a->token)) {
        *at = (struct setting){.option = "token"};
        status = natsOptions_SetToken(options, a->token);
    }
    if (status == NATS_OK && is_set(a->creds)) {
        *at = (struct setting){.option = "creds", .file = a->creds};
        status = readable(a->creds);
        if (status == NATS_OK)
            status = natsOptions_SetUserCredentialsFromFiles(options, a->creds, NULL);
    }
    if (status == NATS_OK && is_set(a->nkey)) {
        *at = (struct setting){.option = "nkey", .file = a->nkey};
        status = set_nkey(options, a->nkey);
    }
    return status;
}

// One server that is named with tls:// is enough for all of them, and for those that they name: who
// answers without TLS gets neither a password nor flows.
static natsStatus set_tls(natsOptions *options, const struct nats_access *a, struct setting *at)
{
    natsStatus status = NATS_OK;
    if (!is_set(a->tls_ca) && !is_set(a->tls_cert) && !is_set(a->tls_key) && !a->tls_insecure &&
        !nats_servers_secure(a->servers))
        return NATS_OK;
    *at = (struct setting){.option = "tls"};
    status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && is_set(a->tls_ca)) {
        *at = (struct setting){.option = "tls.ca", .file = a->tls_ca};
        status = natsOptions_LoadCATrustedCertificates(options, a->tls_ca);
    }
    if (status == NATS_OK && is_set(a->tls_key)) {
        *at = (struct setting){.option = "tls.key", .file = a->tls_key};
        status = readable(a->tls_key);
    }
    if (status == NATS_OK && is_set(a->tls_cert)) {
        *at = (struct setting){.option = "tls.cert", .file = a->tls_cert};
        status = natsOptions_LoadCertificatesChain(options, a->tls_cert, a->tls_key);
    }
    if (status == NATS_OK && a->tls_insecure)
        status = natsOptions_SkipServerVerification(options, true);
    return status;
}

static natsStatus set_behaviour(natsOptions *options, struct nats_link *link)
{
    natsStatus status = natsOptions_SetName(options, link->user.name);
    const struct {
        natsStatus (*set)(natsOptions *, int64_t);
        int64_t ms;
    } times[] = {{natsOptions_SetTimeout, CONNECT_MS},
                 {natsOptions_SetReconnectWait, RECONNECT_WAIT_MS},
                 {natsOptions_SetPingInterval, PING_MS},
                 {natsOptions_SetWriteDeadline, WRITE_MS}};
    for (size_t i = 0; i < sizeof times / sizeof times[0] && status == NATS_OK; i++)
        status = times[i].set(options, times[i].ms);
    if (status == NATS_OK)
        status = natsOptions_SetAllowReconnect(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, -1);
    if (status == NATS_OK)
        status = natsOptions_SetMaxPingsOut(options, 2);
    if (status == NATS_OK)
        status = natsOptions_SetIOBufSize(options, IO_BYTES);
    if (status == NATS_OK)
        status = natsOptions_SetFailRequestsOnDisconnect(options, true);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, on_error, link);
    if (status == NATS_OK)
        status = natsOptions_SetDisconnectedCB(options, on_disconnected, link);
    if (status == NATS_OK)
        status = natsOptions_SetReconnectedCB(options, on_reconnected, link);
    if (status == NATS_OK)
        status = natsOptions_SetClosedCB(options, on_closed, link);
    return status;
}

// The library does not tell a file that is not there from one that is no certificate.
static int refuse(const struct setting *at, natsStatus status)
{
    static const struct {
        const char *option;
        const char *wanted;
    } files[] = {
        {"creds", "a credentials file"},
        {"nkey", "a readable file with a seed (SU...) and its public key (U...)"},
        {"tls.ca", "a PEM file of certificates"},
        {"tls.key", "a PEM file with the key of the certificate"},
        {"tls.cert", "a PEM file with the certificate of the key"},
    };
    const char *wanted = "what the NATS library takes";
    const char *error = natsStatus_GetText(status);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strcmp(files[i].option, at->option) == 0)
            wanted = files[i].wanted;
    if (is_set(at->file) && access(at->file, R_OK) != 0)
        error = strerror(errno);
    log_error("NATS options", "option", at->option, "file", is_set(at->file) ? at->file : "",
              "error", error, "wanted", wanted);
    return -1;
}

static int set_options(struct nats_link *link, const struct nats_access *access)
{
    struct setting at = {.option = "servers"};
    natsStatus status = natsOptions_Create(&link->options);
    if (status == NATS_OK)
        status = set_servers(link->options, access->servers);
    if (status == NATS_OK)
        status = set_behaviour(link->options, link);
    if (status == NATS_OK)
        status = set_credentials(link->options, access, &at);
    if (status == NATS_OK)
        status = set_tls(link->options, access, &at);
    return status == NATS_OK ? 0 : refuse(&at, status);
}

// The servers without who logs in. NULL after having logged why there is none.
static char *public_servers(const char *list)
{
    char text[1024];
    struct buf out = buf_over(text, sizeof text - 1);
    const char *fault = nats_servers_fault(list);
    if (fault != NULL) {
        log_error("NATS options", "option", "servers", "error", fault);
        return NULL;
    }
    nats_servers_put(&out, list);
    text[out.len] = '\0';
    return strdup(text);
}

struct nats_link *nats_link_open(const struct nats_access *access,
                                 const struct nats_link_user *user)
{
    struct nats_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        log_error("NATS", "error", strerror(ENOMEM));
        return NULL;
    }
    // Messages come and go by the thousand: memory that goes back to the kernel between them is
    // cleared and mapped anew, which took a tenth of the time of a busy daemon.
    if (atomic_fetch_add(&links, 1) == 0)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    link->user = *user;
    link->refusals = (struct mute){.lines = REFUSALS_MAX,
                                   .interval_ns = COMPLAINT_MS * INT64_C(1000000)};
    link->tried_ms = -AGAIN_MS;
    pthread_mutex_init(&link->lock, NULL);
    pthread_cond_init(&link->quiet, NULL);
    link->servers = public_servers(access->servers);
    if (link->servers != NULL && set_options(link, access) == 0)
        return link;
    nats_link_close(link);
    return NULL;
}

static void disconnect(struct nats_link *link)
{
    natsSubscription_Destroy(link->subscription);
    natsConnection_Destroy(link->connection);
    link->subscription = NULL;
    link->connection = NULL;
}

void nats_link_stop(struct nats_link *link)
{
    disconnect(link);
    pthread_mutex_lock(&link->lock);
    while (link->callbacks != 0)
        pthread_cond_wait(&link->quiet, &link->lock);
    pthread_mutex_unlock(&link->lock);
}

void nats_link_close(struct nats_link *link)
{
    if (link == NULL)
        return;
    nats_link_stop(link);
    natsOptions_Destroy(link->options);
    pthread_mutex_destroy(&link->lock);
    pthread_cond_destroy(&link->quiet);
    free(link->servers);
    free(link);
    if (atomic_fetch_sub(&links, 1) == 1)
        nats_CloseAndWait(THREADS_END_MS);
}

void nats_link_complain(struct nats_link *link, const char *message, const char *error)
{
    char line[sizeof link->complaint];
    int64_t now = clock_steady_ms();
    snprintf(line, sizeof line, "%s: %s", message, error);
    if (strcmp(line, link->complaint) == 0 && now - link->complained_ms < COMPLAINT_MS)
        return;
    memcpy(link->complaint, line, sizeof line);
    link->complained_ms = now;
    log_warn(message, "connection", link->user.what, "servers", link->servers, "error", error);
}

static natsStatus subscribe(struct nats_link *link)
{
    natsSubscription **sub = &link->subscription;
    const struct nats_link_user *u = &link->user;
    if (u->subject == NULL)
        return NATS_OK;
    natsStatus status = u->queue == NULL
                            ? natsConnection_Subscribe(sub, link->connection, u->subject,
                                                       u->handler, u->user)
                            : natsConnection_QueueSubscribe(sub, link->connection, u->subject,
                                                            u->queue, u->handler, u->user);
    if (status != NATS_OK)
        return status;
    expect_callback(link, 1);
    status = natsSubscription_SetOnCompleteCB(*sub, on_complete, link);
    if (status != NATS_OK)
        expect_callback(link, -1);
    else
        status = natsSubscription_SetPendingLimits(*sub, -1, -1);
    return status;
}

static void connect_anew(struct nats_link *link)
{
    disconnect(link);
    natsStatus status = natsConnection_Connect(&link->connection, link->options);
    if (status != NATS_OK) {
        link->connection = NULL;
        nats_link_complain(link, "NATS cannot be reached, trying again", last_error(status));
        return;
    }
    expect_callback(link, 1); // on_closed
    status = subscribe(link);
    if (status != NATS_OK) {
        nats_link_complain(link, "NATS subscription failed", last_error(status));
        disconnect(link);
        return;
    }
    link->complaint[0] = '\0';
    log_info("NATS connected", "connection", link->user.what, "servers", link->servers);
    atomic_fetch_add(&link->generation, 1);
}

bool nats_link_up(struct nats_link *link)
{
    bool closed = link->connection == NULL || natsConnection_IsClosed(link->connection);
    if (closed && clock_steady_ms() - link->tried_ms >= AGAIN_MS) {
        connect_anew(link);
        link->tried_ms = clock_steady_ms();
    }
    return link->connection != NULL &&
           natsConnection_Status(link->connection) == NATS_CONN_STATUS_CONNECTED;
}

int nats_link_try(struct nats_link *link, struct fault *fault)
{
    natsStatus status = natsConnection_Connect(&link->connection, link->options);
    if (status != NATS_OK) {
        link->connection = NULL;
        return fault_set(fault, "%s: cannot be reached: %s", link->servers, last_error(status));
    }
    expect_callback(link, 1); // on_closed
    return 0;
}

uint64_t nats_link_generation(const struct nats_link *link)
{
    return atomic_load(&link->generation);
}

natsConnection *nats_link_connection(struct nats_link *link)
{
    return link->connection;
}

const char *nats_link_servers(const struct nats_link *link)
{
    return link->servers;
}
