#include "enricher/options.h"

#include "common/base/endpoint.h"
#include "common/base/log.h"
#include "common/flow/filter/filter.h"
#include "common/sink/clickhouse/clickhouse.h"
#include "common/sink/file.h"
#include "common/sink/nats/nats.h"
#include "common/sink/sink_choose.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define DEFAULT_BUFFER_BYTES (64u << 20)
#define FETCH                256
#define FETCH_TO_GATHER      2048 // so that an insert gets as many rows as it should
#define DEFAULT_DRAIN_NS     INT64_C(5000000000)

static const char SYNOPSIS[] =
    "enricher [flags]\n"
    "\n"
    "Reads flows, as goflow2plus -format=bin -transport.file.sep= writes them, and adds the\n"
    "names and tags of context.yaml, the AS and the country of both addresses. Logs go to\n"
    "stderr. SIGHUP reads mapping, context and databases again; SIGTERM finishes what was read\n"
    "and ends.\n"
    "\n"
    "What a flag says can also stand in the environment (-source.nats.stream as\n"
    "ENRICHER_SOURCE_NATS_STREAM) or in the yaml file of -config (source.nats: {stream: flows});\n"
    "a flag goes before the environment, and that before the file. None of it is read again\n"
    "while it runs.";

// Each writes one group of flags at `out` and returns how many.
static size_t check_rows(struct option *out, struct enricher_options *o)
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

static size_t input_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"source", OPTION_STRING, &o->source_name, "Input by `name`: stdin or nats", "Input"},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t enrichment_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"context.config", OPTION_STRING, &o->context_path,
         "Networks and their tags, a yaml `file`; see docs/context.md", "Enrichment"},
        {"db.asn", OPTION_STRING, &o->asn_path, "MaxMind ASN database `file`", NULL},
        {"db.country", OPTION_STRING, &o->country_path, "MaxMind country or city database `file`",
         NULL},
        {"samplingrate", OPTION_INT, &o->sampling_rate,
         "Sampling `rate` to set in every flow; 0 keeps what the flow has", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t output_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"format", OPTION_STRING, &o->format_name,
         "Format by `name`: bin (length-prefixed protobuf), json or text", "Output"},
        {"mapping", OPTION_STRING, &o->mapping_path,
         "What is printed and how, the formatter block of a yaml `file`; read again on SIGHUP",
         NULL},
        {"filter", OPTION_STRING, &o->filter,
         "Only flows for which this `expression` is true once they are enriched, as in\n"
         "src_country == NL or dst_context.application == web; see docs/filter.md",
         NULL},
        {"transport", OPTION_STRING, &o->transport, "Output by `name`: file, nats or clickhouse",
         NULL},
        {"transport.kafka.", OPTION_ABSENT, NULL, SINK_KAFKA_ABSENT, NULL},
        {"transport.file", OPTION_STRING, &o->file, "Output `path`; empty is stdout", NULL},
        {"transport.file.sep", OPTION_STRING, &o->separator,
         "Written after each flow, as it is; may be empty", NULL},
        {"transport.file.buffer", OPTION_BYTES, &o->buffer_bytes,
         "Flows kept for a reader that is behind, at least 5MiB", NULL},
        {"drain", OPTION_DURATION_NS, &o->drain_ns,
         "How long the end may take: up to half of it for what a pipe holds, then for the output",
         NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t operations_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"addr", OPTION_STRING, &o->address,
         "Serve /status, /metrics and /__health at this `host:port`; empty: do not", "Operations"},
        {"addr.names", OPTION_STRING, &o->names,
         "More `names` by which browsers may ask -addr, comma-separated; IP addresses, this\n"
         "machine's name and names without a dot need none",
         NULL},
        {"status", OPTION_ACTION, &o->status,
         "Ask the enricher that runs at -addr for its input, output and losses, and print them",
         NULL},
        {"health", OPTION_ACTION, &o->health,
         "Ask the enricher that runs at -addr whether it is well, and exit with 0 or 1", NULL},
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

static size_t nats_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"source.nats.stream", OPTION_STRING, &o->nats_source.stream, "Stream by `name`",
         "Input from NATS JetStream"},
        {"source.nats.subject", OPTION_STRING, &o->nats_source.subject,
         "Of the stream only this `subject`; empty: all", NULL},
        {"source.nats.durable", OPTION_STRING, &o->nats_source.durable,
         "Consumer by `name`, which enrichers share; made when it is not there", NULL},
        {"source.nats.queue", OPTION_STRING, &o->nats_source.queue,
         "Without JetStream: hear the subject in this `group`", NULL},
        {"source.nats.fetch", OPTION_INT, &o->nats_source.fetch,
         "How many `messages` are asked for at a time; 0: 256, for ClickHouse 2048", NULL},
        {"source.nats.ack-wait", OPTION_DURATION_NS, &o->nats_source.ack_wait_ns,
         "A consumer that is made: after which silence a message goes to another", NULL},
        {"source.nats.max-ack-pending", OPTION_INT, &o->nats_source.max_ack_pending,
         "A consumer that is made: `messages` under way at all enrichers", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static void set_defaults(struct enricher_options *o)
{
    *o = (struct enricher_options){
        .format_name = "json",
        .source_name = "stdin",
        .transport = "file",
        .file = "",
        .separator = "\n",
        .buffer_bytes = DEFAULT_BUFFER_BYTES,
        .drain_ns = DEFAULT_DRAIN_NS,
        .asn_path = "",
        .country_path = "",
        .context_path = "",
        .mapping_path = "",
        .filter = "",
        .address = "",
        .names = "",
        .log_level_name = "info",
        .log_format = "normal",
    };
    o->nats = nats_options_defaults("goflow2-enriched", "goflow2.enriched");
    o->clickhouse = clickhouse_options_defaults();
    o->nats_source = (struct nats_source_options){.access = nats_access_defaults(),
                                                  .stream = "goflow2",
                                                  .subject = "",
                                                  .durable = "enricher",
                                                  .queue = "",
                                                  .fetch = 0,
                                                  .ack_wait_ns = INT64_C(30000000000),
                                                  .max_ack_pending = 8192};
}

static void add_rows(struct enricher_options *o)
{
    struct settings *settings = &o->settings;
    struct option *rows = settings->rows;
    settings_begin(settings, "ENRICHER_");
    settings->count += check_rows(rows + settings->count, o);
    settings->count += input_rows(rows + settings->count, o);
    settings->count += enrichment_rows(rows + settings->count, o);
    settings->count += output_rows(rows + settings->count, o);
    settings->count += operations_rows(rows + settings->count, o);
    settings->count += nats_rows(rows + settings->count, o);
    settings->count += nats_source_rows(rows + settings->count, &o->nats_source.access);
    settings->count += nats_transport_rows(rows + settings->count, &o->nats);
    settings->count += clickhouse_rows(rows + settings->count, &o->clickhouse);
    assert(settings->count <= SETTINGS_ROWS_MAX);
}

enum options_result enricher_options_parse(struct enricher_options *o, int argc, char *const argv[])
{
    set_defaults(o);
    add_rows(o);
    enum options_result result = settings_read(&o->settings, argc, argv, environ);
    if (result == OPTIONS_HELP)
        options_help(o->settings.rows, o->settings.count, SYNOPSIS, STDERR_FILENO);
    return result;
}

void enricher_options_free(struct enricher_options *o)
{
    settings_end(&o->settings);
}

// A stream that the enricher reads and writes would never come to an end.
static int check_nats(struct enricher_options *o)
{
    int wrong = 0;
    o->from_nats = strcmp(o->source_name, "nats") == 0;
    if (!o->from_nats && strcmp(o->source_name, "stdin") != 0)
        wrong = settings_refuse(&o->settings, "source", "stdin or nats");
    if (o->nats_source.fetch == 0)
        o->nats_source.fetch = o->sink_ops == &SINK_CLICKHOUSE ? FETCH_TO_GATHER : FETCH;
    if (o->from_nats)
        wrong |= nats_source_check(&o->nats_source, &o->settings);
    if (o->sink_ops != &SINK_NATS)
        return wrong;
    if (o->from_nats && strcmp(o->nats.stream, o->nats_source.stream) == 0)
        wrong |= settings_refuse(&o->settings, "transport.nats.stream",
                                 "another one than the source's");
    return wrong | nats_options_check(&o->nats, &o->settings);
}

// An insert that was given up ends before its flows come to another: nobody waits longer than half
// of what the stream does, the rest is for what says that they are in progress.
static int check_clickhouse(struct enricher_options *o)
{
    int wrong = clickhouse_options_check(&o->clickhouse, &o->settings);
    if (o->sink_ops != &SINK_CLICKHOUSE || !o->from_nats || *o->nats_source.queue != '\0' ||
        o->nats_source.ack_wait_ns >= 2 * o->clickhouse.timeout_ns)
        return wrong;
    return settings_refuse(&o->settings, "source.nats.ack-wait",
                           "at least twice -clickhouse.timeout");
}

static int check_names(struct enricher_options *o)
{
    struct fault fault = {.text = ""};
    struct endpoint endpoint;
    int wrong = 0;
    if (format_kind_parse(o->format_name, &o->format) != 0)
        wrong |= settings_refuse(&o->settings, "format", "json, text or bin");
    if (log_level_parse(o->log_level_name, &o->log_level) != 0)
        wrong |= settings_refuse(&o->settings, "loglevel", "debug, info, warn or error");
    if (log_format_parse(o->log_format, &o->log_json) != 0)
        wrong |= settings_refuse(&o->settings, "logfmt", "normal or json");
    if (*o->address != '\0' && endpoint_parse(&endpoint, o->address, &fault) != 0)
        wrong |= settings_complain(&o->settings, "addr", fault.text);
    if (o->buffer_bytes < FILE_FRAME_MAX)
        wrong |= settings_refuse(&o->settings, "transport.file.buffer", "at least 5MiB");
    if (o->drain_ns < 0)
        wrong |= settings_refuse(&o->settings, "drain", "0 or more");
    return wrong;
}

int enricher_options_check(struct enricher_options *o)
{
    int wrong = check_names(o);
    o->sink_ops = sink_choose(&o->settings, o->transport, &SINK_CLICKHOUSE);
    wrong |= o->sink_ops == NULL ? -1 : check_nats(o) | check_clickhouse(o);
    wrong |= filter_check(o->filter, &o->settings, *o->mapping_path != '\0');
    if (wrong != 0)
        return -1;
    if (o->sampling_rate < 0)
        o->sampling_rate = 0; // as goflow2: only what is above 0 counts
    o->snapshot = (struct snapshot_options){
        .context_path = o->context_path,
        .asn_path = o->asn_path,
        .country_path = o->country_path,
    };
    o->columns = FORMAT_COUNTRY | (*o->asn_path != '\0' ? FORMAT_AS_NAME : 0) |
                 (*o->context_path != '\0' ? FORMAT_CONTEXT : 0);
    o->sink = (struct sink_options){
        .path = o->file,
        .separator = o->separator,
        .framed = o->format == FORMAT_BIN,
        .buffer_bytes = o->buffer_bytes,
        .nats = &o->nats,
        .clickhouse = &o->clickhouse,
        .blocking = true, // a pipe in front of us can wait, so nothing is dropped
        .patient = o->from_nats && *o->nats_source.queue == '\0', // so can a stream, for ever
    };
    return 0;
}

void enricher_options_warn(const struct enricher_options *o)
{
    const struct settings *s = &o->settings;
    bool rows_out = o->sink_ops == &SINK_CLICKHOUSE;
    bool asks_database = o->clickhouse.print_schema || o->clickhouse.migrate;
    const struct {
        const char *prefix;
        bool used;
        const char *wanted;
    } rows[] = {
        {"source.nats.", o->from_nats, "-source=nats"},
        {"transport.nats.", o->sink_ops == &SINK_NATS, "-transport=nats"},
        {"transport.file", o->sink_ops == &SINK_FILE, "-transport=file"},
        {"clickhouse.", rows_out || asks_database, "-transport=clickhouse"},
        {"format", !rows_out, "-transport=file or -transport=nats: a table takes rows"},
    };
    settings_warn(s);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!rows[i].used)
            settings_warn_unused(s, rows[i].prefix, rows[i].wanted);
}
