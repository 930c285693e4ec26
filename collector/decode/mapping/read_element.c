#include "collector/decode/mapping/read.h"

#include "collector/decode/mapping/element_name.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct element_item {
    struct conf_text field; // a number or a name
    struct conf_text destination;
    struct conf_number penprovided;
    struct conf_number pen;
    struct conf_text endianness;
    struct conf_text endian;
};

// 1, 0 when the item is without effect as it is in goflow2 (which was logged), -1 with the fault
// filled.
static int read_enterprise(struct conf *conf, const struct element_item *item, uint32_t *out)
{
    *out = (uint32_t)item->pen.value;
    if (mapping_check_range(conf, "pen", &item->pen, 0, UINT32_MAX) != 0)
        return -1;
    if (item->penprovided.line != 0 && item->penprovided.value == 0 && item->pen.value != 0)
        conf_warn(conf, item->pen.line, "pen: given, but penprovided is false: has no effect");
    else if (item->penprovided.value != 0 && item->pen.value == 0)
        conf_warn(conf, item->penprovided.line, "penprovided: without a pen, has no effect");
    else
        return 1;
    return 0;
}

static bool is_number(const struct conf_text *text)
{
    return (*text->text >= '0' && *text->text <= '9') || *text->text == '-';
}

// A number says nothing of the element's type.
static int read_number(struct conf *conf, const struct element_item *item, struct element_name *out)
{
    const char *text = item->field.text;
    char *end;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    struct conf_number number = {.value = strtoll(text, &end, hexadecimal ? 16 : 10),
                                 .line = item->field.line};
    if (*end != '\0')
        return conf_fail(conf, number.line,
                         "field: got \"%.60s\", expected the number or the name of an element",
                         text);
    if (mapping_check_range(conf, "field", &number, 0, UINT16_MAX) != 0)
        return -1;
    *out = (struct element_name){.element = (uint16_t)number.value};
    return read_enterprise(conf, item, &out->enterprise);
}

// 1, or -1 with the fault filled.
static int read_name(struct conf *conf, const struct element_item *item, enum mapping_block block,
                     struct element_name *out)
{
    const char *nearest;
    if (item->pen.line != 0 || item->penprovided.line != 0)
        return conf_fail(conf, item->pen.line != 0 ? item->pen.line : item->penprovided.line,
                         "pen: given beside the name of an element, which says it");
    if (element_name_find(item->field.text, block == MAPPING_IPFIX, out, &nearest) == 0)
        return 1;
    if (nearest != NULL)
        return conf_fail(conf, item->field.line, "unknown element \"%.60s\", did you mean \"%s\"?",
                         item->field.text, nearest);
    return conf_fail(conf, item->field.line, "unknown element \"%.60s\": give its number and pen",
                     item->field.text);
}

#define BIT(type)  (1u << ELEMENT_##type)
#define NUMBERS    (BIT(UNSIGNED) | BIT(SIGNED) | BIT(BOOLEAN) | BIT(SECONDS) | BIT(MILLI) | BIT(NTP))
#define ADDRESSES  (BIT(IPV4) | BIT(IPV6) | BIT(OCTETS))
#define VARINTS    (NUMBERS | BIT(MAC) | BIT(IPV4) | BIT(OCTETS))
#define EVERYTHING ((1u << ELEMENT_TYPE_COUNT) - 1)

// Which elements a destination can hold.
static unsigned accepted(const struct mapping_target *target)
{
    static const unsigned by_type[] = {
        [CUSTOM_VARINT] = VARINTS,
        [CUSTOM_BYTES] = EVERYTHING,
        [CUSTOM_IP] = ADDRESSES,
        [CUSTOM_IPV4] = BIT(IPV4) | BIT(OCTETS),
        [CUSTOM_IPV6] = BIT(IPV6) | BIT(OCTETS),
        [CUSTOM_MAC] = BIT(MAC) | BIT(OCTETS),
        [CUSTOM_BOOL] = BIT(BOOLEAN) | BIT(UNSIGNED),
        [CUSTOM_FLOAT] = BIT(FLOAT),
        [CUSTOM_DATETIME] = BIT(SECONDS) | BIT(UNSIGNED),
        [CUSTOM_DATETIME_MILLI] = BIT(MILLI) | BIT(UNSIGNED),
        [CUSTOM_DATETIME_NANO] = BIT(UNSIGNED),
        [CUSTOM_DATETIME_NTP] = BIT(NTP) | BIT(UNSIGNED),
    };
    if (target->number != 0)
        return by_type[target->type];
    return mapping_wants_bytes(target) ? ADDRESSES : VARINTS;
}

static int check_type(struct conf *conf, const struct element_item *item,
                      const struct element_name *name, const struct mapping_target *target)
{
    if ((accepted(target) & 1u << name->type) != 0)
        return 0;
    return conf_fail(conf, item->destination.line, "destination %.60s: cannot hold %s, which is %s",
                     item->destination.text, name->name, element_type_name(name->type));
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
    struct element_name name;
    if (item->field.text == NULL)
        return conf_fail(conf, line, "item without a field");
    int known = is_number(&item->field) ? read_number(conf, item, &name)
                                        : read_name(conf, item, block, &name);
    int wrong = mapping_read_little(conf, &item->endianness, &item->endian, &element.target.little);
    int found = mapping_read_target(conf, block, &item->destination, line, &element.target);
    if (wrong != 0 || known <= 0 || found <= 0)
        return wrong != 0 || known < 0 || found < 0 ? -1 : 0;
    if (name.name != NULL && check_type(conf, item, &name, &element.target) != 0)
        return -1;
    if (block == MAPPING_V9 && name.enterprise != 0) {
        conf_warn(conf, line, "pen: has no effect, NetFlow v9 has no enterprises");
        return 0;
    }
    element.key = (uint64_t)name.enterprise << 16 | name.element;
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
    {"field", CONF_TEXT, offsetof(struct element_item, field), NULL},
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
