#include "tests/bench/load.h"

#include <stdlib.h>

struct load {
    struct load_options options;
    struct feed feed;
    struct feed_exporter *exporters;
    uint32_t exporter_turn;
    struct feed_datagram *pool;
    uint32_t pool_turn;
    uint32_t template_datagrams; // of each exporter
    uint64_t templates_first;    // how many are still to be sent before any flow
    uint64_t template_turn;
    uint32_t since_templates;
    struct load_counts counts;

    struct parcel parcels[PARCEL_BATCH_MAX];
    struct iovec pieces[PARCEL_BATCH_MAX];
    struct feed_datagram copies[PARCEL_BATCH_MAX]; // of templates, which exporters share
};

static void make(struct load *load, uint64_t started_ns)
{
    const struct load_options *options = &load->options;
    load->feed = (struct feed){.shape = options->shape,
                               .template_count = options->templates,
                               .unique = options->unique,
                               .started_ns = started_ns,
                               .random = options->seed};
    load->template_datagrams = feed_template_datagrams(&load->feed);
    if (!options->announced)
        load->templates_first = (uint64_t)load->template_datagrams * options->exporters;
    for (uint32_t i = 0; i < options->exporters; i++)
        load->exporters[i].address = options->first + i;
    for (uint32_t i = 0; i < options->pool; i++)
        feed_make_flows(&load->feed, &load->pool[i]);
}

struct load *load_new(const struct load_options *options, uint64_t started_ns)
{
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return NULL;
    load->options = *options;
    load->exporters = calloc(options->exporters, sizeof *load->exporters);
    load->pool = calloc(options->pool, sizeof *load->pool);
    if (load->exporters == NULL || load->pool == NULL) {
        load_free(load);
        return NULL;
    }
    make(load, started_ns);
    return load;
}

void load_free(struct load *load)
{
    if (load == NULL)
        return;
    free(load->exporters);
    free(load->pool);
    free(load);
}

static bool templates_due(const struct load *load)
{
    if (load->template_datagrams == 0)
        return false;
    return load->templates_first > 0 || (load->options.template_every != 0 &&
                                         load->since_templates >= load->options.template_every);
}

static void add_piece(struct load *load, struct feed_exporter *exporter, uint64_t now_ns,
                      struct feed_datagram *datagram, struct iovec *piece)
{
    feed_stamp(&load->feed, exporter, now_ns, datagram);
    *piece = (struct iovec){datagram->data, datagram->len};
    load->counts.datagrams++;
    load->counts.flows += datagram->flows;
}

// All templates of one exporter, then those of the next.
static void add_templates(struct load *load, size_t slot, uint64_t now_ns, struct parcel *parcel)
{
    uint32_t index = (uint32_t)(load->template_turn % load->template_datagrams);
    uint64_t exporter = load->template_turn / load->template_datagrams % load->options.exporters;
    feed_make_templates(&load->feed, index, &load->copies[slot]);
    add_piece(load, &load->exporters[exporter], now_ns, &load->copies[slot], parcel->pieces);
    parcel->count = 1;
    parcel->source = load->exporters[exporter].address;
    load->template_turn++;
    load->since_templates = 0;
    load->templates_first -= load->templates_first > 0;
    load->counts.templates++;
}

static void add_flows(struct load *load, uint64_t now_ns, struct parcel *parcel)
{
    struct feed_exporter *exporter = &load->exporters[load->exporter_turn];
    for (uint32_t i = 0; i < load->options.segments; i++) {
        add_piece(load, exporter, now_ns, &load->pool[load->pool_turn], &parcel->pieces[i]);
        load->pool_turn = load->pool_turn + 1 == load->options.pool ? 0 : load->pool_turn + 1;
    }
    parcel->count = load->options.segments;
    parcel->source = exporter->address;
    load->exporter_turn = load->exporter_turn + 1 == load->options.exporters
                              ? 0
                              : load->exporter_turn + 1;
    load->since_templates += load->options.segments;
}

size_t load_next(struct load *load, size_t datagrams, uint64_t now_ns,
                 const struct parcel **parcels)
{
    size_t used = 0;
    size_t count = 0;
    *parcels = load->parcels;
    while (count == 0 || (used + load->options.segments <= datagrams &&
                          used + load->options.segments <= PARCEL_BATCH_MAX)) {
        struct parcel *parcel = &load->parcels[count];
        parcel->pieces = &load->pieces[used];
        if (templates_due(load))
            add_templates(load, count, now_ns, parcel);
        else
            add_flows(load, now_ns, parcel);
        used += parcel->count;
        count++;
    }
    return count;
}

const struct load_counts *load_counts(const struct load *load)
{
    return &load->counts;
}
