#include "collector/decode/raw/protocol.h"

#include "collector/decode/netflow_walk.h"
#include "collector/decode/raw/put.h"

// Templates of one message that data sets of the same message are looked up among. Of a message
// with more, sets that need the others are shown as bytes; later messages know them.
#define DEFINITIONS_MAX 256

// A template that the message announces, or withdraws: then `template` is NULL, and the id may be
// that of the set, which is all of its kind.
struct definition {
    const uint8_t *at; // of its set
    uint16_t id;
    bool options;
    struct template *template;
};

struct message {
    struct buf *out;
    struct domain_store *store;
    struct domain *domain;
    struct domain_key key;
    enum template_dialect dialect;
    struct cursor sets;
    unsigned set_count;
    unsigned records;
    unsigned definition_count;
    struct definition definitions[DEFINITIONS_MAX];
};

struct set {
    const uint8_t *at;
    uint16_t id;
    uint16_t len; // as announced
    struct cursor body;
};

static const struct raw_field V9_FIELDS[] = {
    {"version", RAW_U16},      {"count", RAW_U16},           {"system-uptime", RAW_U32},
    {"unix-seconds", RAW_U32}, {"sequence-number", RAW_U32}, {"source-id", RAW_U32}};
static const struct raw_field IPFIX_FIELDS[] = {{"version", RAW_U16},
                                                {"length", RAW_U16},
                                                {"export-time", RAW_U32},
                                                {"sequence-number", RAW_U32},
                                                {"observation-domain-id", RAW_U32}};
static const struct raw_layout V9 = RAW_LAYOUT(V9_FIELDS);
static const struct raw_layout IPFIX = RAW_LAYOUT(IPFIX_FIELDS);

// RFC 7011, section 3.1: what stands behind an IPFIX message's length is none of it.
static struct cursor message_of(const struct datagram *datagram)
{
    struct cursor c = cursor_over(datagram->data, datagram->len);
    bool ipfix = datagram->len >= 4 && bytes_u16(datagram->data) == TEMPLATE_IPFIX;
    if (ipfix && bytes_u16(datagram->data + 2) < datagram->len)
        c.end = c.at + bytes_u16(datagram->data + 2);
    return c;
}

static bool next_set(struct message *m, struct cursor *sets, struct set *set)
{
    if (cursor_left(sets) < WALK_SET_HEADER_LEN || bytes_u32(sets->at) == 0 ||
        m->set_count++ == WALK_SETS_MAX)
        return false;
    set->at = sets->at;
    set->id = cursor_u16(sets);
    set->len = cursor_u16(sets);
    if (set->len < WALK_SET_HEADER_LEN)
        return false;
    size_t len = set->len - WALK_SET_HEADER_LEN;
    set->body = cursor_sub(sets, len < cursor_left(sets) ? len : cursor_left(sets));
    return true;
}

static bool has_templates(const struct message *m, const struct set *set, bool *options)
{
    unsigned first = m->dialect == TEMPLATE_V9 ? 0 : 2;
    *options = set->id == first + 1;
    return set->id == first || *options;
}

static void define(struct message *m, const struct definition *definition)
{
    if (m->definition_count == DEFINITIONS_MAX)
        template_free(definition->template);
    else
        m->definitions[m->definition_count++] = *definition;
}

static void define_all(struct message *m, const struct set *set, bool options)
{
    struct cursor body = set->body;
    for (;;) {
        struct definition definition = {.at = set->at, .options = options};
        enum template_result result = template_parse(&body, m->dialect, options,
                                                     &definition.template, &definition.id);
        if (result != TEMPLATE_PARSED && result != TEMPLATE_WITHDRAWN)
            return;
        define(m, &definition);
    }
}

static void find_definitions(struct message *m)
{
    struct cursor sets = m->sets;
    struct set set;
    bool options;
    while (next_set(m, &sets, &set))
        if (has_templates(m, &set, &options))
            define_all(m, &set, options);
    m->set_count = 0;
}

static bool withdraws(const struct definition *definition, const struct template *template)
{
    unsigned all = definition->options ? 3 : 2;
    return template != NULL && definition->template == NULL &&
           (definition->id == template->id ||
            (definition->id == all && definition->options == template->options));
}

// The template that holds where the set stands: the last one before it, of this message or of
// earlier ones; or else the first one behind it.
static const struct template *find_template(struct message *m, const struct set *set)
{
    const struct template *template = NULL;
    unsigned i = 0;
    if (domain_template(m->store, &m->key, m->domain, set->id, &template) != DOMAIN_FOUND)
        template = NULL;
    for (; i < m->definition_count && m->definitions[i].at < set->at; i++) {
        const struct definition *definition = &m->definitions[i];
        if (definition->template != NULL && definition->id == set->id)
            template = definition->template;
        else if (withdraws(definition, template))
            template = NULL;
    }
    for (; i < m->definition_count && template == NULL; i++)
        if (m->definitions[i].id == set->id)
            template = m->definitions[i].template;
    return template;
}

static void put_element(struct buf *out, const struct template_field *field)
{
    raw_bool(out, "pen-provided", field->enterprise != 0);
    raw_number(out, "type", field->element);
}

static void put_specifiers(struct buf *out, const char *name, const struct template_field *fields,
                           unsigned count)
{
    raw_open(out, name, '[');
    for (unsigned i = 0; i < count; i++) {
        raw_item(out);
        buf_byte(out, '{');
        put_element(out, &fields[i]);
        raw_number(out, "length", fields[i].length);
        raw_number(out, "pen", fields[i].enterprise);
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

// A withdrawal is a template without fields.
static void put_template(const struct message *m, uint16_t id, bool options,
                         const struct template *template)
{
    struct buf *out = m->out;
    unsigned count = template == NULL ? 0 : template->field_count;
    unsigned scopes = template == NULL ? 0 : template->scope_count;
    const struct template_field *fields = template == NULL ? NULL : template->fields;
    const struct template_field *behind = template == NULL ? NULL : fields + scopes;
    raw_item(out);
    buf_byte(out, '{');
    raw_number(out, "template-id", id);
    if (options && m->dialect == TEMPLATE_V9) {
        raw_number(out, "scope-length", 4 * scopes);
        raw_number(out, "option-length", 4 * (count - scopes));
        put_specifiers(out, "scopes", fields, scopes);
        put_specifiers(out, "options", behind, count - scopes);
    } else {
        raw_number(out, "field-count", count);
        if (options)
            raw_number(out, "scope-field-count", scopes);
        put_specifiers(out, options ? "options" : "fields", behind, count - scopes);
        if (options)
            put_specifiers(out, "scopes", fields, scopes);
    }
    buf_byte(out, '}');
}

// False when the set cannot be read to its end.
static bool put_templates(const struct message *m, const struct set *set, bool options)
{
    struct cursor body = set->body;
    struct template *template = NULL;
    uint16_t id = 0;
    while (buf_ok(m->out)) {
        switch (template_parse(&body, m->dialect, options, &template, &id)) {
        case TEMPLATE_PARSED:
            put_template(m, id, options, template);
            template_free(template);
            continue;
        case TEMPLATE_WITHDRAWN:
            put_template(m, id, options, NULL);
            continue;
        case TEMPLATE_PADDING:
            return true;
        case TEMPLATE_BAD:
            return false;
        }
    }
    return true;
}

static void put_values(struct buf *out, const char *name, const struct template_field *fields,
                       unsigned count, struct cursor *record)
{
    raw_open(out, name, '[');
    for (unsigned i = 0; i < count && cursor_ok(record) && buf_ok(out); i++) {
        struct cursor value = template_value(&fields[i], record);
        raw_item(out);
        buf_byte(out, '{');
        put_element(out, &fields[i]);
        raw_number(out, "pen", fields[i].enterprise);
        raw_base64(out, "value", value.at, cursor_left(&value));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
}

static void put_record(struct buf *out, const struct template *template, struct cursor *body)
{
    unsigned scopes = template->scope_count;
    raw_item(out);
    buf_byte(out, '{');
    if (template->options)
        put_values(out, "scope-values", template->fields, scopes, body);
    put_values(out, template->options ? "option-values" : "values", template->fields + scopes,
               template->field_count - scopes, body);
    buf_byte(out, '}');
}

static bool put_data(struct message *m, const struct set *set)
{
    const struct template *template = find_template(m, set);
    struct cursor body = set->body;
    if (template == NULL || template->min_len == 0)
        return cursor_left(&body) == 0;
    for (unsigned i = 0; cursor_left(&body) != 0 && buf_ok(m->out); i++) {
        size_t before = m->out->len;
        if (i != 0 && walk_is_padding(&body, template->min_len))
            break;
        if (m->records++ == WALK_RECORDS_MAX)
            return false;
        put_record(m->out, template, &body);
        if (!cursor_ok(&body)) {
            raw_undo(m->out, before);
            return false;
        }
    }
    return true;
}

// goflow2 has null for no records. A set that cannot be read to its end is shown as bytes too.
static void put_set(struct message *m, const struct set *set)
{
    struct buf *out = m->out;
    bool options = false;
    bool read = false;
    raw_item(out);
    buf_byte(out, '{');
    raw_number(out, "id", set->id);
    raw_number(out, "length", set->len);
    size_t begin = out->len;
    raw_open(out, "records", '[');
    size_t empty = out->len;
    if (has_templates(m, set, &options))
        read = put_templates(m, set, options);
    else if (set->id >= WALK_FIRST_DATA_SET)
        read = put_data(m, set);
    if (out->len == empty) {
        raw_undo(out, begin);
        raw_null(out, "records");
    } else {
        buf_byte(out, ']');
    }
    if (!read)
        raw_base64(out, "data", set->body.at, cursor_left(&set->body));
    buf_byte(out, '}');
}

static void put_sets(struct message *m)
{
    struct buf *out = m->out;
    struct set set;
    size_t begin = out->len;
    raw_open(out, "flow-sets", '[');
    size_t empty = out->len;
    while (buf_ok(out) && next_set(m, &m->sets, &set))
        put_set(m, &set);
    if (out->len != empty) {
        buf_byte(out, ']');
        return;
    }
    raw_undo(out, begin);
    raw_null(out, "flow-sets");
}

void raw_netflow_json(struct buf *out, const struct datagram *datagram, struct domain_store *store)
{
    struct message m; // not initialised whole: most of it is the definitions
    m.out = out;
    m.store = store;
    m.sets = message_of(datagram);
    m.dialect = (enum template_dialect)bytes_u16(datagram->data);
    m.set_count = 0;
    m.records = 0;
    m.definition_count = 0;
    raw_fields(out, &m.sets, m.dialect == TEMPLATE_V9 ? &V9 : &IPFIX);
    if (!cursor_ok(&m.sets))
        return;
    m.key = (struct domain_key){.source = datagram->source,
                                .port = datagram->port,
                                .version = (uint8_t)m.dialect,
                                .id = bytes_u32(m.sets.at - 4)};
    domain_clock(store, datagram->received_ns);
    m.domain = domain_find(store, &m.key);
    find_definitions(&m);
    put_sets(&m);
    for (unsigned i = 0; i < m.definition_count; i++)
        template_free(m.definitions[i].template);
}

static unsigned count_sets(struct cursor sets)
{
    struct message m = {.set_count = 0};
    struct set set;
    unsigned count = 0;
    while (next_set(&m, &sets, &set))
        count++;
    return count;
}

void raw_netflow_text(struct buf *out, const struct datagram *datagram)
{
    struct cursor c = message_of(datagram);
    bool v9 = cursor_u16(&c) == TEMPLATE_V9;
    unsigned count = cursor_u16(&c);
    cursor_skip(&c, v9 ? 8 : 4); // uptime, time
    uint32_t sequence = cursor_u32(&c);
    cursor_skip(&c, 4);
    if (!v9)
        count = count_sets(c);
    buf_printf(out, "%s count:%u seq:%u", v9 ? "NetFlowV9" : "IPFIX", count, (unsigned)sequence);
}
