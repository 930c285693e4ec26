#include "collector/decode/domain_keep.h"
#include "collector/decode/netflow_walk.h"

#define INIT_TIME 160 // systemInitTimeMilliseconds

// What one datagram may cost: fields of one byte, as many as the largest datagram holds.
#define OPTIONS_FIELDS_MAX 65536

static void learn_init_time(struct netflow_walk *walk, uint64_t init_ms)
{
    uint64_t known_ms = domain_init_ms(walk->domain);
    if (known_ms == init_ms || (walk->run->borrowed && known_ms != 0))
        return;
    domain_set_init_ms(walk->domain, init_ms);
    domain_note_change(walk->store);
}

// What another collector says holds until the exporter says it here.
static void learn_sampling(struct netflow_walk *walk, const struct sampling_terms *terms)
{
    struct decode_run *run = walk->run;
    struct sampling_table *table = domain_own_sampling(walk->store, walk->domain, 1);
    if (table == NULL || (run->borrowed && table->last != 0 && !table->borrowed))
        return;
    if (table->borrowed && !run->borrowed)
        sampling_clear(table);
    table->borrowed = run->borrowed;
    bool changed = sampling_learn(table, terms);
    if (changed)
        domain_note_change(walk->store);
    announcement_note(run->announcement, changed, run->datagram->received_ns, &table->told_ns);
}

// RFC 3954, section 6.1: the scopes of v9 are numbered apart from its elements; those of IPFIX are
// elements like any other.
static void decode_option(struct netflow_walk *walk, const struct template *template,
                          struct cursor *body)
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
            learn_init_time(walk, number);
    }
    if (cursor_ok(body) && sampling_rate(&terms) != 0)
        learn_sampling(walk, &terms);
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
