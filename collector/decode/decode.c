#include "collector/decode/decode.h"

#include "collector/decode/decode_run.h"
#include "collector/decode/decode_type.h"
#include "collector/decode/domain.h"
#include "collector/decode/netflow.h"
#include "collector/decode/netflow_legacy.h"
#include "collector/decode/plan.h"
#include "collector/decode/plan_wire.h"
#include "collector/decode/sflow.h"

#include <stdlib.h>

enum {
    NETFLOW_V9 = 9,
    IPFIX = 10,
};

struct decoder {
    struct ledger *ledger;
    decode_emit *emit;
    const struct decode_frames *frames;
    struct plan_wire_pool wires;
    void *user;
    struct plan *legacy_plan;
    struct mapping *mapping;
    bool spread;
    decode_announce *announce;
    struct announcement *announcement; // NULL: nobody is to be told
    struct domain_store *domains;
    struct hold hold;
    struct exporter_table exporters;
    uint64_t limit_flows;
    struct limit_table limits;
    struct biflow_terms biflow;
    struct alarm_list alarms;
    struct trail trail;
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
    decoder->mapping = options->mapping == NULL ? NULL : mapping_ref(options->mapping);
    decoder->spread = options->spread;
    decoder->announce = options->announce;
    if (options->announce != NULL)
        decoder->announcement = malloc(sizeof *decoder->announcement);
    decoder->limit_flows = options->limit_flows;
    decoder->exporters.defaults = (struct sampling_networks){options->sampling_defaults,
                                                             options->sampling_default_count};
    decoder->exporters.overrides = (struct sampling_networks){options->sampling_overrides,
                                                              options->sampling_override_count};
    decoder->biflow = options->biflow;
    decoder->hold = (struct hold){.limits = options->hold, .ledger = ledger};
    decoder->legacy_plan = netflow_legacy_plan();
    decoder->domains = domain_store_new(options->templates_shared, options->hash_seed, ledger);
    if (exporter_table_init(&decoder->exporters, options->hash_seed, &decoder->hold) == 0 &&
        limit_table_init(&decoder->limits, options->hash_seed) == 0 && decoder->domains != NULL &&
        decoder->legacy_plan != NULL &&
        (options->announce == NULL || decoder->announcement != NULL)) {
        domain_expire(decoder->domains, &options->expiry);
        return decoder;
    }
    decoder_free(decoder);
    return NULL;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    free(decoder->announcement);
    plan_free(decoder->legacy_plan);
    domain_store_free(decoder->domains);
    hold_fini(&decoder->hold);
    exporter_table_fini(&decoder->exporters);
    limit_table_fini(&decoder->limits);
    mapping_unref(decoder->mapping);
    free(decoder);
}

void decoder_set_mapping(struct decoder *decoder, struct mapping *mapping)
{
    struct mapping *before = decoder->mapping;
    decoder->mapping = mapping == NULL ? NULL : mapping_ref(mapping);
    domain_store_map(decoder->domains, mapping);
    mapping_unref(before);
}

void decoder_set_frames(struct decoder *decoder, const struct decode_frames *frames)
{
    decoder->frames = decoder->limit_flows == 0 ? frames : NULL;
}

static void decode(struct decoder *decoder, struct decode_run *run, enum decode_scheme scheme)
{
    switch (decode_type(scheme, run->datagram)) {
    case FLOW_TYPE_SFLOW_5:
        sflow_decode(run);
        break;
    case FLOW_TYPE_NETFLOW_V5:
        netflow_legacy_decode(run, decoder->legacy_plan);
        break;
    case FLOW_TYPE_NETFLOW_V9:
    case FLOW_TYPE_IPFIX:
        netflow_decode(run, decoder->domains);
        break;
    case FLOW_TYPE_UNKNOWN:
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
                               .trail = &decoder->trail,
                               .spread = decoder->spread,
                               .limit_flows = decoder->limit_flows,
                               .limits = &decoder->limits,
                               .alarms = &decoder->alarms,
                               .mapping = decoder->mapping,
                               .biflow = &decoder->biflow,
                               .flow = &decoder->flow,
                               .emit = decoder->emit,
                               .frames = decoder->frames,
                               .wires = &decoder->wires,
                               .user = decoder->user};
}

static void learn(struct decoder *decoder, struct decode_run run)
{
    const struct datagram *announcement = run.datagram;
    uint16_t version = announcement->len < 2 ? 0 : bytes_u16(announcement->data);
    if (version == NETFLOW_V9 || version == IPFIX)
        netflow_learn(&run, decoder->domains);
}

void decoder_learn(struct decoder *decoder, const struct datagram *announcement)
{
    learn(decoder, begin_run(decoder, announcement));
}

void decoder_borrow(struct decoder *decoder, const struct datagram *announcement)
{
    struct decode_run run = begin_run(decoder, announcement);
    run.borrowed = true;
    learn(decoder, run);
}

void decoder_recall(struct decoder *decoder, const struct datagram *announcement)
{
    struct decode_run run = begin_run(decoder, announcement);
    run.recalled = true;
    learn(decoder, run);
}

static void announce(const struct decoder *decoder, const struct decode_run *run)
{
    const struct datagram *datagram = run->datagram;
    struct datagram announcement = *datagram;
    announcement_end(decoder->announcement);
    announcement.data = decoder->announcement->bytes;
    announcement.len = decoder->announcement->len;
    decoder->announce(decoder->user, &announcement,
                      run->exporter != NULL && run->exporter->entry.rank != TABLE_NEWCOMER);
}

// How old the datagram's last flow was when it came; an end in the future is none.
static void note_delay(struct exporter *exporter, const struct flow *flow)
{
    uint64_t end_ns = flow_num(flow, FLOW_TIME_FLOW_END_NS);
    uint64_t received_ns = flow_num(flow, FLOW_TIME_RECEIVED_NS);
    exporter->counts.delays++;
    if (received_ns > end_ns && end_ns != 0)
        exporter->counts.delay_s += (double)(received_ns - end_ns) / 1e9;
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
    decode(decoder, &run, scheme);
    if (run.announcement != NULL && announcement_worth(run.announcement))
        announce(decoder, &run);
    if (run.exporter == NULL)
        return;
    run.exporter->counts.units_dropped += units_dropped(decoder->ledger) - dropped;
    if (decoder->ledger->flows_made == flows)
        return;
    exporter_gave_flows(&decoder->exporters, run.exporter, decoder->ledger->flows_made - flows);
    note_delay(run.exporter, &decoder->flow);
}

void decode_look(struct decode_run *run)
{
    exporter_look(run->exporter, run->flow);
    run->looking = exporter_wants_look(run->exporter);
}

bool decode_limited(struct decode_run *run)
{
    struct flow *flow = run->flow;
    struct exporter *exporter = run->exporter;
    uint64_t rate = flow_num(flow, FLOW_SAMPLING_RATE);
    if (exporter == NULL) // no memory for its limit
        return true;
    if (run->source == NULL)
        run->source = limit_source_of(run->limits, &run->datagram->source);
    uint32_t weight = limit_take_of(run->source, &exporter->limit, run->limit_flows,
                                    run->datagram->received_ns);
    if (weight == 0) {
        run->ledger->flows_filtered++;
        decode_note(run, REASON_FLOW_LIMITED);
        exporter->counts.flows_limited++;
        return false;
    }
    if (weight != 1 && __builtin_mul_overflow(rate == 0 ? 1 : rate, weight, &rate))
        rate = UINT64_MAX;
    flow_set_num(flow, FLOW_SAMPLING_RATE, rate);
    return true;
}

static void visit_order(const struct table_order *order, decoder_exporter_visit *visit, void *user)
{
    for (const struct table_entry *e = order->newest; e != NULL; e = e->older)
        visit(user, (const struct exporter *)e);
}

void decoder_exporters(const struct decoder *decoder, decoder_exporter_visit *visit, void *user)
{
    visit_order(&decoder->exporters.table.ranks[TABLE_PROVEN], visit, user);
    visit_order(&decoder->exporters.table.ranks[TABLE_NEWCOMER], visit, user);
}

void decoder_templates(const struct decoder *decoder, decoder_template_visit *visit, void *user)
{
    domain_visit_templates(decoder->domains, visit, user);
}

uint64_t decoder_changes(const struct decoder *decoder)
{
    return domain_changes(decoder->domains);
}

void decoder_terms(const struct decoder *decoder, domain_terms_visit *visit, void *user)
{
    domain_visit_terms(decoder->domains, visit, user);
}

static struct domain_key group_of(const struct exporter *exporter)
{
    struct domain_key key = {.source = exporter->key.source, .id = exporter->key.id};
    if (exporter->key.type == FLOW_TYPE_NETFLOW_V9)
        key.version = NETFLOW_V9;
    else if (exporter->key.type == FLOW_TYPE_IPFIX)
        key.version = IPFIX;
    return key;
}

static bool count_template(void *user, const struct domain_key *key,
                           const struct template *template)
{
    size_t *count = user;
    (void)key;
    (void)template;
    ++*count;
    return true;
}

size_t decoder_template_count(const struct decoder *decoder, const struct exporter *exporter)
{
    const struct domain_key key = group_of(exporter);
    size_t count = 0;
    domain_visit_group(decoder->domains, &key, count_template, &count);
    return count;
}

struct unused {
    struct template_field *out;
    unsigned count;
    unsigned room;
};

static void add_unused(struct unused *unused, const struct template_field *field)
{
    for (unsigned i = 0; i < unused->count; i++)
        if (unused->out[i].element == field->element &&
            unused->out[i].enterprise == field->enterprise)
            return;
    if (unused->count < unused->room)
        unused->out[unused->count++] = *field;
}

static bool collect_unused(void *user, const struct domain_key *key,
                           const struct template *template)
{
    struct unused *unused = user;
    (void)key;
    if (template->plan == NULL || plan_unused(template->plan) == 0)
        return true;
    for (unsigned i = 0; i < template->field_count; i++)
        if (!plan_takes(template->plan, &template->fields[i]))
            add_unused(unused, &template->fields[i]);
    return unused->count < unused->room;
}

unsigned decoder_unused(const struct decoder *decoder, const struct exporter *exporter,
                        struct template_field *out, unsigned room)
{
    struct unused unused = {.out = out, .room = room};
    const struct domain_key key = group_of(exporter);
    domain_visit_group(decoder->domains, &key, collect_unused, &unused);
    return unused.count;
}

struct domain_store *decoder_domains(struct decoder *decoder)
{
    return decoder->domains;
}

const struct exporter_sums *decoder_gone(const struct decoder *decoder)
{
    return decoder->exporters.gone;
}

const struct trail *decoder_trail(const struct decoder *decoder)
{
    return &decoder->trail;
}

const struct alarm_list *decoder_alarms(const struct decoder *decoder)
{
    return &decoder->alarms;
}
