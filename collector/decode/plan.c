#include "collector/decode/plan.h"

#include "collector/decode/mapping/mapping.h"
#include "collector/decode/plan_state.h"
#include "collector/decode/plan_wire.h"

#include <stdlib.h>

struct element {
    uint8_t code;
    uint8_t field;
    uint16_t argument;
};

#define UPTIME        TIME_UNIT_UPTIME
#define SECONDS       TIME_UNIT_SECONDS
#define MILLI         TIME_UNIT_MILLI
#define NTP           TIME_UNIT_NTP
#define DELTA         TIME_UNIT_DELTA
#define IP            SECTION_IP
#define FRAME         SECTION_FRAME
#define ELEMENT_COUNT 316 // one more than the highest

static const struct element ELEMENTS[ELEMENT_COUNT] = {
#define ELEMENT(element, operation, field, argument)                                               \
    [element] = {OP_##operation, FLOW_##field, argument},
#include "collector/decode/elements.def"
#undef ELEMENT
};

static struct element element_of(const struct template_field *field)
{
    static const struct element none = {.code = OP_NONE};
    if (field->enterprise != 0 || field->element >= ELEMENT_COUNT)
        return none;
    return ELEMENTS[field->element];
}

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

struct compiler {
    struct plan *plan;
    uint32_t offset;
    struct op *stretch; // the check whose length is still growing
};

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

// What the mapping does with the element, ahead of what is done anyway. A sampling rate is taken
// like that of samplingInterval, unless the element is a sampling element itself: files made for
// goflow2 map those in vain.
static bool add_mapped(struct compiler *c, const struct template_field *field,
                       const struct element *element)
{
    struct plan *plan = c->plan;
    int item = plan->mapped == NULL ? -1
                                    : mapping_find(plan->mapped, field->enterprise, field->element);
    if (item < 0)
        return false;
    bool sampling = mapping_is_sampling(plan->mapped, item);
    if (sampling && element->code == OP_SAMPLING)
        return false;
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
    variable->argument = add_mapped(c, field, element);
    if (element->code != OP_NONE) {
        add_op(c, element->code, element);
        variable->argument++;
    }
    c->plan->unused += variable->argument == 0;
    c->offset = 0;
    c->stretch = add_op(c, OP_STRETCH, NULL);
}

static void compile_field(struct compiler *c, const struct template_field *field)
{
    struct element element = element_of(field);
    if (field->length == TEMPLATE_VARIABLE) {
        compile_variable(c, field, &element);
        return;
    }
    // Without bytes there is no value; and a thousand fields without bytes would cost as much as
    // any.
    bool mapped = field->length != 0 && add_mapped(c, field, &element);
    c->plan->unused += !mapped && element.code == OP_NONE;
    if (element.code != OP_NONE && field->length != 0)
        add_op(c, specialised(&element, field->length), &element)->length = field->length;
    c->offset += field->length;
}

struct plan *plan_new(const struct template *template, enum template_dialect dialect,
                      const struct mapping *mapping)
{
    // A variable field takes at most four operations; the first stretch is one more.
    size_t max = 1 + 4 * (size_t) template->field_count;
    struct plan *plan = calloc(1, sizeof *plan + max * sizeof plan->ops[0]);
    if (plan == NULL)
        return NULL;
    plan->mapping = mapping;
    if (mapping != NULL)
        plan->mapped = mapping_elements(mapping, dialect == TEMPLATE_IPFIX);
    struct compiler c = {.plan = plan};
    if (template->variable)
        c.stretch = add_op(&c, OP_STRETCH, NULL);
    for (unsigned i = 0; i < template->field_count; i++)
        compile_field(&c, &template->fields[i]);
    if (template->variable)
        c.stretch->length = (uint16_t)c.offset;
    plan->len = template->variable ? 0 : template->min_len;
    struct plan *fitted = realloc(plan, sizeof *plan + plan->op_count * sizeof plan->ops[0]);
    return fitted == NULL ? plan : fitted;
}

void plan_free(struct plan *plan)
{
    if (plan != NULL)
        plan_wire_release(plan->wire);
    free(plan);
}

uint32_t plan_unused(const struct plan *plan)
{
    return plan->unused;
}

size_t plan_bytes(const struct plan *plan)
{
    return sizeof *plan + plan->op_count * sizeof plan->ops[0];
}
