#include "collector/decode/domain_keep.h"
#include "collector/decode/domain_sampling.h"
#include "collector/decode/netflow_walk.h"

enum {
    INGRESS = 10,
    EGRESS = 14,
    EXPORTER_IPV4 = 130,
    EXPORTER_IPV6 = 131,
    LINE_CARD = 141,
    EXPORTING_PROCESS = 144,
    TEMPLATE_ID = 145,
    DOMAIN_ID = 149,
    INIT_TIME = 160, // systemInitTimeMilliseconds
    INGRESS_PHYSICAL = 252,
    EGRESS_PHYSICAL = 253,
};

#define NUMBER_MAX INT64_MAX // that the files of what was learnt can hold

// What one datagram may cost: fields of one byte, as many as the largest datagram holds.
#define OPTIONS_FIELDS_MAX 65536

static void learn_init_time(struct netflow_walk *walk, uint64_t init_ms)
{
    uint64_t known_ms = domain_init_ms(walk->domain);
    if (known_ms == init_ms || init_ms > NUMBER_MAX || (walk->run->borrowed && known_ms != 0))
        return;
    domain_set_init_ms(walk->store, walk->domain, init_ms);
    domain_note_change(walk->store);
}

// What another collector says holds until the exporter says it here.
static void learn_row(struct netflow_walk *walk, const struct sampling_row *row)
{
    struct decode_run *run = walk->run;
    struct sampling_table *table = domain_own_sampling(walk->store, walk->domain, 1);
    if (table == NULL || (run->borrowed && table->last != 0 && !table->borrowed))
        return;
    if (table->borrowed && !run->borrowed)
        sampling_clear(table);
    table->borrowed = run->borrowed;
    bool changed = domain_put_sampling(walk->store, table, row);
    if (changed)
        domain_note_change(walk->store);
    announcement_note(run->announcement, changed, run->datagram->received_ns, &table->told_ns);
}

// What one options record says of sampling.
struct option {
    struct sampling_terms terms;
    struct sampling_row row;
    uint32_t domain;  // that its scope names, 0: its own
    bool of_exporter; // its scope is the exporter itself
};

// RFC 3954, section 6.1: what scopes of v9 are; an interface of number 0 is none.
static void take_scope_v9(struct option *option, unsigned type, uint64_t value)
{
    enum { SCOPE_INTERFACE = 2, SCOPE_LINE_CARD = 3, SCOPE_TEMPLATE = 5 };
    struct sampling_row *row = &option->row;
    if (type == SCOPE_INTERFACE && value != 0) {
        row->names |= SAMPLING_INTERFACE;
        row->ingress = (uint32_t)value;
    } else if (type == SCOPE_LINE_CARD) {
        sampling_take(&option->terms, LINE_CARD, value);
    } else if (type == SCOPE_TEMPLATE && value != 0) {
        row->names |= SAMPLING_TEMPLATE;
        row->template_id = (uint16_t)value;
    }
}

// RFC 7011, section 3.4.2.1: scopes of IPFIX are elements. Of two interfaces of one direction the
// logical one is what flows have.
static void take_scope(struct option *option, unsigned element, uint64_t value)
{
    struct sampling_row *row = &option->row;
    bool physical = element == INGRESS_PHYSICAL || element == EGRESS_PHYSICAL;
    switch (element) {
    case INGRESS:
    case INGRESS_PHYSICAL:
        if (value == 0 || (physical && (row->names & SAMPLING_INGRESS) != 0))
            return;
        row->names |= SAMPLING_INGRESS;
        row->ingress = (uint32_t)value;
        break;
    case EGRESS:
    case EGRESS_PHYSICAL:
        if (value == 0 || (physical && (row->names & SAMPLING_EGRESS) != 0))
            return;
        row->names |= SAMPLING_EGRESS;
        row->egress = (uint32_t)value;
        break;
    case TEMPLATE_ID:
        row->names |= value == 0 ? 0 : SAMPLING_TEMPLATE;
        row->template_id = (uint16_t)value;
        break;
    case DOMAIN_ID:
        option->domain = (uint32_t)value;
        break;
    default:
        option->of_exporter |= element == EXPORTER_IPV4 || element == EXPORTER_IPV6 ||
                               element == EXPORTING_PROCESS;
        break;
    }
}

// A number of an options record, in the order of bytes that the mapping knows; of a probability
// these are the bits of a float64 (RFC 7011, sections 6.1.3 and 6.2).
static uint64_t option_number(const struct netflow_walk *walk, const struct template_field *field,
                              const struct cursor *value)
{
    size_t len = cursor_left(value);
    if (walk->run->mapping == NULL || !sampling_is_element(field->element))
        return sampling_value(field->element, value->at, len);
    const struct mapping_elements *elements = mapping_elements(walk->run->mapping,
                                                               walk->dialect == TEMPLATE_IPFIX);
    int item = mapping_find(elements, 0, field->element);
    return item >= 0 && mapping_is_sampling(elements, item)
               ? mapping_sampling_number(elements, item, value->at, len)
               : sampling_value(field->element, value->at, len);
}

// The rate holds for what the scope names; of a message without an observation domain, what holds
// for the exporter holds for all of its domains (RFC 7011, section 3.1).
static void learn_sampling(struct netflow_walk *walk, struct option *option)
{
    struct sampling_row *row = &option->row;
    row->rate = sampling_rate(&option->terms);
    if (option->terms.has_selector) {
        row->names |= SAMPLING_SELECTOR;
        row->selector = option->terms.selector;
    }
    bool foreign = option->domain != 0 && option->domain != walk->key.id;
    if (option->terms.has_card && !foreign) {
        row->names |= SAMPLING_CARD;
        row->card = option->terms.card;
    }
    if (!foreign)
        learn_row(walk, row);
    bool of_all = option->of_exporter && option->domain == 0 && walk->key.id == 0 &&
                  walk->dialect == TEMPLATE_IPFIX && (row->names & SAMPLING_CARD) == 0;
    if (foreign || of_all) {
        row->names |= SAMPLING_DOMAIN;
        row->card = option->domain;
        learn_row(walk, row);
    }
}

// Scopes of v9 are numbered apart from its elements; those of IPFIX are elements like any other.
static void take_field(struct netflow_walk *walk, struct option *option,
                       const struct template_field *field, const struct cursor *value, bool scope)
{
    uint64_t number = option_number(walk, field, value);
    if (scope && walk->dialect != TEMPLATE_IPFIX) {
        take_scope_v9(option, field->element, number);
        return;
    }
    if (scope)
        take_scope(option, field->element, number);
    if (scope || field->element != LINE_CARD)
        sampling_take(&option->terms, field->element, number);
    if (field->element == INIT_TIME)
        learn_init_time(walk, number);
}

// A zero says nothing, and takes nothing away that was said before.
static bool is_rate(uint64_t rate)
{
    return rate != 0 && rate <= NUMBER_MAX;
}

static void decode_option(struct netflow_walk *walk, const struct template *template,
                          struct cursor *body)
{
    struct option option = {.domain = 0};
    for (unsigned i = 0; i < template->field_count; i++) {
        const struct template_field *field = &template->fields[i];
        struct cursor value = template_value(field, body);
        if (field->enterprise == 0 && cursor_left(&value) <= 8 && cursor_ok(&value))
            take_field(walk, &option, field, &value, i < template->scope_count);
    }
    if (cursor_ok(body) && is_rate(sampling_rate(&option.terms)))
        learn_sampling(walk, &option);
}

static void decode_options(struct netflow_walk *walk, const struct template *template,
                           const struct netflow_set *set)
{
    struct cursor body = set->body;
    walk_tell(walk, set->id, &body);
    uint32_t before = walk->records;
    while (cursor_ok(&body) && cursor_left(&body) >= template->min_len) {
        walk->options_fields += template->field_count;
        if (walk->options_fields > OPTIONS_FIELDS_MAX) {
            walk_drop_data(walk, REASON_RECORD_LIMIT);
            return;
        }
        decode_option(walk, template, &body);
        walk->records++;
    }
    if (!cursor_ok(&body)) {
        walk_drop_data(walk, REASON_RECORD_TRUNCATED);
        return;
    }
    template->life->used_ns = walk->run->datagram->received_ns;
    walk->options += walk->records - before;
    decode_part(walk->run, EXPORTER_OPTIONS_DATA_SETS, walk->records - before);
    walk->run->ledger->units_decoded++;
}

// What options say is remembered for the very port that sent them, even when their template is that
// of another one; and making room for that port may cost the other one: look again.
void walk_options(struct netflow_walk *walk, const struct netflow_set *set)
{
    const struct template *template = NULL;
    walk->domain = domain_make(walk->store, &walk->key);
    if (walk->domain != NULL &&
        domain_template(walk->store, &walk->key, walk->domain, set->id, &template) == DOMAIN_FOUND)
        decode_options(walk, template, set);
    else
        walk_drop_data(walk, REASON_TEMPLATE_MISSING);
}
