#include "collector/decode/decode.h"

#include "collector/decode/decode_run.h"
#include "collector/decode/domain.h"
#include "collector/decode/netflow.h"
#include "collector/decode/netflow_legacy.h"
#include "collector/decode/sflow.h"

#include <stdlib.h>

enum {
    NETFLOW_V5 = 5,
    NETFLOW_V9 = 9,
    IPFIX = 10,
    SFLOW_V5 = 5, // of 32 bits, where NetFlow's versions have 16
};

struct decoder {
    struct ledger *ledger;
    decode_emit *emit;
    void *user;
    bool spread;
    decode_announce *announce;
    struct announcement *announcement; // NULL: nobody is to be told
    struct domain_store *domains;
    struct hold hold;
    struct exporter_table exporters;
    struct flow flow;
};

struct decoder *decoder_new(const struct decode_options *options, struct ledger *ledger,
                            decode_emit *emit, void *user)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    decoder->ledger = ledger;
    decoder->emit = emit;
    decoder->user = user;
    decoder->spread = options->spread;
    decoder->announce = options->announce;
    if (options->announce != NULL)
        decoder->announcement = malloc(sizeof *decoder->announcement);
    decoder->hold = (struct hold){.limits = options->hold, .ledger = ledger};
    decoder->domains = domain_store_new(options->templates_shared, options->hash_seed, ledger);
    if (exporter_table_init(&decoder->exporters, options->hash_seed, &decoder->hold) == 0 &&
        decoder->domains != NULL && (options->announce == NULL || decoder->announcement != NULL))
        return decoder;
    decoder_free(decoder);
    return NULL;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    free(decoder->announcement);
    domain_store_free(decoder->domains);
    hold_fini(&decoder->hold);
    exporter_table_fini(&decoder->exporters);
    free(decoder);
}

static void decode_netflow(struct decoder *decoder, struct decode_run *run, unsigned version)
{
    switch (version) {
    case NETFLOW_V5:
        netflow_legacy_decode(run);
        break;
    case NETFLOW_V9:
    case IPFIX:
        netflow_decode(run, decoder->domains);
        break;
    default:
        ledger_count(run->ledger, REASON_PROTOCOL_UNKNOWN, 1);
        break;
    }
}

static uint64_t units_dropped(const struct ledger *ledger)
{
    return ledger->units_received - ledger->units_decoded - ledger->units_held;
}

static struct decode_run begin_run(struct decoder *decoder, const struct datagram *datagram)
{
    return (struct decode_run){.datagram = datagram,
                               .ledger = decoder->ledger,
                               .hold = &decoder->hold,
                               .exporters = &decoder->exporters,
                               .spread = decoder->spread,
                               .flow = &decoder->flow,
                               .emit = decoder->emit,
                               .user = decoder->user};
}

void decoder_learn(struct decoder *decoder, const struct datagram *announcement)
{
    struct decode_run run = begin_run(decoder, announcement);
    uint16_t version = announcement->len < 2 ? 0 : bytes_u16(announcement->data);
    if (version == NETFLOW_V9 || version == IPFIX)
        netflow_learn(&run, decoder->domains);
}

static void announce(const struct decoder *decoder, const struct datagram *datagram)
{
    struct datagram announcement = *datagram;
    announcement_end(decoder->announcement);
    announcement.data = decoder->announcement->bytes;
    announcement.len = decoder->announcement->len;
    decoder->announce(decoder->user, &announcement);
}

void decoder_run(struct decoder *decoder, enum decode_scheme scheme,
                 const struct datagram *datagram)
{
    struct decode_run run = begin_run(decoder, datagram);
    run.announcement = decoder->announcement;
    if (run.announcement != NULL)
        run.announcement->news = false;
    hold_expire(&decoder->hold, datagram->received_ns);
    uint64_t flows = decoder->ledger->flows_made;
    uint64_t dropped = units_dropped(decoder->ledger);
    decoder->ledger->datagrams_received++;
    decoder->ledger->bytes_received += datagram->len;
    if (datagram->len < sizeof(uint32_t)) {
        ledger_count(decoder->ledger,
                     datagram->len == 0 ? REASON_DATAGRAM_EMPTY : REASON_HEADER_SHORT, 1);
        return;
    }
    uint32_t first = bytes_u32(datagram->data);
    if (first == SFLOW_V5 && scheme != DECODE_NETFLOW)
        sflow_decode(&run);
    else if (scheme != DECODE_SFLOW)
        decode_netflow(decoder, &run, first >> 16);
    else
        ledger_count(decoder->ledger, REASON_PROTOCOL_UNKNOWN, 1);
    if (run.announcement != NULL && announcement_worth(run.announcement))
        announce(decoder, datagram);
    if (run.exporter == NULL)
        return;
    run.exporter->units_dropped += units_dropped(decoder->ledger) - dropped;
    if (decoder->ledger->flows_made != flows)
        exporter_gave_flows(&decoder->exporters, run.exporter, decoder->ledger->flows_made - flows);
}
