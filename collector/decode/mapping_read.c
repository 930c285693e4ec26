#include "collector/decode/mapping_read.h"

#include "common/base/nearest.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct element_item {
    struct conf_number field;
    struct conf_text destination;
    struct conf_number penprovided;
    struct conf_number pen;
    struct conf_text endianness;
    struct conf_text endian;
};

int mapping_no_memory(struct conf *conf, unsigned line)
{
    return conf_fail(conf, line, "out of memory");
}

void *mapping_grow(struct conf *conf, unsigned line, void *items, size_t count, size_t size)
{
    if (count == MAPPING_ITEMS_MAX) {
        conf_fail(conf, line, "more than %d items", MAPPING_ITEMS_MAX);
        return NULL;
    }
    void *grown = realloc(items, (count + 1) * size);
    if (grown == NULL)
        mapping_no_memory(conf, line);
    return grown;
}

int mapping_check_range(struct conf *conf, const char *what, const struct conf_number *number,
                        int64_t least, int64_t most)
{
    if (number->value >= least && number->value <= most)
        return 0;
    return conf_fail(conf, number->line, "%s: got %lld, expected %lld to %lld", what,
                     (long long)number->value, (long long)least, (long long)most);
}

// goflow2's key is endianness; its own sample and manual have endian.
int mapping_read_little(struct conf *conf, const struct conf_text *endianness,
                        const struct conf_text *endian, bool *little)
{
    const struct conf_text *text = endianness->text != NULL ? endianness : endian;
    if (endianness->text != NULL && endian->text != NULL)
        return conf_fail(conf, endian->line, "endian: given beside endianness");
    *little = text->text != NULL && strcmp(text->text, "little") == 0;
    if (text->text == NULL || *little || strcmp(text->text, "big") == 0)
        return 0;
    return conf_fail(conf, text->line, "endianness: got \"%.60s\", expected big or little",
                     text->text);
}

static int unknown_destination(struct conf *conf, const struct formatter *formatter,
                               const struct conf_text *text)
{
    struct nearest nearest = {.text = text->text};
    size_t count;
    const struct custom_column *customs = formatter_customs(formatter, &count);
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, customs[i].name);
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        nearest_offer(&nearest, FLOW_FIELDS[i].name);
    if (nearest.name != NULL)
        return conf_fail(conf, text->line, "unknown destination \"%.60s\", did you mean \"%s\"?",
                         text->text, nearest.name);
    return conf_fail(conf, text->line,
                     "unknown destination \"%.60s\", neither in the schema nor under "
                     "formatter.protobuf",
                     text->text);
}

// A field's Go name goes before a custom column of that name, which goes before a field's own.
static int find_target(struct conf *conf, const struct conf_text *text,
                       struct mapping_target *target)
{
    const struct mapping_loader *loader = conf_context(conf);
    const struct custom_column *custom = formatter_custom(loader->formatter, text->text);
    int field = field_find(text->text);
    bool go_name = field >= 0 && strcmp(FLOW_FIELDS[field].go_name, text->text) == 0;
    if (custom != NULL && !go_name) {
        target->number = custom->number;
        target->type = custom->type;
        return 0;
    }
    if (field < 0)
        return unknown_destination(conf, loader->formatter, text);
    target->field = (enum flow_field)field;
    bool made_here = field == FLOW_TYPE || field == FLOW_LAYER_STACK || field == FLOW_LAYER_SIZE;
    if (made_here || FLOW_FIELDS[field].column >= FLOW_COLLECTOR_COLUMNS)
        return conf_fail(conf, text->line, "destination %s: cannot be mapped to", text->text);
    return 0;
}

// Fields that are set behind the mapping, so that what is mapped to them is never seen.
static bool is_overwritten(const struct mapping_target *target, enum mapping_block block)
{
    uint64_t fields = FLOW_BIT(FLOW_SAMPLER_ADDRESS) | FLOW_BIT(FLOW_TIME_RECEIVED_NS) |
                      FLOW_BIT(FLOW_SEQUENCE_NUM);
    fields |= block == MAPPING_SFLOW
                  ? FLOW_BIT(FLOW_TIME_FLOW_START_NS) | FLOW_BIT(FLOW_TIME_FLOW_END_NS)
                  : FLOW_BIT(FLOW_OBSERVATION_DOMAIN_ID);
    return target->number == 0 && (fields & FLOW_BIT(target->field)) != 0;
}

int mapping_read_target(struct conf *conf, enum mapping_block block, const struct conf_text *text,
                        unsigned line, struct mapping_target *target)
{
    if (text->text == NULL)
        return conf_fail(conf, line, "item without a destination");
    if (find_target(conf, text, target) != 0)
        return -1;
    if (!is_overwritten(target, block))
        return 1;
    conf_warn(conf, text->line, "destination %s: has no effect, the collector sets it", text->text);
    return 0;
}

static int read_enterprise(struct conf *conf, const struct element_item *item, uint64_t *out)
{
    *out = (uint64_t)item->pen.value;
    if (mapping_check_range(conf, "pen", &item->pen, 0, UINT32_MAX) != 0)
        return -1;
    if (item->penprovided.line != 0 && item->penprovided.value == 0 && item->pen.value != 0)
        return conf_fail(conf, item->pen.line, "pen: given, but penprovided is false");
    if (item->penprovided.value != 0 && item->pen.value == 0)
        return conf_fail(conf, item->penprovided.line, "penprovided: without a pen");
    return 0;
}

// Of two items for one element the last one counts, as in goflow2.
static int put_element(struct conf *conf, struct mapping_elements *elements,
                       const struct mapping_element *element)
{
    for (size_t i = 0; i < elements->count; i++) {
        if (elements->items[i].key != element->key)
            continue;
        conf_warn(conf, element->line, "the item for this element on line %u has no effect",
                  elements->items[i].line);
        elements->items[i] = *element;
        return 0;
    }
    struct mapping_element *items = mapping_grow(conf, element->line, elements->items,
                                                 elements->count, sizeof *items);
    if (items == NULL)
        return -1;
    elements->items = items;
    items[elements->count++] = *element;
    return 0;
}

static int add_element(struct conf *conf, const struct element_item *item, unsigned line,
                       enum mapping_block block)
{
    struct mapping_loader *loader = conf_context(conf);
    struct mapping_element element = {.line = line};
    uint64_t enterprise;
    if (item->field.line == 0)
        return conf_fail(conf, line, "item without a field");
    if (mapping_check_range(conf, "field", &item->field, 0, UINT16_MAX) != 0 ||
        read_enterprise(conf, item, &enterprise) != 0 ||
        mapping_read_little(conf, &item->endianness, &item->endian, &element.target.little) != 0)
        return -1;
    int found = mapping_read_target(conf, block, &item->destination, line, &element.target);
    if (found <= 0)
        return found;
    if (block == MAPPING_V9 && enterprise != 0) {
        conf_warn(conf, line, "pen: has no effect, NetFlow v9 has no enterprises");
        return 0;
    }
    element.key = enterprise << 16 | (uint64_t)item->field.value;
    return put_element(conf, &loader->mapping->elements[block], &element);
}

static int add_v9(struct conf *conf, void *object, unsigned line)
{
    return add_element(conf, object, line, MAPPING_V9);
}

static int add_ipfix(struct conf *conf, void *object, unsigned line)
{
    return add_element(conf, object, line, MAPPING_IPFIX);
}

static const struct conf_field ELEMENT_FIELDS[] = {
    {"field", CONF_NUMBER, offsetof(struct element_item, field), NULL},
    {"destination", CONF_TEXT, offsetof(struct element_item, destination), NULL},
    {"penprovided", CONF_BOOL, offsetof(struct element_item, penprovided), NULL},
    {"pen", CONF_NUMBER, offsetof(struct element_item, pen), NULL},
    {"endianness", CONF_TEXT, offsetof(struct element_item, endianness), NULL},
    {"endian", CONF_TEXT, offsetof(struct element_item, endian), NULL},
};
static const struct conf_schema V9_ITEM = {
    .what = "netflowv9.mapping",
    .fields = ELEMENT_FIELDS,
    .field_count = COUNT(ELEMENT_FIELDS),
    .size = sizeof(struct element_item),
    .done = add_v9,
    .unknown = CONF_UNKNOWN_WARNS,
};
static const struct conf_schema IPFIX_ITEM = {
    .what = "ipfix.mapping",
    .fields = ELEMENT_FIELDS,
    .field_count = COUNT(ELEMENT_FIELDS),
    .size = sizeof(struct element_item),
    .done = add_ipfix,
    .unknown = CONF_UNKNOWN_WARNS,
};

static const struct conf_field V9_FIELDS[] = {{"mapping", CONF_OBJECTS, 0, &V9_ITEM}};
const struct conf_schema MAPPING_V9_BLOCK = {.what = "netflowv9",
                                             .fields = V9_FIELDS,
                                             .field_count = COUNT(V9_FIELDS),
                                             .size = 1,
                                             .unknown = CONF_UNKNOWN_WARNS};

static const struct conf_field IPFIX_FIELDS[] = {{"mapping", CONF_OBJECTS, 0, &IPFIX_ITEM}};
const struct conf_schema MAPPING_IPFIX_BLOCK = {.what = "ipfix",
                                                .fields = IPFIX_FIELDS,
                                                .field_count = COUNT(IPFIX_FIELDS),
                                                .size = 1,
                                                .unknown = CONF_UNKNOWN_WARNS};
