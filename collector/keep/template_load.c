#include "collector/keep/template_load.h"

#include "collector/keep/state_file.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ID       256    // RFC 7011, section 3.4.1: lower ones name sets
#define ENTERPRISE_BIT 0x8000 // RFC 7011, section 3.2
#define FIELD_MAX      8      // bytes of a field with its enterprise number
#define MESSAGE_MAX    (20 + 4 + 6 + TEMPLATE_FIELDS_MAX * FIELD_MAX)
#define SET_AT_V9      20 // behind the header
#define SET_AT_IPFIX   16

struct reading {
    struct template_list *list;
    const struct state_place *at;
    uint16_t id;
    bool has_template; // the message announces one
    uint8_t message[MESSAGE_MAX];
    size_t len;
};

static void put_u16(struct reading *r, unsigned value)
{
    r->message[r->len++] = (uint8_t)(value >> 8);
    r->message[r->len++] = (uint8_t)value;
}

static void put_u32(struct reading *r, uint32_t value)
{
    put_u16(r, value >> 16);
    put_u16(r, value & 0xffff);
}

static int read_number(const struct reading *r, const json_t *object, const char *name,
                       uint32_t most, uint32_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > (json_int_t)most)
        return state_refuse(r->at, name, "a number of its range");
    *out = (uint32_t)json_integer_value(value);
    return 0;
}

// goflow2 leaves the enterprise bit in the types of options templates.
static int put_field(struct reading *r, const json_t *field)
{
    uint32_t type = 0;
    uint32_t length = 0;
    uint32_t enterprise = 0;
    const json_t *provided = json_object_get(field, "pen-provided");
    if (!json_is_object(field) || (provided != NULL && !json_is_boolean(provided)))
        return state_refuse(r->at, "a field", "an object, its pen-provided true or false");
    if (read_number(r, field, "type", UINT16_MAX, &type) != 0 ||
        read_number(r, field, "length", UINT16_MAX, &length) != 0)
        return -1;
    if (json_object_get(field, "pen") != NULL &&
        read_number(r, field, "pen", UINT32_MAX, &enterprise) != 0)
        return -1;
    bool has_enterprise = json_is_true(provided) && r->at->domain.version == TEMPLATE_IPFIX;
    put_u16(r, has_enterprise ? type | ENTERPRISE_BIT : type);
    put_u16(r, length);
    if (has_enterprise)
        put_u32(r, enterprise);
    return 0;
}

// Go writes a list without elements as null.
static int take_list(const struct reading *r, const json_t *template, const char *name,
                     const json_t **out)
{
    *out = json_object_get(template, name);
    return json_is_array(*out) || json_is_null(*out)
               ? 0
               : state_refuse(r->at, name, "a list of fields");
}

static int put_fields(struct reading *r, const json_t *fields)
{
    for (size_t i = 0; i < json_array_size(fields); i++)
        if (put_field(r, json_array_get(fields, i)) != 0)
            return -1;
    return 0;
}

// Of a template that is too large for a message, only that it is a list is looked at.
static int put_lists(struct reading *r, bool options, const json_t *first, const json_t *second)
{
    size_t scopes = json_array_size(first);
    size_t count = scopes + json_array_size(second);
    r->has_template = count != 0 && count <= TEMPLATE_FIELDS_MAX && r->id >= FIRST_ID;
    if (count > TEMPLATE_FIELDS_MAX)
        return 0;
    put_u16(r, r->id);
    if (options && r->at->domain.version == TEMPLATE_V9) {
        put_u16(r, (unsigned)(4 * scopes)); // RFC 3954, section 6.1: bytes
        put_u16(r, (unsigned)(4 * (count - scopes)));
    } else {
        put_u16(r, (unsigned)count);
        if (options) // RFC 7011, section 3.4.2.2: fields
            put_u16(r, (unsigned)scopes);
    }
    return put_fields(r, first) != 0 ? -1 : put_fields(r, second);
}

static bool is_options(const struct reading *r, const json_t *template)
{
    const char *mark = r->at->domain.version == TEMPLATE_V9 ? "scope-length" : "scope-field-count";
    return json_object_get(template, mark) != NULL;
}

static int put_template(struct reading *r, const json_t *template)
{
    const json_t *scopes = NULL;
    const json_t *fields;
    if (!json_is_object(template))
        return state_refuse(r->at, "the template", "an object");
    bool options = is_options(r, template);
    unsigned set = (r->at->domain.version == TEMPLATE_V9 ? 0u : 2u) + options;
    size_t set_at = r->at->domain.version == TEMPLATE_V9 ? SET_AT_V9 : SET_AT_IPFIX;
    memset(r->message, 0, set_at);
    r->len = set_at;
    put_u16(r, set);
    put_u16(r, 0);
    if ((options && take_list(r, template, "scopes", &scopes) != 0) ||
        take_list(r, template, options ? "options" : "fields", &fields) != 0 ||
        put_lists(r, options, scopes, fields) != 0)
        return -1;
    size_t len = r->len;
    r->len = set_at + 2;
    put_u16(r, (unsigned)(len - set_at));
    r->len = 0;
    put_u16(r, r->at->domain.version);
    put_u16(r, r->at->domain.version == TEMPLATE_V9 ? 1 : (unsigned)len);
    r->len = set_at - 4; // both headers end with the domain
    put_u32(r, r->at->domain.id);
    r->len = len;
    return 0;
}

static int keep(struct reading *r)
{
    struct template_list *list = r->list;
    if ((list->count & (list->count - 1)) == 0) { // full: its room is a power of two
        size_t room = list->count == 0 ? 1 : 2 * list->count;
        struct datagram *items = realloc(list->items, room * sizeof items[0]);
        if (items == NULL)
            return fault_set(r->at->fault, "%s: out of memory", r->at->path);
        list->items = items;
    }
    uint8_t *bytes = malloc(r->len);
    if (bytes == NULL)
        return fault_set(r->at->fault, "%s: out of memory", r->at->path);
    list->items[list->count++] = (struct datagram){.data = memcpy(bytes, r->message, r->len),
                                                   .len = r->len,
                                                   .source = r->at->domain.source,
                                                   .port = r->at->domain.port};
    return 0;
}

// Under "<version>/<domain>/<id>".
static int take(struct state_place *at, const json_t *template, void *user)
{
    struct reading *r = user;
    uint64_t id;
    const char *name = at->key;
    r->at = at;
    if (!state_domain(at, &name, '/') || !state_number(&name, '\0', UINT16_MAX, &id))
        return state_refuse(at, "the key", "9 or 10/observation domain/template id");
    r->id = (uint16_t)id;
    if (put_template(r, template) != 0)
        return -1;
    if (r->has_template)
        return keep(r);
    r->list->left_out++;
    return 0;
}

int template_load(struct template_list *out, const char *path, const char *text, size_t len,
                  struct fault *fault)
{
    struct reading reading = {.list = out};
    *out = (struct template_list){.items = NULL};
    int result = state_file_read(path, text, len, fault, take, &reading);
    if (result != 0)
        template_list_fini(out);
    return result;
}

void template_list_fini(struct template_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->items[i].data);
    free(list->items);
    *list = (struct template_list){.items = NULL};
}
