#include "collector/options.h"

#include "collector/allow.h"
#include "collector/network.h"
#include "collector/share/share.h"
#include "common/base/endpoint.h"
#include "common/base/log.h"
#include "common/flow/filter/filter.h"
#include "common/sink/file.h"
#include "common/sink/nats/nats.h"
#include "common/sink/sink_choose.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char SYNOPSIS[] =
    "goflow2plus [flags]\n"
    "\n"
    "Receives NetFlow, IPFIX and sFlow and writes flows. Logs go to stderr. SIGHUP opens the\n"
    "output file again and reloads mapping, context and databases; SIGTERM finishes what was\n"
    "received and ends.\n"
    "\n"
    "What a flag says can also stand in the environment (-templates.ttl as\n"
    "GOFLOW2PLUS_TEMPLATES_TTL) or in the yaml file of -config (templates.ttl: 30m); a flag goes\n"
    "before the environment, and that before the file. None of it is read again while it runs.";

static const char LISTEN_HELP[] =
    "Where to receive, comma-separated `URIs`: sflow://, netflow:// (v5, v9, IPFIX) or\n"
    "flow:// (any of them), then [host]:port and, after a ?, joined by &:\n"
    "count=N       sockets, each with a worker thread of its own; workers=N means the same\n"
    "balance=B     what pins a sender to a socket: address, address+port or packet\n"
    "blocking=true wait for a slow reader of the output instead of dropping flows\n"
    "rcvbuf=BYTES  receive buffer of each socket, 32 MiB unless given; queue_size=N: room\n"
    "              for N datagrams\n"
    "gro=1         let the kernel join bursts of one sender";

static const char ADDRESS[] = ":8080";

static const struct collector_options DEFAULTS = {
    .listen = "sflow://:6343,netflow://:2055",
    .read = "",
    .read_filter = "",
    .produce = "sample",
    .format_name = "json",
    .transport = "file",
    .templates_scope = "port",
    .templates_json_path = "",
    .bucket = "",
    .templates_json_interval_ns = INT64_C(10000000000),
    .templates_sweep_ns = INT64_C(60000000000),
    .mapping_path = "",
    .filter = "",
    .log_level_name = "info",
    .log_format = "normal",
    .buffer_bytes = 64 << 20,
    .drain_ns = INT64_C(5000000000),
    .hold_exporter_bytes = 64 << 10,
    .hold_total_bytes = 16 << 20,
    .hold_ns = INT64_C(300000000000),
    .address = ADDRESS,
    .names = "",
    .templates_path = "/templates",
    .error_count = 10,
    .error_interval_ns = INT64_C(10000000000),
    .allow = "",
    .sampling_default = "",
    .sampling_override = "",
    .biflow_name = "split",
    .biflow_post = "",
    .snapshot = {.context_path = "", .asn_path = "", .country_path = ""},
    .sink = {.path = "", .separator = "\n"},
};

static int read_uris(struct collector_options *o)
{
    struct fault fault = {.text = ""};
    o->uri_count = listen_uris_parse(o->uris, o->listen, &fault);
    if (o->uri_count < 0)
        return settings_complain(&o->settings, "listen", fault.text);
    for (int i = 0; i < o->uri_count; i++)
        o->sink.blocking |= o->uris[i].blocking;
    return 0;
}

// The other pages keep their paths.
static int check_paths(struct collector_options *o)
{
    static const char *const taken[] = {"/status", "/metrics", "/exporters", "/__health"};
    struct fault fault = {.text = ""};
    struct endpoint endpoint;
    int wrong = 0;
    if (*o->address != '\0' && endpoint_parse(&endpoint, o->address, &fault) != 0)
        wrong = settings_complain(&o->settings, "addr", fault.text);
    if (*o->templates_path != '\0' && *o->templates_path != '/')
        return settings_refuse(&o->settings, "templates.path", "a path that begins with /");
    for (size_t i = 0; i < COUNT(taken); i++)
        if (strcmp(o->templates_path, taken[i]) == 0)
            return settings_refuse(&o->settings, "templates.path", "a path of its own");
    return wrong;
}

// Of a list in a file the file is at fault, which is read when everything else is known.
static int check_allow(const struct collector_options *o)
{
    struct fault fault = {.text = ""};
    if (*o->allow == '\0' || *o->allow == '@')
        return 0;
    struct allow *allow = allow_new(o->allow, &fault);
    if (allow == NULL)
        return settings_complain(&o->settings, "allow", fault.text);
    allow_unref(allow);
    return 0;
}

static int read_biflow(struct collector_options *o)
{
    struct fault fault = {.text = ""};
    o->biflow.forward_only = strcmp(o->biflow_name, "forward") == 0;
    if (!o->biflow.forward_only && strcmp(o->biflow_name, "split") != 0)
        return settings_refuse(&o->settings, "biflow", "split or forward");
    int count = networks_parse(o->biflow_networks, BIFLOW_POST_MAX, o->biflow_post, &fault);
    if (count < 0)
        return settings_complain(&o->settings, "biflow.post", fault.text);
    o->biflow.post = o->biflow_networks;
    o->biflow.post_count = (size_t)count;
    return 0;
}

static int check_exporters(struct collector_options *o)
{
    struct fault fault = {.text = ""};
    int wrong = 0;
    if (o->limit_flows < 0 || o->limit_flows > LIMIT_FLOWS_MAX)
        wrong = settings_refuse(&o->settings, "limit.flows", "0 to 1000000000");
    o->sampling_default_count = sampling_networks_parse(o->sampling_defaults, o->sampling_default,
                                                        &fault);
    if (o->sampling_default_count < 0)
        wrong = settings_complain(&o->settings, "sampling.default", fault.text);
    o->sampling_override_count = sampling_networks_parse(o->sampling_overrides,
                                                         o->sampling_override, &fault);
    if (o->sampling_override_count < 0)
        wrong = settings_complain(&o->settings, "sampling.override", fault.text);
    return wrong;
}

static int read_producer(struct collector_options *o)
{
    int wrong = 0;
    o->raw = RAW_OFF;
    if (strcmp(o->produce, "sample") == 0)
        return 0;
    if (strcmp(o->produce, "raw") != 0)
        return settings_refuse(&o->settings, "produce", "sample or raw");
    if (*o->filter != '\0')
        wrong |= settings_refuse(&o->settings, "filter", "none: -produce raw makes no flows");
    if (o->format == FORMAT_BIN)
        wrong |= settings_refuse(&o->settings, "format",
                                 "json or text: -produce raw has no binary form");
    if (o->limit_flows != 0)
        wrong |= settings_refuse(&o->settings, "limit.flows", "0: -produce raw makes no flows");
    o->raw = o->format == FORMAT_JSON ? RAW_JSON : RAW_TEXT;
    o->hold_ns = 0; // sets without a template are shown as they are, at once
    o->mapping_path = "";
    o->snapshot = (struct snapshot_options){.context_path = "", .asn_path = "", .country_path = ""};
    return wrong;
}

static int check_names(struct collector_options *o)
{
    int wrong = 0;
    if (log_level_parse(o->log_level_name, &o->log_level) != 0)
        wrong |= settings_refuse(&o->settings, "loglevel", "debug, info, warn or error");
    if (log_format_parse(o->log_format, &o->log_json) != 0)
        wrong |= settings_refuse(&o->settings, "logfmt", "normal or json");
    if (format_kind_parse(o->format_name, &o->format) != 0)
        return settings_refuse(&o->settings, "format", "bin, json or text");
    return wrong | read_producer(o);
}

static int check_output(struct collector_options *o)
{
    int wrong = 0;
    o->sink.nats = &o->nats;
    o->sink.buffer_bytes = o->buffer_bytes;
    o->sink_ops = sink_choose(&o->settings, o->transport, NULL);
    if (o->sink_ops == NULL ||
        (o->sink_ops == &SINK_NATS && nats_options_check(&o->nats, &o->settings) != 0))
        wrong = -1;
    if (o->buffer_bytes < FILE_FRAME_MAX)
        wrong |= settings_refuse(&o->settings, "transport.file.buffer", "at least 5MiB");
    if (o->drain_ns < 0)
        wrong |= settings_refuse(&o->settings, "drain", "0 or more");
    return wrong | filter_check(o->filter, &o->settings, *o->mapping_path != '\0');
}

static int check_templates(struct collector_options *o)
{
    int wrong = 0;
    o->templates_shared = strcmp(o->templates_scope, "address") == 0;
    if (!o->templates_shared && strcmp(o->templates_scope, "port") != 0)
        wrong |= settings_refuse(&o->settings, "templates.scope", "port or address");
    if (share_check(o->bucket) != 0)
        wrong |= settings_refuse(&o->settings, "templates.nats.bucket", "letters, digits, _ and -");
    if (o->hold_ns < 0)
        wrong |= settings_refuse(&o->settings, "templates.hold", "0 or more");
    return wrong;
}

// What the texts mean; all that is wrong is said. The output is one for all listeners: when one of
// them is to wait for it instead of dropping, all are.
static int interpret(struct collector_options *o)
{
    int wrong = check_names(o) | check_output(o) | check_templates(o) | check_paths(o) |
                check_allow(o) | check_exporters(o) | read_biflow(o);
    o->sink.framed = o->format == FORMAT_BIN;
    if (*o->read == '\0')
        return wrong | read_uris(o);
    o->sink.blocking = true;
    if (o->address == ADDRESS) // a file is read and done with: only who asks for it is served
        o->address = "";
    return wrong;
}

void collector_options_warn(const struct collector_options *o)
{
    const struct settings *s = &o->settings;
    bool reads = *o->read != '\0';
    bool raw = strcmp(o->produce, "raw") == 0;
    const struct {
        const char *prefix;
        bool used;
        const char *wanted;
    } rows[] = {
        {"listen", !reads, "sockets: -read reads files instead"},
        {"read.filter", reads, "-read"},
        {"transport.nats.", o->sink_ops == &SINK_NATS || *o->bucket != '\0', "-transport=nats"},
        {"transport.file", o->sink_ops == &SINK_FILE, "-transport=file"},
        {"templates.json.interval", *o->templates_json_path != '\0', "-templates.json.path"},
        {"templates.sweep-interval", o->templates_ttl_ns != 0, "-templates.ttl"},
        {"templates.ttl.extend-on-access", o->templates_ttl_ns != 0, "-templates.ttl"},
        {"templates.path", *o->address != '\0', "-addr"},
        {"err.int", o->error_count != 0, "-err.cnt"},
        {"mapping", !raw, "-produce=sample"},
        {"context.config", !raw, "-produce=sample"},
        {"db.", !raw, "-produce=sample"},
        {"sampling.", !raw, "-produce=sample"},
        {"biflow", !raw, "-produce=sample"},
    };
    settings_warn(s);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!rows[i].used)
            settings_warn_unused(s, rows[i].prefix, rows[i].wanted);
}

// Each writes one group of flags at `out` and returns how many.
static size_t check_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"check", OPTION_ACTION, &o->check,
         "Read all files that are named, print what would run, and exit with 0 or 1", NULL},
        {"check.connect", OPTION_ACTION, &o->check_connect,
         "The same as -check, and try the servers of NATS and ClickHouse: nothing is sent to them "
         "but the login",
         NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t input_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"listen", OPTION_STRING, &o->listen, LISTEN_HELP, "Input"},
        {"read", OPTION_STRING, &o->read,
         "Read capture `files` instead of listening: pcap or pcapng, also compressed with gzip or\n"
         "Zstandard; comma-separated, - is stdin",
         NULL},
        {"read.filter", OPTION_STRING, &o->read_filter,
         "Of the captured frames, only those that match this BPF `expression`; of a datagram in\n"
         "fragments, the first one decides",
         NULL},
        {"allow", OPTION_STRING, &o->allow,
         "Take datagrams only from these `networks`, comma-separated, or from those in @FILE,\n"
         "one on each line; SIGHUP reads the file again",
         NULL},
        {"limit.flows", OPTION_INT, &o->limit_flows,
         "At most `n` flows a second of one exporter, and of all exporters of one source address;\n"
         "the sampling rate of those that are kept stands for the others. 0: no limit",
         NULL},
        {"sampling.default", OPTION_STRING, &o->sampling_default,
         "Sampling rates of exporters that say none: `CIDR=N`, comma-separated", NULL},
        {"sampling.override", OPTION_STRING, &o->sampling_override,
         "Sampling rates of exporters, whatever they say: `CIDR=N`, comma-separated", NULL},
        {"biflow", OPTION_STRING, &o->biflow_name,
         "Records that count both directions become, by `name`: split (a flow of each) or forward\n"
         "(one flow; what comes back is left out and counted)",
         NULL},
        {"biflow.post", OPTION_STRING, &o->biflow_post,
         "Exporters, `networks` comma-separated, whose elements 23 and 24 count the way back\n"
         "(Cisco Meraki)",
         NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t template_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"templates.scope", OPTION_STRING, &o->templates_scope,
         "Templates are kept under this `key`: port (an exporter is an address and a port)\nor "
         "address (all ports of an address are one exporter)",
         "Templates"},
        {"templates.nats.bucket", OPTION_STRING, &o->bucket,
         "Share templates with other collectors through this key-value `bucket` of\n"
         "the servers of -transport.nats.servers",
         NULL},
        {"templates.json.path", OPTION_STRING, &o->templates_json_path,
         "Keep templates in this `file` over a restart, and sampling rates in FILE.sampling", NULL},
        {"templates.json.interval", OPTION_DURATION_NS, &o->templates_json_interval_ns,
         "How often what has changed of them is saved; 0: at once", NULL},
        {"templates.ttl", OPTION_DURATION_NS, &o->templates_ttl_ns,
         "Forget templates that were not announced for so long; 0: never", NULL},
        {"templates.sweep-interval", OPTION_DURATION_NS, &o->templates_sweep_ns,
         "How often such templates are looked for; 0: never", NULL},
        {"templates.ttl.extend-on-access", OPTION_BOOL, &o->templates_extend,
         "To be used counts as to be announced", NULL},
        {"templates.hold", OPTION_DURATION_NS, &o->hold_ns,
         "How long data waits for its template; 0 drops it at once", NULL},
        {"templates.hold.exporter", OPTION_BYTES, &o->hold_exporter_bytes,
         "Such data of one exporter, at most", NULL},
        {"templates.hold.total", OPTION_BYTES, &o->hold_total_bytes,
         "Such data of all exporters, at most", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t output_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"produce", OPTION_STRING, &o->produce,
         "What datagrams become, by `name`: sample (flow messages) or raw (one message each, all\n"
         "that they say, as json or text)",
         "Output"},
        {"format", OPTION_STRING, &o->format_name,
         "Format by `name`: bin (length-prefixed protobuf), json or text", NULL},
        {"mapping", OPTION_STRING, &o->mapping_path,
         "Custom fields and columns, a yaml `file`; read again on SIGHUP", NULL},
        {"filter", OPTION_STRING, &o->filter,
         "Only flows for which this `expression` is true, as in src_port in (53, 853) and\n"
         "not src_addr in 10.0.0.0/8; see docs/filter.md",
         NULL},
        {"transport", OPTION_STRING, &o->transport, "Output by `name`: file or nats", NULL},
        {"transport.kafka.", OPTION_ABSENT, NULL, SINK_KAFKA_ABSENT, NULL},
        {"transport.file", OPTION_STRING, &o->sink.path, "Output `path`; empty is stdout", NULL},
        {"transport.file.sep", OPTION_STRING, &o->sink.separator,
         "Written after each flow, as it is; may be empty", NULL},
        {"transport.file.buffer", OPTION_BYTES, &o->buffer_bytes,
         "Flows kept for a reader that is behind, at least 5MiB", NULL},
        {"drain", OPTION_DURATION_NS, &o->drain_ns,
         "How long the end may take: up to half of it for what sockets hold, then for the output",
         NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t enrichment_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"context.config", OPTION_STRING, &o->snapshot.context_path,
         "Networks and their tags, a yaml `file`", "Enrichment"},
        {"db.asn", OPTION_STRING, &o->snapshot.asn_path, "MaxMind ASN database `file`", NULL},
        {"db.country", OPTION_STRING, &o->snapshot.country_path,
         "MaxMind country or city database `file`", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t operations_rows(struct option *out, struct collector_options *o)
{
    const struct option rows[] = {
        {"addr", OPTION_STRING, &o->address,
         "Serve /status, /metrics, /exporters, /templates and /__health at this `host:port`;\n"
         "empty: do not. With -read only when it is given",
         "Operations"},
        {"addr.names", OPTION_STRING, &o->names,
         "More `names` by which browsers may ask -addr, comma-separated; IP addresses, this\n"
         "machine's name and names without a dot need none",
         NULL},
        {"templates.path", OPTION_STRING, &o->templates_path,
         "Page of templates at this `path`; empty: none", NULL},
        {"status", OPTION_ACTION, &o->status,
         "Ask the collector that runs at -addr for its inputs, output, losses and exporters, and\n"
         "print them",
         NULL},
        {"health", OPTION_ACTION, &o->health,
         "Ask the collector that runs at -addr whether it is well, and exit with 0 or 1", NULL},
        {"err.cnt", OPTION_INT, &o->error_count,
         "Lines that exporters can cause, in each interval, before they are muted; 0: all", NULL},
        {"err.int", OPTION_DURATION_NS, &o->error_interval_ns, "That interval; 0: nothing is muted",
         NULL},
        {"loglevel", OPTION_STRING, &o->log_level_name,
         "Log lines from this `level` on: debug, info, warn or error", "Other"},
        {"logfmt", OPTION_STRING, &o->log_format, "Log lines in this `shape`: normal or json",
         NULL},
        {"v", OPTION_ACTION, &o->version, "Print the version", NULL},
        {"version", OPTION_ACTION, &o->version, "Print the version", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static void add_rows(struct collector_options *o)
{
    struct settings *settings = &o->settings;
    struct option *rows = settings->rows;
    settings_begin(settings, "GOFLOW2PLUS_");
    settings->count += check_rows(rows + settings->count, o);
    settings->count += input_rows(rows + settings->count, o);
    settings->count += template_rows(rows + settings->count, o);
    settings->count += output_rows(rows + settings->count, o);
    settings->count += enrichment_rows(rows + settings->count, o);
    settings->count += operations_rows(rows + settings->count, o);
    settings->count += nats_transport_rows(rows + settings->count, &o->nats);
    assert(settings->count <= SETTINGS_ROWS_MAX);
}

enum options_result collector_options_read(struct collector_options *o, int argc,
                                           char *const argv[])
{
    *o = DEFAULTS;
    o->nats = nats_options_defaults("goflow2", "goflow2.messages");
    add_rows(o);
    enum options_result result = settings_read(&o->settings, argc, argv, environ);
    if (result == OPTIONS_HELP)
        options_help(o->settings.rows, o->settings.count, SYNOPSIS, STDERR_FILENO);
    if (result == OPTIONS_OK && !o->version && interpret(o) != 0)
        return OPTIONS_BAD;
    return result;
}

void collector_options_free(struct collector_options *o)
{
    settings_end(&o->settings);
}

struct layout_options collector_options_layout(const struct collector_options *o)
{
    const struct snapshot_options *files = &o->snapshot;
    int columns = (*files->country_path != '\0' ? FORMAT_COUNTRY : 0) |
                  (*files->asn_path != '\0' ? FORMAT_AS_NAME : 0) |
                  (*files->context_path != '\0' ? FORMAT_CONTEXT : 0);
    return (struct layout_options){.path = o->mapping_path,
                                   .kind = o->format,
                                   .raw = o->raw,
                                   .columns = (unsigned)columns,
                                   .filter = o->filter};
}
