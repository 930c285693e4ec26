#include "common/sink/nats/option.h"

#include "common/base/clock.h"
#include "common/sink/nats/message.h"
#include "common/sink/nats/server.h"
#include "common/sink/nats/spool.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array)    (sizeof(array) / sizeof(array)[0])
#define WINDOW_MAX      65536
#define BATCH_FLOWS_MAX 65536
#define REPLICAS_MAX    5
#define LINGER_MAX_NS   (60 * CLOCK_NS_PER_S)
#define NAME_ROOM       64 // for the name of a flag

// A table of rows cannot be written with a prefix in a variable: names are texts of the program.
#define ACCESS_ROWS(prefix, o, first_group)                                                        \
    {prefix "servers", OPTION_URLS, &(o)->servers,                                                 \
     "Servers, comma-separated `URLs`, nats:// or tls://; a name and a password may stand\n"       \
     "in them; one of tls:// makes TLS of all",                                                    \
     first_group},                                                                                 \
        {prefix "url", OPTION_URLS, &(o)->servers, "Another name of it: `URLs`", NULL},            \
        {prefix "token", OPTION_SECRET, &(o)->token, "Authentication by this `token`", NULL},      \
        {prefix "creds", OPTION_STRING, &(o)->creds, "Authentication by this credentials `file`",  \
         NULL},                                                                                    \
        {prefix "nkey", OPTION_STRING, &(o)->nkey,                                                 \
         "Authentication by the seed and public key in this `file`", NULL},                        \
        {prefix "tls.ca", OPTION_STRING, &(o)->tls_ca,                                             \
         "TLS: the authorities that sign servers, a PEM `file`", NULL},                            \
        {prefix "tls.cert", OPTION_STRING, &(o)->tls_cert,                                         \
         "TLS: our own certificate, a PEM `file`", NULL},                                          \
        {prefix "tls.key", OPTION_STRING, &(o)->tls_key, "TLS: its key, a PEM `file`", NULL},      \
    {                                                                                              \
        prefix "tls.insecure", OPTION_BOOL, &(o)->tls_insecure,                                    \
            "TLS without looking who the server is", NULL                                          \
    }

struct nats_access nats_access_defaults(void)
{
    return (struct nats_access){
        .servers = "nats://localhost:4222",
        .token = "",
        .creds = "",
        .nkey = "",
        .tls_ca = "",
        .tls_cert = "",
        .tls_key = "",
    };
}

struct nats_options nats_options_defaults(const char *stream, const char *subject)
{
    return (struct nats_options){
        .access = nats_access_defaults(),
        .making = {.create = true,
                   .replicas = 1,
                   .max_age_ns = 24 * 3600 * CLOCK_NS_PER_S,
                   .max_bytes = UINT64_C(1) << 30,
                   .duplicates_ns = 120 * CLOCK_NS_PER_S,
                   .storage = "file",
                   .retention = "limits",
                   .discard = "old"},
        .stream = stream,
        .subject = subject,
        .batch_bytes = 15 << 10,
        .batch_flows = 256,
        .linger_ns = 100 * CLOCK_NS_PER_MS,
        .window = 1024,
        .spool = "",
        .spool_bytes = UINT64_C(1) << 30,
    };
}

size_t nats_transport_rows(struct option *rows, struct nats_options *o)
{
    const struct option table[] = {
        ACCESS_ROWS("transport.nats.", &o->access, "Output to NATS JetStream"),
        {"transport.nats.stream", OPTION_STRING, &o->stream, "Stream by `name`", NULL},
        {"transport.nats.subject", OPTION_STRING, &o->subject,
         "The messages' `subject`; {type}, {sampler_address} and others stand for a\n"
         "flow's value, {key:N} for its partition",
         NULL},
        {"transport.nats.batch.bytes", OPTION_BYTES, &o->batch_bytes,
         "How much is packed into one message", NULL},
        {"transport.nats.batch.flows", OPTION_INT, &o->batch_flows,
         "How many `flows` are packed into one, at most; 1: each flow is a message", NULL},
        {"transport.nats.linger", OPTION_DURATION_NS, &o->linger_ns,
         "How long a message waits for more flows", NULL},
        {"transport.nats.window", OPTION_INT, &o->window,
         "How many `messages` are kept in memory until they are acknowledged", NULL},
        {"transport.nats.spool", OPTION_STRING, &o->spool,
         "What the window has no room for goes to this `directory`; empty: nowhere", NULL},
        {"transport.nats.spool.bytes", OPTION_BYTES, &o->spool_bytes, "Size of the spool, at most",
         NULL},
        {"transport.nats.create", OPTION_BOOL, &o->making.create,
         "Make the stream when it is not there", NULL},
        {"transport.nats.replicas", OPTION_INT, &o->making.replicas,
         "A stream that is made: `copies` in the cluster", NULL},
        {"transport.nats.max-age", OPTION_DURATION_NS, &o->making.max_age_ns,
         "A stream that is made: how long it keeps messages; 0: for ever", NULL},
        {"transport.nats.max-bytes", OPTION_BYTES, &o->making.max_bytes,
         "A stream that is made: its size, at most; 0: any", NULL},
        {"transport.nats.storage", OPTION_STRING, &o->making.storage,
         "A stream that is made: `kind`, file or memory", NULL},
        {"transport.nats.retention", OPTION_STRING, &o->making.retention,
         "A stream that is made: `policy`, limits, workqueue or interest", NULL},
        {"transport.nats.discard", OPTION_STRING, &o->making.discard,
         "A stream that is made: `which` goes when it is full, old or new", NULL},
        {"transport.nats.duplicates", OPTION_DURATION_NS, &o->making.duplicates_ns,
         "A stream that is made: how long it recognises a message sent again", NULL},
    };
    _Static_assert(COUNT(table) <= NATS_TRANSPORT_ROWS, "room of the daemons' tables");
    memcpy(rows, table, sizeof table);
    return COUNT(table);
}

size_t nats_source_rows(struct option *rows, struct nats_access *o)
{
    const struct option table[] = {ACCESS_ROWS("source.nats.", o, NULL)};
    _Static_assert(COUNT(table) <= NATS_SOURCE_ROWS, "room of the daemons' tables");
    memcpy(rows, table, sizeof table);
    return COUNT(table);
}

static bool is_one_of(const char *text, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(text, *names) == 0)
            return true;
    return false;
}

static int check_making(const struct nats_stream_options *making, const struct settings *settings)
{
    static const char *const storages[] = {"file", "memory", NULL};
    static const char *const retentions[] = {"limits", "workqueue", "interest", NULL};
    static const char *const discards[] = {"old", "new", NULL};
    if (!is_one_of(making->storage, storages))
        return settings_refuse(settings, "transport.nats.storage", "file or memory");
    if (!is_one_of(making->retention, retentions))
        return settings_refuse(settings, "transport.nats.retention",
                               "limits, workqueue or interest");
    if (!is_one_of(making->discard, discards))
        return settings_refuse(settings, "transport.nats.discard", "old or new");
    if (making->replicas < 1 || making->replicas > REPLICAS_MAX)
        return settings_refuse(settings, "transport.nats.replicas", "1 to %lld",
                               (long long)REPLICAS_MAX);
    if (making->max_age_ns < 0)
        return settings_refuse(settings, "transport.nats.max-age", "0 or more");
    if (making->duplicates_ns < CLOCK_NS_PER_S)
        return settings_refuse(settings, "transport.nats.duplicates", "1s or more");
    return 0;
}

int nats_access_check(const struct nats_access *access, const struct settings *settings,
                      const char *prefix)
{
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "%sservers", prefix);
    const char *fault = nats_servers_fault(access->servers);
    if (fault != NULL)
        return settings_complain(settings, name, fault);
    if ((*access->tls_cert == '\0') == (*access->tls_key == '\0'))
        return 0;
    bool keyless = *access->tls_key == '\0';
    snprintf(name, sizeof name, "%stls.%s", prefix, keyless ? "key" : "cert");
    return settings_refuse(settings, name, "the %s, a file",
                           keyless ? "key of the certificate" : "certificate of the key");
}

int nats_options_check(const struct nats_options *o, const struct settings *settings)
{
    if (nats_access_check(&o->access, settings, "transport.nats.") != 0)
        return -1;
    if (*o->stream == '\0' || strpbrk(o->stream, ".*>/\\ \t") != NULL)
        return settings_refuse(settings, "transport.nats.stream",
                               "a name without space, dot, slash, * and >");
    if (o->batch_bytes < 1 || o->batch_bytes > NATS_PAYLOAD_MAX)
        return settings_refuse(settings, "transport.nats.batch.bytes", "1 to %lld",
                               (long long)NATS_PAYLOAD_MAX);
    if (o->batch_flows < 1 || o->batch_flows > BATCH_FLOWS_MAX)
        return settings_refuse(settings, "transport.nats.batch.flows", "1 to %lld",
                               (long long)BATCH_FLOWS_MAX);
    if (o->window < 1 || o->window > WINDOW_MAX)
        return settings_refuse(settings, "transport.nats.window", "1 to %lld",
                               (long long)WINDOW_MAX);
    if (o->linger_ns < 0 || o->linger_ns > LINGER_MAX_NS)
        return settings_refuse(settings, "transport.nats.linger", "0 to 1m");
    if (*o->spool != '\0' && o->spool_bytes < SPOOL_BYTES_MIN)
        return settings_refuse(settings, "transport.nats.spool.bytes", "at least %lld",
                               (long long)SPOOL_BYTES_MIN);
    return check_making(&o->making, settings);
}
