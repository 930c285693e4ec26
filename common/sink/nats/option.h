// What both daemons are told about NATS on the command line, and the rows of their option tables
// for it.
#pragma once

#include "common/base/settings.h"

#include <stdint.h>

// How a server is reached. All texts may be empty.
struct nats_access {
    const char *servers; // comma list; user and password may stand in a URL
    const char *token;
    const char *creds;
    const char *nkey;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;
    bool tls_insecure;
};

// How a stream is made when it is not there.
struct nats_stream_options {
    bool create;
    int64_t replicas;
    int64_t max_age_ns;
    uint64_t max_bytes;
    int64_t duplicates_ns;
    const char *storage;
    const char *retention;
    const char *discard;
};

// The sink's.
struct nats_options {
    struct nats_access access;
    struct nats_stream_options making;
    const char *stream;
    const char *subject;
    uint64_t batch_bytes;
    int64_t batch_flows;
    int64_t linger_ns;
    int64_t window;
    const char *spool;
    uint64_t spool_bytes;
};

#define NATS_ACCESS_ROWS    9 // of nats_access_options
#define NATS_TRANSPORT_ROWS (NATS_ACCESS_ROWS + 17)
#define NATS_SOURCE_ROWS    NATS_ACCESS_ROWS

// Defaults; the stream's name and subject differ by daemon.
struct nats_access nats_access_defaults(void);
struct nats_options nats_options_defaults(const char *stream, const char *subject);

// Append the rows of -transport.nats.*, and those of the access alone as -source.nats.*. They
// return how many that were.
size_t nats_transport_rows(struct option *rows, struct nats_options *o);
size_t nats_source_rows(struct option *rows, struct nats_access *o);

// Numbers and names within their bounds: 0, or -1 after one line on stderr. What lies in files is
// checked when they are opened.
int nats_options_check(const struct nats_options *o, const struct settings *settings);
// The same for the access alone, of the flags that begin with the prefix.
int nats_access_check(const struct nats_access *access, const struct settings *settings,
                      const char *prefix);
