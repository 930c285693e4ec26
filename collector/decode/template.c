#include "collector/decode/template.h"

#include "collector/decode/plan.h"
#include "common/base/siphash.h"

#include <stdlib.h>
#include <string.h>

#define ENTERPRISE_BIT 0x8000
#define RECORD_LEN_MAX 0xffff // what a set can hold
#define FIRST_DATA_ID  256    // ids below are sets of their own kind (RFC 7011, section 3.3.2)
#define ALLOCATION     24     // what an allocation costs besides its own size, at most

struct header {
    uint16_t id;
    unsigned field_count;
    unsigned scope_count;
};

static bool only_zeros(const struct cursor *c)
{
    for (const uint8_t *at = c->at; at < c->end; at++)
        if (*at != 0)
            return false;
    return true;
}

// v9 counts the bytes of scopes and options (RFC 3954, section 6.1), IPFIX their fields (RFC 7011,
// section 3.4.2.2).
static struct header read_header(struct cursor *set, enum template_dialect dialect, bool options)
{
    struct header h = {.id = cursor_u16(set), .field_count = cursor_u16(set)};
    if (options && dialect == TEMPLATE_V9) {
        unsigned scope_len = h.field_count;
        unsigned option_len = cursor_u16(set);
        h.scope_count = scope_len / 4;
        h.field_count = h.scope_count + option_len / 4;
    } else if (options && h.field_count != 0) {
        h.scope_count = cursor_u16(set);
    }
    return h;
}

static void read_field(struct template_field *field, struct cursor *set,
                       enum template_dialect dialect)
{
    field->element = cursor_u16(set);
    field->length = cursor_u16(set);
    field->enterprise = 0;
    if (dialect == TEMPLATE_IPFIX && (field->element & ENTERPRISE_BIT) != 0) {
        field->element &= (uint16_t)~ENTERPRISE_BIT;
        field->enterprise = cursor_u32(set);
    }
}

int template_map(struct template *template, enum template_dialect dialect,
                 const struct mapping *mapping)
{
    struct plan *plan = template->options ? NULL : plan_new(template, dialect, mapping);
    if (plan == NULL)
        return template->options ? 0 : -1;
    plan_free(template->plan);
    template->plan = plan;
    return 0;
}

// Templates of the same layout have the same number, others hardly ever: it is what tells the ports
// of one address apart, each time again, and a template may have a thousand fields.
static uint64_t layout_of(const struct template *t)
{
    uint64_t layout = (uint64_t)t->scope_count << 1 | t->options;
    for (unsigned i = 0; i < t->field_count; i++) {
        const struct template_field *field = &t->fields[i];
        const uint64_t words[] = {layout, (uint64_t)field->enterprise << 32 |
                                              (uint64_t)field->element << 16 | field->length};
        layout = siphash_words(0, words, 2);
    }
    return layout;
}

static struct template *read_fields(struct cursor *set, enum template_dialect dialect, bool options,
                                    const struct header *h)
{
    struct template *t = calloc(1, sizeof *t + h->field_count * sizeof t->fields[0]);
    if (t == NULL)
        return NULL;
    t->id = h->id;
    t->options = options;
    t->field_count = (uint16_t)h->field_count;
    t->scope_count = (uint16_t)h->scope_count;
    for (unsigned i = 0; i < h->field_count; i++) {
        read_field(&t->fields[i], set, dialect);
        bool variable = t->fields[i].length == TEMPLATE_VARIABLE;
        t->variable |= variable;
        t->min_len += variable ? 1 : t->fields[i].length;
    }
    t->layout = layout_of(t);
    t->life = calloc(1, sizeof *t->life);
    if (t->life != NULL && cursor_ok(set) && t->min_len <= RECORD_LEN_MAX &&
        template_map(t, dialect, NULL) == 0)
        return t;
    template_free(t);
    return NULL;
}

enum template_result template_parse(struct cursor *set, enum template_dialect dialect, bool options,
                                    struct template **out, uint16_t *id)
{
    if (cursor_left(set) < 4 || only_zeros(set))
        return TEMPLATE_PADDING;
    struct header h = read_header(set, dialect, options);
    *id = h.id;
    if (dialect == TEMPLATE_IPFIX && cursor_ok(set) && h.field_count == 0)
        return TEMPLATE_WITHDRAWN;
    // A field takes at least four bytes: a count the set cannot hold costs no memory.
    if (!cursor_ok(set) || h.id < FIRST_DATA_ID || h.field_count == 0 ||
        h.field_count > TEMPLATE_FIELDS_MAX || h.scope_count > h.field_count ||
        cursor_left(set) < 4 * (size_t)h.field_count)
        return TEMPLATE_BAD;
    *out = read_fields(set, dialect, options, &h);
    return *out == NULL ? TEMPLATE_BAD : TEMPLATE_PARSED;
}

void template_free(struct template *template)
{
    if (template == NULL)
        return;
    plan_free(template->plan);
    free(template->life);
    free(template);
}

bool template_same_layout(const struct template *a, const struct template *b)
{
    return a->layout == b->layout && a->options == b->options && a->field_count == b->field_count &&
           a->scope_count == b->scope_count &&
           memcmp(a->fields, b->fields, a->field_count * sizeof a->fields[0]) == 0;
}

size_t template_bytes(const struct template *template)
{
    return sizeof *template + template->field_count * sizeof template->fields[0] + ALLOCATION +
           sizeof *template->life + ALLOCATION +
           (template->plan == NULL ? 0 : plan_bytes(template->plan) + ALLOCATION);
}

struct cursor template_value(const struct template_field *field, struct cursor *record)
{
    size_t len = field->length;
    if (len == TEMPLATE_VARIABLE) { // RFC 7011, section 7
        len = cursor_u8(record);
        if (len == 255)
            len = cursor_u16(record);
    }
    return cursor_sub(record, len);
}
