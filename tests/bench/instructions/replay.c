#include "tests/bench/instructions/replay.h"

#include "common/base/log.h"
#include "common/base/options.h"

#define EXPORTER   UINT32_C(0xc0000201)
#define STARTED_NS UINT64_C(1767225600000000000)

const struct decode_options REPLAY_DECODE = {
    .hash_seed = 1,
    .hold = {.exporter_bytes = 1 << 20, .total_bytes = 1 << 20, .time_ns = UINT64_C(1000000000)},
};

static void make_pool(struct replay *replay)
{
    struct feed_exporter exporter = {.address = EXPORTER};
    replay->feed.started_ns = STARTED_NS;
    replay->feed.template_count = 1;
    replay->feed.random = 1;
    for (size_t i = 0; i <= REPLAY_DATAGRAMS; i++) {
        if (i == 0 && replay->feed.shape->has_templates)
            feed_make_templates(&replay->feed, 0, &replay->pool[i]);
        else
            feed_make_flows(&replay->feed, &replay->pool[i]);
        feed_stamp(&replay->feed, &exporter, STARTED_NS, &replay->pool[i]);
    }
}

static int parse(struct replay *replay, int argc, char *argv[])
{
    const struct option table[] = {
        {"protocol", OPTION_STRING, &replay->protocol, "v5, v9, ipfix or sflow", "Path"},
        {"format", OPTION_STRING, &replay->format_name, "bin, json or text", NULL},
        {"datagrams", OPTION_INT, &replay->datagrams, "`count` to run, at most 400", NULL},
        {"filter", OPTION_STRING, &replay->filter, "`expression` of the flows to keep", NULL},
        {"context", OPTION_STRING, &replay->snapshot.context_path, "context.yaml", NULL},
        {"asn", OPTION_STRING, &replay->snapshot.asn_path, "ASN database", NULL},
        {"country", OPTION_STRING, &replay->snapshot.country_path, "country database", NULL},
    };
    int rest = 0;
    if (options_parse(table, sizeof table / sizeof table[0], argc, argv, &rest) != OPTIONS_OK)
        return -1;
    return replay->datagrams < 1 || replay->datagrams > REPLAY_DATAGRAMS ? -1 : 0;
}

int replay_init(struct replay *replay, unsigned columns, int argc, char *argv[])
{
    enum format_kind kind;
    const struct sink_options sink = {
        .path = "/dev/null", .separator = "", .buffer_bytes = 1 << 20, .blocking = true};
    log_setup(LOG_LEVEL_ERROR, false);
    replay->protocol = "v9";
    replay->format_name = "bin";
    replay->filter = "";
    replay->datagrams = REPLAY_DATAGRAMS;
    if (parse(replay, argc, argv) != 0)
        return 2;
    replay->feed.shape = feed_shape(replay->protocol);
    if (replay->feed.shape == NULL || format_kind_parse(replay->format_name, &kind) != 0)
        return 2;
    make_pool(replay);
    replay->format = format_new(kind, columns);
    replay->sink = sink_find("file")->open(&sink);
    return replay->format == NULL || replay->sink == NULL ? 1 : 0;
}

void replay_fini(struct replay *replay)
{
    format_free(replay->format);
}

struct datagram replay_datagram(const struct replay *replay, size_t index)
{
    static const uint8_t exporter[] = {192, 0, 2, 1};
    return (struct datagram){.data = replay->pool[index].data,
                             .len = replay->pool[index].len,
                             .source = addr_of(exporter, sizeof exporter),
                             .port = 2055,
                             .received_ns = STARTED_NS};
}
