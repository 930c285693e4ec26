#include "collector/decode/netflow.h"

#include "collector/decode/decode_sampling.h"
#include "collector/decode/netflow_clock.h"
#include "collector/decode/netflow_walk.h"
#include "collector/decode/straight.h"

#define NS_PER_S 1000000000

static bool read_header(struct netflow_walk *walk, struct cursor *c)
{
    uint16_t version = cursor_u16(c);
    uint16_t second = cursor_u16(c); // v9: a count of records, which the sets tell anyway
    if (version == TEMPLATE_V9)
        walk->uptime_ms = cursor_u32(c);
    walk->export_ns = (uint64_t)cursor_u32(c) * NS_PER_S;
    walk->sequence = cursor_u32(c);
    walk->key.id = cursor_u32(c);
    if (!cursor_ok(c)) {
        ledger_count(walk->run->ledger, REASON_HEADER_SHORT, 1);
        return false;
    }
    walk->dialect = (enum template_dialect)version;
    if (version == TEMPLATE_IPFIX) { // RFC 7011, section 3.1: the length counts the header
        size_t header_len = (size_t)(c->at - walk->run->datagram->data);
        if (second < header_len) {
            ledger_count(walk->run->ledger, REASON_MESSAGE_LENGTH, 1);
            return false;
        }
        size_t len = second - header_len;
        if (len < cursor_left(c)) {
            c->end = c->at + len;
            decode_note(walk->run, REASON_TRAILING_BYTES);
        } else if (len > cursor_left(c)) {
            decode_note(walk->run, REASON_MESSAGE_CLIPPED);
        }
    }
    return true;
}

static enum flow_type type_of(const struct netflow_walk *walk)
{
    return walk->dialect == TEMPLATE_V9 ? FLOW_TYPE_NETFLOW_V9 : FLOW_TYPE_IPFIX;
}

void walk_base(struct netflow_walk *walk)
{
    const struct datagram *datagram = walk->run->datagram;
    struct flow *flow = walk->run->flow;
    flow_reset(flow);
    flow_set_num(flow, FLOW_TYPE, type_of(walk));
    flow_set_num(flow, FLOW_TIME_RECEIVED_NS, datagram->received_ns);
    flow_set_num(flow, FLOW_SEQUENCE_NUM, walk->sequence);
    flow_set_bytes(flow, FLOW_SAMPLER_ADDRESS, datagram->source.bytes, datagram->source.len);
    flow_set_num(flow, FLOW_OBSERVATION_DOMAIN_ID, walk->key.id);
    walk->base = flow->set;
}

static void set_sampling(struct netflow_walk *walk, struct domain_sampling *sampling,
                         const struct plan_result *result)
{
    static const struct sampling_terms nothing = {.has_selector = false};
    const struct flow *flow = walk->run->flow;
    const struct sampling_found found = domain_sampling_of(
        sampling, result->has_sampling ? &result->sampling : &nothing,
        (uint32_t)flow_num(flow, FLOW_IN_IF), (uint32_t)flow_num(flow, FLOW_OUT_IF));
    decode_sampling(walk->run, &found);
}

// The other direction of the record that the scratch flow is of, where it counts one. `rate` is
// what its sampling rate was before -limit.flows.
static void decode_reverse(struct netflow_walk *walk, const struct plan *plan,
                           const struct cursor *body, const struct netflow_clock *clock,
                           uint64_t rate)
{
    struct decode_run *run = walk->run;
    struct flow *flow = run->flow;
    struct plan_result result;
    biflow_turn(flow);
    plan_run(plan, body->at, cursor_left(body), flow, &result, run->ledger);
    if (!flow_has(flow, FLOW_BYTES) && !flow_has(flow, FLOW_PACKETS))
        return;
    if (run->biflow->forward_only) {
        decode_note(run, REASON_REVERSE_LEFT_OUT);
        return;
    }
    if (!netflow_clock_set(clock, &result, flow))
        decode_note(run, REASON_TIME_INVALID);
    decode_sampling_again(run, rate);
    decode_emit_flow(run);
}

// One record the whole way: its length, 0 when it is cut short.
static size_t decode_record(struct netflow_walk *walk, const struct template *template,
                            const struct cursor *body, struct domain_sampling *sampling,
                            struct netflow_clock *clock)
{
    struct decode_run *run = walk->run;
    struct plan_result result;
    size_t left = cursor_left(body);
    flow_restart(run->flow, walk->base);
    size_t len = left < template->min_len
                     ? 0
                     : plan_run(template->plan, body->at, left, run->flow, &result, run->ledger);
    if (len == 0)
        return 0;
    if (result.init_ms != 0)
        clock->init_ms = result.init_ms;
    if (!netflow_clock_set(clock, &result, run->flow))
        decode_note(run, REASON_TIME_INVALID);
    set_sampling(walk, sampling, &result);
    uint64_t rate = flow_num(run->flow, FLOW_SAMPLING_RATE);
    decode_emit_flow(run);
    if (plan_reverse(template->plan) != NULL)
        decode_reverse(walk, plan_reverse(template->plan), body, clock, rate);
    return len;
}

// Decodes records up to the end of the set or a reason to stop there, REASON_COUNT: none.
static enum reason decode_records(struct netflow_walk *walk, const struct template *template,
                                  struct cursor body, unsigned *records)
{
    struct domain_sampling sampling;
    struct netflow_clock clock = {walk->dialect, walk->export_ns, walk->uptime_ms,
                                  domain_find_init_ms(walk->store, &walk->key, walk->domain)};
    struct straight straight;
    enum reason end = REASON_COUNT;
    domain_sampling_look(&sampling, walk->store, &walk->key, walk->domain, template->id);
    straight.run = walk->run;
    straight.clock = &clock;
    straight.sampling = &sampling;
    flow_restart(walk->run->flow, walk->base);
    straight_begin(&straight, template->plan);
    while (*records == 0 || !walk_is_padding(&body, template->min_len)) {
        size_t len = template->min_len;
        if (walk->records == WALK_RECORDS_MAX) {
            end = REASON_RECORD_LIMIT;
            break;
        }
        if (cursor_left(&body) < len || !straight_record(&straight, body.at))
            len = decode_record(walk, template, &body, &sampling, &clock);
        if (len == 0) {
            end = REASON_RECORD_TRUNCATED;
            break;
        }
        body.at += len;
        ++*records;
        walk->records++;
    }
    straight_end(&straight);
    return end;
}

static void decode_flows(struct netflow_walk *walk, const struct template *template,
                         const struct cursor *body)
{
    unsigned records = 0;
    enum reason end = decode_records(walk, template, *body, &records);
    if (end != REASON_COUNT) {
        walk_drop_data(walk, end);
        return;
    }
    if (walk->domain == NULL || domain_own_template(walk->domain, template->id) != template)
        decode_note(walk->run, REASON_TEMPLATE_BORROWED);
    if (walk->domain != NULL) {
        walk->learned |= domain_touch(walk->store, walk->domain);
        trail_go_on(walk->run->trail, walk->store, walk->domain, template);
    }
    template->life->used_ns = walk->run->datagram->received_ns;
    decode_part(walk->run, EXPORTER_DATA_SETS, records);
    walk->run->ledger->units_decoded++;
}

// A data set whose template is not there, or not certain: held until it is.
static void miss(struct netflow_walk *walk, enum reason reason, const struct netflow_set *set)
{
    struct decode_run *run = walk->run;
    const struct held_message message = {.received_ns = run->datagram->received_ns,
                                         .export_ns = walk->export_ns,
                                         .uptime_ms = walk->uptime_ms,
                                         .sequence = walk->sequence,
                                         .port = walk->key.port};
    walk->records_known = false;
    if (run->exporter != NULL)
        exporter_missed(run->exporter, message.received_ns);
    if (run->exporter == NULL || !hold_put(run->hold, run->exporter, &message, reason, set->id,
                                           set->body.at, cursor_left(&set->body)))
        walk_drop(walk, reason);
}

void walk_data(struct netflow_walk *walk, const struct netflow_set *set)
{
    const struct template *template = NULL;
    enum domain_answer answer = domain_template(walk->store, &walk->key, walk->domain, set->id,
                                                &template);
    if (answer == DOMAIN_MISSING)
        miss(walk, REASON_TEMPLATE_MISSING, set);
    else if (answer == DOMAIN_AMBIGUOUS)
        miss(walk, REASON_TEMPLATE_AMBIGUOUS, set);
    else if (answer == DOMAIN_UNPROVEN)
        miss(walk, REASON_TEMPLATE_UNPROVEN, set);
    else if (template->min_len == 0) // records of no bytes would never end
        walk_drop_data(walk, REASON_TEMPLATE_EMPTY);
    else if (template->options)
        walk_options(walk, set);
    else if (cursor_left(&set->body) == 0)
        walk->run->ledger->units_decoded++;
    else
        decode_flows(walk, template, &set->body);
}

static void decode_deferred(struct netflow_walk *walk)
{
    for (unsigned i = 0; i < walk->deferred_count; i++)
        walk_data(walk, &walk->deferred[i]);
    walk->deferred_count = 0;
}

static void take_data_set(struct netflow_walk *walk, const struct netflow_set *set)
{
    const struct template *own = walk->domain == NULL ? NULL
                                                      : domain_own_template(walk->domain, set->id);
    if (own != NULL && own->options) {
        walk_data(walk, set);
        return;
    }
    if (walk->learning)
        return;
    if (walk->deferred_count == WALK_DEFERRED_MAX)
        decode_deferred(walk);
    walk->deferred[walk->deferred_count++] = *set;
}

// The layout of a known template has changed; the exporter's first change raises the alarm.
static void note_change(const struct netflow_walk *walk, const struct template *template)
{
    struct decode_run *run = walk->run;
    decode_note(run, REASON_TEMPLATE_CHANGED);
    if (run->exporter == NULL || run->exporter->counts.template_changes++ != 0)
        return;
    const struct alarm alarm = {.source = walk->key.source,
                                .port = walk->key.port,
                                .template_id = template->id,
                                .type = type_of(walk),
                                .domain = walk->key.id};
    alarm_put(run->alarms, &alarm);
}

static void note_announced(const struct netflow_walk *walk, const struct template *template)
{
    struct exporter *exporter = walk->run->exporter;
    template->life->updated_ns = walk->run->datagram->received_ns;
    if (exporter == NULL) // another worker's, which counted it
        return;
    template->life->announced++;
    exporter->last_template_ns = template->life->updated_ns;
}

static void tell(const struct netflow_walk *walk, const struct template *template, bool changed)
{
    announcement_note(walk->run->announcement, changed, walk->run->datagram->received_ns,
                      &template->life->told_ns);
}

// Options that will say how it samples.
static bool announces_sampling(const struct template *template)
{
    for (unsigned i = 0; template->options && i < template->field_count; i++)
        if (template->fields[i].enterprise == 0 && sampling_is_element(template->fields[i].element))
            return true;
    return false;
}

static void learn(struct netflow_walk *walk, struct template *template)
{
    const struct template *known = domain_own_template(walk->domain, template->id);
    if (known != NULL && template_same_layout(known, template)) {
        note_announced(walk, known);
        tell(walk, known, false);
        known->life->borrowed &= walk->run->borrowed;
        template_free(template);
        return;
    }
    if (known != NULL && walk->run->borrowed && !known->life->borrowed) {
        template_free(template);
        return;
    }
    template->life->added_ns = walk->run->datagram->received_ns;
    if (announces_sampling(template))
        domain_note_samples(walk->domain);
    template->post_is_reverse = biflow_is_post(walk->run->biflow, &walk->key.source);
    if (walk->run->mapping != NULL || template->post_is_reverse) // without memory it goes without
        (void)template_map(template, walk->dialect, walk->run->mapping);
    if (known != NULL) { // what stands before the change has the old layout
        *template->life = *known->life;
        note_change(walk, template);
        decode_deferred(walk);
    }
    note_announced(walk, template);
    template->life->borrowed = walk->run->borrowed;
    walk->learned = true;
    tell(walk, template, true);
    if (domain_put(walk->store, walk->domain, template) != 0)
        decode_note(walk->run, REASON_TEMPLATE_EVICTED);
}

// RFC 7011, section 8.1: the set's own id withdraws all templates of its kind. Other decoders keep
// what they have: the exporter announces again what it goes on with.
static void withdraw(struct netflow_walk *walk, uint16_t set_id, uint16_t id, bool options)
{
    if (walk->run->borrowed)
        return;
    decode_deferred(walk);
    if (id == set_id)
        domain_withdraw_all(walk->store, walk->domain, options);
    else
        domain_withdraw(walk->store, walk->domain, id);
}

static void take_template_set(struct netflow_walk *walk, const struct netflow_set *set,
                              bool options)
{
    struct cursor body = set->body;
    struct template *template = NULL;
    uint16_t id = 0;
    unsigned records = 0;
    walk_tell(walk, set->id, &body);
    walk->domain = domain_make(walk->store, &walk->key);
    while (walk->domain != NULL) {
        switch (template_parse(&body, walk->dialect, options, &template, &id)) {
        case TEMPLATE_PARSED:
            learn(walk, template);
            records++;
            continue;
        case TEMPLATE_WITHDRAWN:
            withdraw(walk, set->id, id, options);
            records++;
            continue;
        case TEMPLATE_PADDING:
            walk->templates += records;
            decode_part(walk->run,
                        options ? EXPORTER_OPTIONS_TEMPLATE_SETS : EXPORTER_TEMPLATE_SETS, records);
            walk->run->ledger->units_decoded++;
            return;
        case TEMPLATE_BAD:
            break;
        }
        break;
    }
    walk_drop(walk, REASON_TEMPLATE_INVALID);
}

static void take_set(struct netflow_walk *walk, const struct netflow_set *set)
{
    uint16_t template_set = walk->dialect == TEMPLATE_V9 ? 0 : 2;
    if (set->id >= WALK_FIRST_DATA_SET)
        take_data_set(walk, set);
    else if (set->id == template_set || set->id == template_set + 1)
        take_template_set(walk, set, set->id != template_set);
    else
        walk_drop(walk, REASON_SET_RESERVED);
}

// Whether another set follows. Some exporters fill their datagrams up with zeros.
static bool next_set(struct netflow_walk *walk, struct netflow_set *set)
{
    struct cursor *sets = &walk->sets;
    if (cursor_left(sets) < WALK_SET_HEADER_LEN || bytes_u32(sets->at) == 0) {
        if (cursor_left(sets) != 0)
            decode_note(walk->run, REASON_TRAILING_BYTES);
        return false;
    }
    walk->run->ledger->units_received++;
    if (walk->set_count++ == WALK_SETS_MAX) {
        walk_drop_data(walk, REASON_SET_LIMIT);
        return false;
    }
    set->id = cursor_u16(sets);
    size_t len = cursor_u16(sets);
    if (len < WALK_SET_HEADER_LEN) { // RFC 7011, section 3.3.2: the length counts the header
        walk_drop(walk, REASON_SET_LENGTH);
        return false;
    }
    len -= WALK_SET_HEADER_LEN;
    if (len > cursor_left(sets)) { // its whole records are still good
        decode_note(walk->run, REASON_SET_CLIPPED);
        len = cursor_left(sets);
    }
    set->body = cursor_sub(sets, len);
    return true;
}

static uint16_t at_most_u16(uint32_t value)
{
    return value < UINT16_MAX ? (uint16_t)value : UINT16_MAX;
}

static void count_sequence(const struct netflow_walk *walk)
{
    const struct sequence_step step = {.flows = at_most_u16(walk->records - walk->options),
                                       .options = at_most_u16(walk->options),
                                       .templates = at_most_u16(walk->templates),
                                       .unknown = !walk->records_known};
    decode_sequence(walk->run, walk->sequence, &step);
}

static bool start(struct netflow_walk *walk, struct decode_run *run, struct domain_store *store)
{
    struct cursor c = cursor_over(run->datagram->data, run->datagram->len);
    walk->run = run;
    walk->store = store;
    walk->uptime_ms = 0;
    if (!read_header(walk, &c))
        return false;
    run->ledger->datagrams_parsed++;
    if (run->announcement != NULL)
        announcement_begin(run->announcement, run->datagram->data,
                           (size_t)(c.at - run->datagram->data));
    walk->key.source = run->datagram->source;
    walk->key.port = run->datagram->port;
    walk->key.version = (uint8_t)walk->dialect;
    domain_clock(store, run->datagram->received_ns);
    walk->domain = domain_find(store, &walk->key);
    walk->sets = c;
    walk->deferred_count = 0;
    walk->records = 0;
    walk->options = 0;
    walk->templates = 0;
    walk->records_known = true;
    walk->set_count = 0;
    walk->options_fields = 0;
    walk->learned = false;
    walk->learning = false;
    walk_base(walk);
    return true;
}

static void take_all(struct netflow_walk *walk)
{
    struct netflow_set set;
    while (next_set(walk, &set))
        take_set(walk, &set);
    decode_deferred(walk);
}

void netflow_decode(struct decode_run *run, struct domain_store *store)
{
    struct netflow_walk walk; // not initialised whole: most of it is the deferred sets
    if (!start(&walk, run, store))
        return;
    decode_from(run, &run->datagram->source, type_of(&walk), walk.key.id);
    decode_clock(run, walk.export_ns);
    take_all(&walk);
    count_sequence(&walk);
    if (walk.learned && run->exporter != NULL)
        walk_held(&walk);
}

void netflow_learn(struct decode_run *run, struct domain_store *store)
{
    struct netflow_walk walk;
    struct ledger *books = run->ledger;
    struct ledger uncounted = {.datagrams_received = 0};
    run->ledger = &uncounted; // the decoder that was sent it counted it
    bool started = start(&walk, run, store);
    if (started) {
        walk.learning = true;
        take_all(&walk);
        walk.learning = false;
        if (run->recalled && walk.domain != NULL)
            domain_touch(store, walk.domain);
    }
    run->ledger = books;
    if (!started || !walk.learned)
        return;
    const struct exporter_key key = {
        .source = run->datagram->source, .type = type_of(&walk), .id = walk.key.id};
    run->exporter = exporter_find(run->exporters, &key);
    if (run->exporter != NULL)
        walk_held(&walk);
}
