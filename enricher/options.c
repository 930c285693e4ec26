#include "enricher/options.h"

#include "common/base/log.h"
#include "common/flow/filter.h"
#include "common/sink/clickhouse.h"
#include "common/sink/nats.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ROWS_MAX     96

#define DEFAULT_BUFFER_BYTES (64u << 20)
#define DEFAULT_DRAIN_NS     INT64_C(5000000000)

static const char SYNOPSIS[] =
    "enricher [options]\n\n"
    "Reads flows, as goflow2plus -format=bin -transport.file.sep= writes them, and "
    "adds\n"
    "the names and tags of context.yaml, the AS and the country of both addresses.\n";

// Each writes one group of flags at `out` and returns how many.
static size_t input_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"source", OPTION_STRING, &o->source_name, "where flows come from: stdin or nats", "Input"},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t enrichment_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"context.config", OPTION_STRING, &o->context_path,
         "`file` that names networks and their tags, see docs/context.md", "Enrichment"},
        {"db.asn", OPTION_STRING, &o->asn_path, "MaxMind `file` of autonomous systems", NULL},
        {"db.country", OPTION_STRING, &o->country_path, "MaxMind `file` of countries", NULL},
        {"samplingrate", OPTION_INT, &o->sampling_rate,
         "sampling `rate` to set in every flow; 0 keeps what the flow has", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t output_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"format", OPTION_STRING, &o->format_name, "json, text or bin", "Output"},
        {"mapping", OPTION_STRING, &o->mapping_path,
         "yaml `file` whose formatter block says what is printed; read again on SIGHUP", NULL},
        {"filter", OPTION_STRING, &o->filter,
         "only flows for which this `expression` is true once they are enriched, as in\n"
         "src_country == NL or dst_context.application == web; see docs/filter.md",
         NULL},
        {"transport", OPTION_STRING, &o->transport, "where flows go: file, nats or clickhouse",
         NULL},
        {"transport.file", OPTION_STRING, &o->file, "`file` to append to; empty for stdout", NULL},
        {"transport.file.sep", OPTION_STRING, &o->separator, "`text` after each flow", NULL},
        {"transport.file.buffer", OPTION_BYTES, &o->buffer_bytes,
         "`bytes` kept for a reader that is behind", NULL},
        {"drain", OPTION_DURATION_NS, &o->drain_ns,
         "how long the end waits for the reader of the output", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t other_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"addr", OPTION_STRING, &o->address,
         "serve /metrics and /__health at this `host:port`; empty: do not", "Other"},
        {"health", OPTION_BOOL, &o->health,
         "ask the enricher that runs at -addr whether it is well, and exit with 0 or 1", NULL},
        {"loglevel", OPTION_STRING, &o->log_level_name, "debug, info, warn or error", NULL},
        {"logfmt", OPTION_STRING, &o->log_format, "normal or json", NULL},
        {"v", OPTION_BOOL, &o->version, "print the version", NULL},
    };
    memcpy(out, rows, sizeof rows);
    return COUNT(rows);
}

static size_t nats_rows(struct option *out, struct enricher_options *o)
{
    const struct option rows[] = {
        {"source.nats.stream", OPTION_STRING, &o->nats_source.stream, "stream by `name`",
         "Input from NATS JetStream"},
        {"source.nats.subject", OPTION_STRING, &o->nats_source.subject,
         "of the stream only this `subject`; empty: all", NULL},
        {"source.nats.durable", OPTION_STRING, &o->nats_source.durable,
         "consumer by `name`, which enrichers share; made when it is not there", NULL},
        {"source.nats.queue", OPTION_STRING, &o->nats_source.queue,
         "without JetStream: hear the subject in this `group`", NULL},
        {"source.nats.fetch", OPTION_INT, &o->nats_source.fetch, "`messages` asked for at a time",
         NULL},
        {"source.nats.ack-wait", OPTION_DURATION_NS, &o->nats_source.ack_wait_ns,
         "a consumer that is made: after which silence a message goes to another", NULL},
        {"source.nats.max-ack-pending", OPTION_INT, &o->nats_source.max_ack_pending,
         "a consumer that is made: `messages` under way at all enrichers", NULL},
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
                                                  .fetch = 256,
                                                  .ack_wait_ns = INT64_C(30000000000),
                                                  .max_ack_pending = 8192};
}

enum options_result enricher_options_parse(struct enricher_options *o, int argc, char *const argv[])
{
    struct option rows[ROWS_MAX + NATS_SOURCE_ROWS + NATS_TRANSPORT_ROWS];
    size_t count = 0;
    int rest = 0;
    set_defaults(o);
    count += input_rows(rows + count, o);
    count += enrichment_rows(rows + count, o);
    count += output_rows(rows + count, o);
    count += other_rows(rows + count, o);
    count += nats_rows(rows + count, o);
    assert(count <= ROWS_MAX);
    count += nats_source_rows(rows + count, &o->nats_source.access);
    count += nats_transport_rows(rows + count, &o->nats);
    count += clickhouse_rows(rows + count, &o->clickhouse);
    enum options_result result = options_parse(rows, count, argc, argv, &rest);
    if (result == OPTIONS_HELP)
        options_help(rows, count, SYNOPSIS, STDERR_FILENO);
    if (result == OPTIONS_OK && rest < argc) {
        dprintf(STDERR_FILENO, "enricher: argument \"%s\", expected options only\n", argv[rest]);
        return OPTIONS_BAD;
    }
    return result;
}

static int refuse(const char *option, const char *got, const char *wanted)
{
    dprintf(STDERR_FILENO, "enricher: -%s: got \"%s\", wanted %s\n", option, got, wanted);
    return -1;
}

static int find_sink(struct enricher_options *o)
{
    char names[256] = "";
    o->sink_ops = strcmp(o->transport, SINK_CLICKHOUSE.name) == 0 ? &SINK_CLICKHOUSE
                                                                  : sink_find(o->transport);
    if (o->sink_ops != NULL)
        return 0;
    size_t len = 0;
    for (const struct sink_ops *const *at = SINKS; *at != NULL && len < sizeof names; at++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s, ", (*at)->name);
    snprintf(names + len, sizeof names - len, "%s", SINK_CLICKHOUSE.name);
    return refuse("transport", o->transport, names);
}

// A stream that the enricher reads and writes would never come to an end.
static int check_nats(struct enricher_options *o)
{
    o->from_nats = strcmp(o->source_name, "nats") == 0;
    if (!o->from_nats && strcmp(o->source_name, "stdin") != 0)
        return refuse("source", o->source_name, "stdin or nats");
    if (o->from_nats && nats_source_check(&o->nats_source) != 0)
        return -1;
    if (o->sink_ops != &SINK_NATS)
        return 0;
    if (o->from_nats && strcmp(o->nats.stream, o->nats_source.stream) == 0)
        return refuse("transport.nats.stream", o->nats.stream, "another one than the source's");
    return nats_options_check(&o->nats);
}

// An insert that was given up ends before its flows come to another: nobody waits longer than half
// of what the stream does, the rest is for what says that they are in progress.
static int check_clickhouse(struct enricher_options *o)
{
    if (clickhouse_options_check(&o->clickhouse) != 0)
        return -1;
    if (o->sink_ops != &SINK_CLICKHOUSE || !o->from_nats || *o->nats_source.queue != '\0' ||
        o->nats_source.ack_wait_ns >= 2 * o->clickhouse.timeout_ns)
        return 0;
    return refuse("source.nats.ack-wait", "less", "at least twice -clickhouse.timeout");
}

// Without a mapping every name is known here. One with custom columns is read later.
static int check_filter(const struct enricher_options *o)
{
    char point[FILTER_POINT_MAX];
    struct filter_fault fault;
    if (*o->filter == '\0' || *o->mapping_path != '\0')
        return 0;
    struct filter *filter = filter_new(o->filter, NULL, &fault);
    if (filter == NULL)
        dprintf(STDERR_FILENO, "enricher: -filter: %s\n%s", fault.fault.text,
                filter_point(point, o->filter, fault.at));
    filter_free(filter);
    return filter == NULL ? -1 : 0;
}

int enricher_options_check(struct enricher_options *o)
{
    if (format_kind_parse(o->format_name, &o->format) != 0)
        return refuse("format", o->format_name, "json, text or bin");
    if (log_level_parse(o->log_level_name, &o->log_level) != 0)
        return refuse("loglevel", o->log_level_name, "debug, info, warn or error");
    if (find_sink(o) != 0 || check_nats(o) != 0 || check_clickhouse(o) != 0 || check_filter(o) != 0)
        return -1;
    o->log_json = strcmp(o->log_format, "json") == 0;
    if (o->sampling_rate < 0)
        o->sampling_rate = 0; // as goflow2: only what is above 0 counts
    if (o->drain_ns < 0)
        o->drain_ns = 0;
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
        .buffer_bytes = o->buffer_bytes,
        .nats = &o->nats,
        .clickhouse = &o->clickhouse,
        .blocking = true, // a pipe in front of us can wait, so nothing is dropped
    };
    return 0;
}
