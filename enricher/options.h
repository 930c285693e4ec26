// The enricher's command line.
#pragma once

#include "common/base/settings.h"
#include "common/enrich/snapshot.h"
#include "common/flow/format.h"
#include "common/sink/clickhouse/option.h"
#include "common/sink/nats/option.h"
#include "common/sink/sink.h"
#include "enricher/source/nats.h"

#include <stdbool.h>
#include <stdint.h>

struct enricher_options {
    struct settings settings; // the table of what follows; it is not to be copied
    bool version;
    bool health;
    bool status;
    bool check;
    bool check_connect;
    const char *format_name;
    const char *source_name;
    const char *transport;
    const char *file;
    const char *separator;
    uint64_t buffer_bytes;
    int64_t drain_ns;
    int64_t sampling_rate;
    const char *asn_path;
    const char *country_path;
    const char *context_path;
    const char *mapping_path;
    const char *filter;  // "": every flow
    const char *address; // of the HTTP server; "": none
    const char *names;   // it goes by, besides its own
    const char *log_level_name;
    const char *log_format;
    struct nats_options nats;
    struct clickhouse_options clickhouse;
    struct nats_source_options nats_source;

    // Made of the above by enricher_options_check.
    enum format_kind format;
    unsigned columns; // enum format_columns
    bool from_nats;
    int log_level;
    bool log_json;
    struct snapshot_options snapshot;
    const struct sink_ops *sink_ops;
    struct sink_options sink;
};

// Reads flags, variables and file over the defaults; -h has printed the help.
enum options_result enricher_options_parse(struct enricher_options *options, int argc,
                                           char *const argv[]);
void enricher_options_free(struct enricher_options *options);

// Makes values of the names given. 0, or -1 after a line on stderr for each thing that is wrong.
int enricher_options_check(struct enricher_options *options);

// Logs what was given and has no effect: variables that are no setting's, and settings that mean
// nothing beside others. Not an error: a file of settings may serve several daemons.
void enricher_options_warn(const struct enricher_options *options);
