#include "collector/decode/plan.h"

#include "collector/decode/element.h"
#include "collector/decode/mapping/mapping.h"
#include "collector/decode/plan_state.h"
#include "collector/decode/plan_wire.h"

#include <stdlib.h>

const uint8_t PLAN_FAMILY_FIELDS[PLAN_FAMILY_COUNT] = {FLOW_SRC_ADDR, FLOW_DST_ADDR, FLOW_NEXT_HOP,
                                                       FLOW_BGP_NEXT_HOP};

static uint8_t specialised_time(const struct element *element, unsigned length)
{
    bool start = element->code == OP_TIME_START;
    if (element->argument == TIME_UNIT_UPTIME && length == 4)
        return start ? OP_UPTIME_START : OP_UPTIME_END;
    if (element->argument == TIME_UNIT_MILLI && length == 8)
        return start ? OP_MILLI_START : OP_MILLI_END;
    return element->code;
}

// The operation for an element of fixed length: the quick one where there is one.
static uint8_t specialised(const struct element *element, unsigned length)
{
    bool narrow = FLOW_FIELDS[element->field].kind == FIELD_NUM32;
    switch (element->code) {
    case OP_NUM:
        return length == 1              ? OP_NUM1
               : length == 2            ? OP_NUM2
               : length == 4            ? OP_NUM4
               : length == 8 && !narrow ? OP_NUM8
                                        : OP_NUM;
    case OP_ADDRESS:
        if (length != element->argument)
            return OP_ADDRESS;
        return length == 4 ? OP_ADDRESS4 : OP_ADDRESS16;
    case OP_HOP:
        if (length != element->argument)
            return OP_HOP;
        return length == 4 ? OP_HOP4 : OP_HOP16;
    case OP_TIME_START:
    case OP_TIME_END:
        return specialised_time(element, length);
    default:
        return element->code;
    }
}

// What the elements of the template are to each other.
struct survey {
    uint64_t filled;    // fields that an element fills
    uint64_t contested; // fields that several of them fill
    uint64_t ipv4;      // fields that have an address of that version
    uint64_t ipv6;
    bool sections;
    bool labels;
    bool family; // it takes more than one of them to tell the IP version
};

struct compiler {
    struct plan *plan;
    const struct template *template;
    bool reverse; // of the two directions, the way back
    struct survey survey;
    uint32_t offset;
    struct op *stretch; // the check whose length is still growing
};

static const uint64_t ADDRESSES = FLOW_BIT(FLOW_SRC_ADDR) | FLOW_BIT(FLOW_DST_ADDR);

static void survey_element(struct survey *survey, const struct element *element)
{
    uint64_t bit = FLOW_BIT(element->field);
    switch (element->code) {
    case OP_SAMPLING:
    case OP_TIME_INIT:
    case OP_DURATION:
        return;
    case OP_SECTION:
        survey->sections = true;
        return;
    case OP_MPLS_LABEL:
        survey->labels = true;
        return;
    case OP_ADDRESS:
    case OP_HOP:
        *(element->argument == 4 ? &survey->ipv4 : &survey->ipv6) |= bit;
        break;
    default:
        break;
    }
    survey->contested |= survey->filled & bit;
    survey->filled |= bit;
}

static bool is_reverse(const struct template *template, const struct template_field *field)
{
    uint32_t enterprise = field->enterprise;
    uint16_t number = field->element;
    return element_turn(&enterprise, &number, template->post_is_reverse);
}

// What the field does to the flow of that direction; NULL: nothing.
static const struct element *find_element(const struct template *template,
                                          const struct template_field *field, bool reverse)
{
    uint32_t enterprise = field->enterprise;
    uint16_t number = field->element;
    bool turned = element_turn(&enterprise, &number, template->post_is_reverse);
    return turned == reverse ? element_find(enterprise, number) : NULL;
}

static struct survey survey_template(const struct template *template, bool reverse)
{
    struct survey survey = {.filled = 0};
    for (unsigned i = 0; i < template->field_count; i++) {
        const struct template_field *field = &template->fields[i];
        const struct element *element = find_element(template, field, reverse);
        for (; element != NULL && field->length != 0; element = element_next(element))
            survey_element(&survey, element);
    }
    uint64_t etype = FLOW_BIT(FLOW_ETYPE);
    survey.family = (survey.ipv4 != 0 && survey.ipv6 != 0) || survey.sections ||
                    ((survey.filled & etype) != 0 && (survey.filled & ADDRESSES) != 0);
    if (reverse) // no zero replaces what the flow that was turned around has
        survey.contested = survey.filled;
    return survey;
}

static struct op *add_op(struct compiler *c, uint8_t code, const struct element *element)
{
    struct op *op = &c->plan->ops[c->plan->op_count++];
    *op = (struct op){.code = code, .offset = (uint16_t)c->offset};
    if (element != NULL) {
        op->field = element->field;
        op->argument = element->argument;
    }
    return op;
}

// The operation for an element, which has no fixed length in a field of variable length (0).
static void add_element(struct compiler *c, const struct element *element, unsigned length)
{
    struct element row = *element;
    if (row.code == OP_ADDRESS && c->survey.family)
        row.code = OP_HOP;
    bool contested = (c->survey.contested & FLOW_BIT(row.field)) != 0 && row.code != OP_SAMPLING;
    uint8_t code = contested     ? OP_CONTESTED | row.code
                   : length == 0 ? row.code
                                 : specialised(&row, length);
    struct op *op = add_op(c, code, &row);
    if (contested || row.code == OP_SECTION)
        op->argument |= (uint16_t)(row.rank << OP_RANK_SHIFT);
    op->length = (uint16_t)length;
}

// What the mapping does with the element, ahead of what is done anyway. A sampling rate is taken
// like that of samplingInterval. Of an element that is a sampling element itself only the order of
// its bytes is the mapping's: for the rest files made for goflow2 map those in vain.
static bool add_mapped(struct compiler *c, const struct template_field *field,
                       const struct element **element)
{
    struct plan *plan = c->plan;
    int item = plan->mapped == NULL || c->reverse
                   ? -1
                   : mapping_find(plan->mapped, field->enterprise, field->element);
    if (item < 0)
        return false;
    bool sampling = mapping_is_sampling(plan->mapped, item);
    if (sampling && *element != NULL && (*element)->code == OP_SAMPLING) {
        if (!mapping_is_little(plan->mapped, item))
            return false;
        *element = NULL; // it is the mapping's
    }
    struct op *op = add_op(c, sampling ? OP_MAPPED_SAMPLING : OP_MAPPED, NULL);
    op->argument = (uint16_t)item;
    op->length = field->length;
    return true;
}

// The value that a record gives its length of; what stands behind it is a stretch of its own.
static void compile_variable(struct compiler *c, const struct template_field *field,
                             const struct element *element)
{
    c->stretch->length = (uint16_t)(c->offset + 1);
    struct op *variable = add_op(c, OP_VARIABLE, NULL);
    variable->argument = add_mapped(c, field, &element);
    for (; element != NULL; element = element_next(element)) {
        add_element(c, element, 0);
        variable->argument++;
    }
    c->plan->unused += variable->argument == 0 && !is_reverse(c->template, field);
    c->offset = 0;
    c->stretch = add_op(c, OP_STRETCH, NULL);
}

static void compile_field(struct compiler *c, const struct template_field *field)
{
    const struct element *element = find_element(c->template, field, c->reverse);
    if (field->length == TEMPLATE_VARIABLE) {
        compile_variable(c, field, element);
        return;
    }
    // Without bytes there is no value; and a thousand fields without bytes would cost as much as
    // any.
    bool mapped = field->length != 0 && add_mapped(c, field, &element);
    c->plan->unused += !mapped && element == NULL && !is_reverse(c->template, field);
    for (; element != NULL && field->length != 0; element = element_next(element))
        add_element(c, element, field->length);
    c->offset += field->length;
}

// What takes more than one element.
static void finish(struct compiler *c)
{
    const struct survey *survey = &c->survey;
    uint64_t ports = FLOW_BIT(FLOW_SRC_PORT) | FLOW_BIT(FLOW_DST_PORT);
    c->offset = 0;
    if (survey->sections)
        add_op(c, OP_PACKET, NULL);
    if (survey->family)
        add_op(c, OP_FAMILY, NULL);
    if (survey->labels)
        add_op(c, OP_LABELS, NULL);
    if ((survey->filled & FLOW_BIT(FLOW_PROTO)) != 0 && (survey->filled & ports) != 0)
        add_op(c, OP_ICMP_PORTS, NULL);
    c->plan->scratch = survey->contested != 0 || survey->sections || survey->labels;
    for (unsigned i = 0; i < PLAN_FAMILY_COUNT; i++)
        if ((survey->ipv4 & survey->ipv6 & FLOW_BIT(PLAN_FAMILY_FIELDS[i])) != 0)
            c->plan->families |= (uint8_t)(1u << i);
}

static struct plan *compile(const struct template *template, enum template_dialect dialect,
                            const struct mapping *mapping, bool reverse)
{
    // A variable field takes at most five operations; the first stretch and what takes more than
    // one element are five more.
    size_t max = 5 + 5 * (size_t) template->field_count;
    struct plan *plan = calloc(1, sizeof *plan + max * sizeof plan->ops[0]);
    if (plan == NULL)
        return NULL;
    plan->mapping = mapping;
    if (mapping != NULL)
        plan->mapped = mapping_elements(mapping, dialect == TEMPLATE_IPFIX);
    struct compiler c = {.plan = plan,
                         .template = template,
                         .reverse = reverse,
                         .survey = survey_template(template, reverse)};
    if (template->variable)
        c.stretch = add_op(&c, OP_STRETCH, NULL);
    for (unsigned i = 0; i < template->field_count; i++)
        compile_field(&c, &template->fields[i]);
    if (template->variable)
        c.stretch->length = (uint16_t)c.offset;
    finish(&c);
    plan->len = template->variable ? 0 : template->min_len;
    struct plan *fitted = realloc(plan, sizeof *plan + plan->op_count * sizeof plan->ops[0]);
    return fitted == NULL ? plan : fitted;
}

static bool counts_both_ways(const struct template *template)
{
    for (unsigned i = 0; i < template->field_count; i++)
        if (is_reverse(template, &template->fields[i]))
            return true;
    return false;
}

struct plan *plan_new(const struct template *template, enum template_dialect dialect,
                      const struct mapping *mapping)
{
    struct plan *plan = compile(template, dialect, mapping, false);
    if (plan == NULL || !counts_both_ways(template))
        return plan;
    plan->reverse = compile(template, dialect, mapping, true);
    if (plan->reverse != NULL)
        return plan;
    plan_free(plan);
    return NULL;
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    plan_wire_release(plan->wire);
    plan_free(plan->reverse);
    free(plan);
}

const struct plan *plan_reverse(const struct plan *plan)
{
    return plan->reverse;
}

uint32_t plan_unused(const struct plan *plan)
{
    return plan->unused;
}

bool plan_takes(const struct plan *plan, const struct template_field *field)
{
    const struct mapping_elements *mapped = plan->mapped;
    uint32_t enterprise = field->enterprise;
    uint16_t number = field->element;
    (void)element_turn(&enterprise, &number, false); // what comes back is taken too
    return element_find(enterprise, number) != NULL ||
           (mapped != NULL && field->length != 0 &&
            mapping_find(mapped, field->enterprise, field->element) >= 0);
}

size_t plan_bytes(const struct plan *plan)
{
    return sizeof *plan + plan->op_count * sizeof plan->ops[0] +
           (plan->reverse == NULL ? 0 : plan_bytes(plan->reverse));
}
