// The command line of the collector: one line of the table per flag, checked as far as that goes
// without touching files or the network.
#pragma once

#include "collector/decode/biflow.h"
#include "collector/decode/raw/raw.h"
#include "collector/layout.h"
#include "collector/listen_uri.h"
#include "collector/sampling_network.h"
#include "common/base/settings.h"
#include "common/enrich/snapshot.h"
#include "common/flow/format.h"
#include "common/sink/nats/option.h"
#include "common/sink/sink.h"

struct collector_options {
    struct settings settings; // the table of what follows; it is not to be copied

    // As given.
    const char *listen;
    const char *read;
    const char *read_filter;
    const char *produce;
    const char *format_name;
    const char *transport;
    const char *templates_scope;
    const char *bucket;              // that collectors share templates through; "" for none
    const char *templates_json_path; // "": not kept over a restart
    int64_t templates_json_interval_ns;
    int64_t templates_ttl_ns;
    int64_t templates_sweep_ns;
    bool templates_extend;
    const char *mapping_path;
    const char *filter; // "": every flow
    const char *log_level_name;
    const char *log_format;
    uint64_t buffer_bytes;
    int64_t drain_ns;
    uint64_t hold_exporter_bytes;
    uint64_t hold_total_bytes;
    int64_t hold_ns;
    const char *address; // of the HTTP server; "": none
    const char *names;   // it goes by, besides its own
    const char *templates_path;
    int64_t error_count;
    int64_t error_interval_ns;
    const char *allow;
    int64_t limit_flows;
    const char *sampling_default;
    const char *sampling_override;
    const char *biflow_name;
    const char *biflow_post;
    bool status;
    bool health;
    bool check;
    bool check_connect;
    bool version;
    struct snapshot_options snapshot;
    struct sink_options sink;
    struct nats_options nats;

    // What it means.
    struct listen_uri uris[LISTEN_URIS_MAX];
    int uri_count;
    const struct sink_ops *sink_ops;
    enum format_kind format;
    enum raw_kind raw;
    bool templates_shared;
    struct sampling_network sampling_defaults[SAMPLING_NETWORKS_MAX];
    int sampling_default_count;
    struct sampling_network sampling_overrides[SAMPLING_NETWORKS_MAX];
    int sampling_override_count;
    struct biflow_terms biflow;
    struct prefix biflow_networks[BIFLOW_POST_MAX];
    int log_level;
    bool log_json;
};

// Fills everything, defaults included. With OPTIONS_BAD and OPTIONS_FAULTY_FILE stderr has a line
// for each thing that is wrong; with OPTIONS_HELP it has the help.
enum options_result collector_options_read(struct collector_options *out, int argc,
                                           char *const argv[]);
void collector_options_free(struct collector_options *options);

// Logs what was given and has no effect: variables that are no setting's, and settings that mean
// nothing beside others. Not an error: a file of settings may serve several daemons.
void collector_options_warn(const struct collector_options *options);

// What decides how flows are laid out. Its columns are those that enrichment fills.
struct layout_options collector_options_layout(const struct collector_options *options);
