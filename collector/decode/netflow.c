#include "collector/decode/netflow.h"

#include "collector/decode/netflow_clock.h"
#include "collector/decode/plan.h"
#include "collector/decode/template.h"

#define SET_HEADER_LEN 4
#define FIRST_DATA_SET 256
#define INIT_TIME      160 // systemInitTimeMilliseconds
#define DEFERRED_MAX   64
#define NS_PER_S       1000000000

// What one datagram may cost. A record of one byte is legal, and a flow is a thousand times that;
// the limits are what the largest datagram holds of sets of one IPv4 flow, of records of 16 bytes,
// and of fields of one byte.
#define SETS_MAX           2048
#define RECORDS_MAX        4096
#define OPTIONS_FIELDS_MAX 65536

struct set {
    uint16_t id;
    struct cursor body;
};

// One message on its way through.
struct walk {
    struct decode_run *run;
    struct domain_store *store;
    enum template_dialect dialect;
    struct domain_key key;
    struct domain *domain; // NULL until the exporter announced something
    struct cursor sets;
    uint64_t export_ns;
    uint32_t uptime_ms; // v9
    uint32_t sequence;
    uint64_t base;      // the bits of what all flows of the message have in common
    uint32_t records;   // data records decoded, of options too
    bool records_known; // no data set was left undecoded
    uint32_t set_count;
    uint32_t options_fields; // read of options records
    bool learned;            // a template that was not known so

    // Data sets wait for the end of the message: its templates and sampling rates hold for all of
    // it, wherever they stand.
    struct set deferred[DEFERRED_MAX];
    unsigned deferred_count;
};

static void drop_unit(struct walk *walk, enum reason reason)
{
    ledger_count(walk->run->ledger, reason, 1);
}

static void drop_data(struct walk *walk, enum reason reason)
{
    walk->records_known = false;
    drop_unit(walk, reason);
}

static bool read_header(struct walk *walk, struct cursor *c)
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
        }
    }
    return true;
}

static enum flow_type type_of(const struct walk *walk)
{
    return walk->dialect == TEMPLATE_V9 ? FLOW_TYPE_NETFLOW_V9 : FLOW_TYPE_IPFIX;
}

static void fill_base(struct walk *walk)
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

static void set_sampling(struct walk *walk, const struct sampling_table *table,
                         const struct plan_result *result)
{
    static const struct sampling_table unknown;
    enum exporter_sampling source = EXPORTER_SAMPLING_OPTIONS;
    uint64_t rate = table == NULL ? 0 : table->last;
    if (result->has_sampling) {
        rate = sampling_find(table == NULL ? &unknown : table, &result->sampling);
        if (sampling_rate(&result->sampling) != 0)
            source = EXPORTER_SAMPLING_RECORD;
    }
    decode_sampling(walk->run, rate, source);
}

// Sets are padded to four bytes, with fewer than any record takes (RFC 7011, section 3.3.1). Where
// records are that short, zeros at the end are padding all the same.
static bool is_padding(const struct cursor *body, size_t min_len)
{
    if (cursor_left(body) < min_len)
        return true;
    if (cursor_left(body) >= SET_HEADER_LEN)
        return false;
    return bytes_be(body->at, cursor_left(body)) == 0;
}

static void decode_records(struct walk *walk, const struct template *template, struct cursor body)
{
    struct decode_run *run = walk->run;
    const struct sampling_table *sampling = domain_sampling(walk->store, &walk->key, walk->domain);
    struct netflow_clock clock = {walk->dialect, walk->export_ns, walk->uptime_ms,
                                  domain_init_ms(walk->domain)};
    struct plan_result result;
    unsigned records = 0;
    while (records == 0 || !is_padding(&body, template->min_len)) {
        if (walk->records == RECORDS_MAX) {
            drop_data(walk, REASON_RECORD_LIMIT);
            return;
        }
        size_t left = cursor_left(&body);
        flow_restart(run->flow, walk->base);
        size_t len = left < template->min_len
                         ? 0
                         : plan_run(template->plan, body.at, left, run->flow, &result, run->ledger);
        if (len == 0) {
            drop_data(walk, REASON_RECORD_TRUNCATED);
            return;
        }
        body.at += len;
        records++;
        walk->records++;
        if (result.init_ms != 0)
            clock.init_ms = result.init_ms;
        netflow_clock_set(&clock, &result, run->flow);
        set_sampling(walk, sampling, &result);
        decode_emit_flow(run);
    }
    if (walk->domain != NULL)
        domain_touch(walk->store, walk->domain);
    run->ledger->units_decoded++;
}

// RFC 3954, section 6.1: the scopes of v9 are numbered apart from its elements; those of IPFIX are
// elements like any other.
static void decode_option(struct walk *walk, const struct template *template, struct cursor *body)
{
    struct sampling_terms terms = {.has_selector = false};
    for (unsigned i = 0; i < template->field_count; i++) {
        const struct template_field *field = &template->fields[i];
        struct cursor value = template_value(field, body);
        bool element = walk->dialect == TEMPLATE_IPFIX || i >= template->scope_count;
        if (!element || field->enterprise != 0 || cursor_left(&value) > 8 || !cursor_ok(&value))
            continue;
        uint64_t number = bytes_be(value.at, cursor_left(&value));
        sampling_take(&terms, field->element, number);
        if (field->element == INIT_TIME)
            domain_set_init_ms(walk->domain, number);
    }
    struct sampling_table *table = sampling_rate(&terms) == 0 || !cursor_ok(body)
                                       ? NULL
                                       : domain_own_sampling(walk->store, walk->domain);
    if (table != NULL)
        sampling_learn(table, &terms);
}

static void decode_options(struct walk *walk, const struct template *template, struct cursor body)
{
    while (cursor_ok(&body) && cursor_left(&body) >= template->min_len) {
        walk->options_fields += template->field_count;
        if (walk->options_fields > OPTIONS_FIELDS_MAX) {
            drop_data(walk, REASON_RECORD_LIMIT);
            return;
        }
        decode_option(walk, template, &body);
        walk->records++;
    }
    if (!cursor_ok(&body)) {
        drop_data(walk, REASON_RECORD_TRUNCATED);
        return;
    }
    walk->run->ledger->units_decoded++;
}

// What options say is remembered for the very port that sent them, even when their template is that
// of another one; and making room for that port may cost the other one: look again.
static void decode_options_set(struct walk *walk, const struct set *set)
{
    const struct template *template = NULL;
    walk->domain = domain_make(walk->store, &walk->key);
    if (walk->domain != NULL &&
        domain_template(walk->store, &walk->key, walk->domain, set->id, &template) == DOMAIN_FOUND)
        decode_options(walk, template, set->body);
    else
        drop_data(walk, REASON_TEMPLATE_MISSING);
}

// A data set whose template is not there, or not certain: held until it is.
static void miss(struct walk *walk, enum reason reason, const struct set *set)
{
    struct decode_run *run = walk->run;
    const struct held_message message = {.received_ns = run->datagram->received_ns,
                                         .export_ns = walk->export_ns,
                                         .uptime_ms = walk->uptime_ms,
                                         .sequence = walk->sequence,
                                         .port = walk->key.port};
    walk->records_known = false;
    if (run->exporter != NULL)
        run->exporter->last_missing_ns = message.received_ns;
    if (run->exporter == NULL || !hold_put(run->hold, run->exporter, &message, reason, set->id,
                                           set->body.at, cursor_left(&set->body)))
        drop_unit(walk, reason);
}

static void decode_data(struct walk *walk, const struct set *set)
{
    const struct template *template = NULL;
    enum domain_answer answer = domain_template(walk->store, &walk->key, walk->domain, set->id,
                                                &template);
    if (answer == DOMAIN_MISSING)
        miss(walk, REASON_TEMPLATE_MISSING, set);
    else if (answer == DOMAIN_AMBIGUOUS)
        miss(walk, REASON_TEMPLATE_AMBIGUOUS, set);
    else if (template->min_len == 0) // records of no bytes would never end
        drop_data(walk, REASON_TEMPLATE_EMPTY);
    else if (template->options)
        decode_options_set(walk, set);
    else if (cursor_left(&set->body) == 0)
        walk->run->ledger->units_decoded++;
    else
        decode_records(walk, template, set->body);
}

static void decode_deferred(struct walk *walk)
{
    for (unsigned i = 0; i < walk->deferred_count; i++)
        decode_data(walk, &walk->deferred[i]);
    walk->deferred_count = 0;
}

static void take_data_set(struct walk *walk, const struct set *set)
{
    const struct template *own = walk->domain == NULL ? NULL
                                                      : domain_own_template(walk->domain, set->id);
    if (own != NULL && own->options) {
        decode_data(walk, set);
        return;
    }
    if (walk->deferred_count == DEFERRED_MAX)
        decode_deferred(walk);
    walk->deferred[walk->deferred_count++] = *set;
}

static void learn(struct walk *walk, struct template *template)
{
    if (walk->run->exporter != NULL) {
        walk->run->exporter->last_template_ns = walk->run->datagram->received_ns;
        if (template->plan != NULL)
            walk->run->exporter->elements_unused = plan_unused(template->plan);
    }
    const struct template *known = domain_own_template(walk->domain, template->id);
    if (known != NULL && template_same_layout(known, template)) {
        template_free(template);
        return;
    }
    if (known != NULL) { // what stands before the change has the old layout
        decode_note(walk->run, REASON_TEMPLATE_CHANGED);
        decode_deferred(walk);
    }
    walk->learned = true;
    if (domain_put(walk->store, walk->domain, template) != 0)
        decode_note(walk->run, REASON_TEMPLATE_EVICTED);
}

// RFC 7011, section 8.1: the set's own id withdraws all templates of its kind.
static void withdraw(struct walk *walk, uint16_t set_id, uint16_t id, bool options)
{
    decode_deferred(walk);
    if (id == set_id)
        domain_withdraw_all(walk->store, walk->domain, options);
    else
        domain_withdraw(walk->store, walk->domain, id);
}

static void take_template_set(struct walk *walk, const struct set *set, bool options)
{
    struct cursor body = set->body;
    struct template *template = NULL;
    uint16_t id = 0;
    walk->domain = domain_make(walk->store, &walk->key);
    while (walk->domain != NULL) {
        switch (template_parse(&body, walk->dialect, options, &template, &id)) {
        case TEMPLATE_PARSED:
            learn(walk, template);
            continue;
        case TEMPLATE_WITHDRAWN:
            withdraw(walk, set->id, id, options);
            continue;
        case TEMPLATE_PADDING:
            walk->run->ledger->units_decoded++;
            return;
        case TEMPLATE_BAD:
            break;
        }
        break;
    }
    drop_unit(walk, REASON_TEMPLATE_INVALID);
}

static void take_set(struct walk *walk, const struct set *set)
{
    uint16_t template_set = walk->dialect == TEMPLATE_V9 ? 0 : 2;
    if (set->id >= FIRST_DATA_SET)
        take_data_set(walk, set);
    else if (set->id == template_set || set->id == template_set + 1)
        take_template_set(walk, set, set->id != template_set);
    else
        drop_unit(walk, REASON_SET_RESERVED);
}

// Whether another set follows. Some exporters fill their datagrams up with zeros.
static bool next_set(struct walk *walk, struct set *set)
{
    struct cursor *sets = &walk->sets;
    if (cursor_left(sets) < SET_HEADER_LEN || bytes_u32(sets->at) == 0) {
        if (cursor_left(sets) != 0)
            decode_note(walk->run, REASON_TRAILING_BYTES);
        return false;
    }
    walk->run->ledger->units_received++;
    if (walk->set_count++ == SETS_MAX) {
        drop_data(walk, REASON_SET_LIMIT);
        return false;
    }
    set->id = cursor_u16(sets);
    size_t len = cursor_u16(sets);
    if (len < SET_HEADER_LEN) { // RFC 7011, section 3.3.2: the length counts the header
        drop_unit(walk, REASON_SET_LENGTH);
        return false;
    }
    len -= SET_HEADER_LEN;
    if (len > cursor_left(sets)) { // its whole records are still good
        decode_note(walk->run, REASON_SET_CLIPPED);
        len = cursor_left(sets);
    }
    set->body = cursor_sub(sets, len);
    return true;
}

// v9 counts datagrams (RFC 3954, section 5.1), IPFIX data records (RFC 7011, section 3.1).
static void count_sequence(struct walk *walk)
{
    if (walk->dialect == TEMPLATE_V9)
        decode_sequence(walk->run, walk->sequence, 1);
    else if (walk->records_known)
        decode_sequence(walk->run, walk->sequence, walk->records);
    else if (walk->run->exporter != NULL)
        sequence_take_unknown(&walk->run->exporter->sequence, walk->sequence);
}

static void decode_held(const struct walk *walk, const struct held *held)
{
    const struct datagram datagram = {.source = walk->key.source,
                                      .port = held->message.port,
                                      .received_ns = held->message.received_ns};
    struct decode_run run = *walk->run;
    struct walk past = {.run = &run, .store = walk->store, .dialect = walk->dialect};
    const struct set set = {.id = held->set_id, .body = cursor_over(held->data, held->len)};
    run.datagram = &datagram;
    past.key = walk->key;
    past.key.port = held->message.port;
    past.export_ns = held->message.export_ns;
    past.uptime_ms = held->message.uptime_ms;
    past.sequence = held->message.sequence;
    past.domain = domain_find(past.store, &past.key);
    fill_base(&past);
    decode_data(&past, &set);
}

// What the exporter sent before the templates of this message, as far as they were all it lacked.
static void decode_all_held(struct walk *walk)
{
    const struct template *template;
    struct held *next;
    for (struct held *held = walk->run->exporter->held.first; held != NULL; held = next) {
        struct domain_key key = walk->key;
        key.port = held->message.port;
        next = held->next;
        if (domain_template(walk->store, &key, domain_find(walk->store, &key), held->set_id,
                            &template) != DOMAIN_FOUND)
            continue;
        decode_held(walk, held);
        hold_release(walk->run->hold, held);
    }
}

static void start(struct walk *walk, const struct cursor *sets)
{
    struct decode_run *run = walk->run;
    run->ledger->datagrams_parsed++;
    walk->key.source = run->datagram->source;
    walk->key.port = run->datagram->port;
    walk->key.version = (uint8_t)walk->dialect;
    domain_clock(walk->store, run->datagram->received_ns);
    walk->domain = domain_find(walk->store, &walk->key);
    walk->sets = *sets;
    walk->deferred_count = 0;
    walk->records = 0;
    walk->records_known = true;
    walk->set_count = 0;
    walk->options_fields = 0;
    walk->learned = false;
    decode_from(run, &run->datagram->source, type_of(walk), walk->key.id);
    decode_clock(run, walk->export_ns);
    fill_base(walk);
}

void netflow_decode(struct decode_run *run, struct domain_store *store)
{
    struct walk walk; // not initialised whole: most of it is the deferred sets
    struct cursor c = cursor_over(run->datagram->data, run->datagram->len);
    struct set set;
    walk.run = run;
    walk.store = store;
    walk.uptime_ms = 0;
    if (!read_header(&walk, &c))
        return;
    start(&walk, &c);
    while (next_set(&walk, &set))
        take_set(&walk, &set);
    decode_deferred(&walk);
    count_sequence(&walk);
    if (walk.learned && run->exporter != NULL)
        decode_all_held(&walk);
}
