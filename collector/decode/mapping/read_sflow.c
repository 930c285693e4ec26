#include "collector/decode/mapping/read.h"

#include "common/base/nearest.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct port_item {
    struct conf_text proto;
    struct conf_text dir;
    struct conf_number port;
    struct conf_text parser;
};

struct bits_item {
    struct conf_text layer;
    struct conf_number encap;
    struct conf_number offset;
    struct conf_number length;
    struct conf_text destination;
    struct conf_text endianness;
    struct conf_text endian;
};

static int put_port(struct conf *conf, const struct mapping_port *port)
{
    struct mapping *mapping = ((struct mapping_loader *)conf_context(conf))->mapping;
    for (size_t i = 0; i < mapping->port_count; i++) {
        if (mapping->ports[i].key != port->key)
            continue;
        conf_warn(conf, port->line, "the item for this port on line %u has no effect",
                  mapping->ports[i].line);
        mapping->ports[i] = *port;
        return 0;
    }
    struct mapping_port *ports = mapping_grow(conf, port->line, mapping->ports, mapping->port_count,
                                              sizeof *ports);
    if (ports == NULL)
        return -1;
    mapping->ports = ports;
    ports[mapping->port_count++] = *port;
    return 0;
}

static int unknown_parser(struct conf *conf, const struct conf_text *text)
{
    char names[256] = "";
    const char *name;
    for (size_t i = 0; (name = mapping_parser_name(i)) != NULL; i++) {
        strncat(names, i == 0 ? "" : ", ", sizeof names - strlen(names) - 1);
        strncat(names, name, sizeof names - strlen(names) - 1);
    }
    return conf_fail(conf, text->line, "parser: got \"%.60s\", expected one of %s", text->text,
                     names);
}

static bool is_word(const struct conf_text *text, const char *word)
{
    return strcmp(text->text, word) == 0;
}

static int add_port(struct conf *conf, void *object, unsigned line)
{
    const struct port_item *item = object;
    if (item->proto.text == NULL || item->dir.text == NULL || item->port.line == 0 ||
        item->parser.text == NULL)
        return conf_fail(conf, line, "port without one of proto, dir, port and parser");
    bool tcp = is_word(&item->proto, "tcp");
    if (!tcp && !is_word(&item->proto, "udp"))
        return conf_fail(conf, item->proto.line, "proto: got \"%.60s\", expected udp or tcp",
                         item->proto.text);
    bool both = is_word(&item->dir, "both");
    if (!both && !is_word(&item->dir, "src") && !is_word(&item->dir, "dst"))
        return conf_fail(conf, item->dir.line, "dir: got \"%.60s\", expected src, dst or both",
                         item->dir.text);
    if (mapping_check_range(conf, "port", &item->port, 0, UINT16_MAX) != 0)
        return -1;
    struct mapping_port port = {.line = line, .header = mapping_parser(item->parser.text)};
    if (port.header == PACKET_HEADER_NONE)
        return unknown_parser(conf, &item->parser);
    for (int source = 0; source < 2; source++) {
        port.key = mapping_port_key(tcp, source != 0, (uint16_t)item->port.value);
        if ((both || is_word(&item->dir, source != 0 ? "src" : "dst")) &&
            put_port(conf, &port) != 0)
            return -1;
    }
    return 0;
}

// Whether the name is a header's; it was logged when not.
static bool is_layer(struct conf *conf, const struct conf_text *text)
{
    struct nearest nearest = {.text = text->text};
    uint32_t via;
    bool hexadecimal;
    for (const struct mapping_name *at = MAPPING_NAMES; at->name != NULL; at++) {
        if (strcmp(at->name, text->text) == 0 && at->header != PACKET_HEADER_NONE)
            return true;
        if (strcmp(at->name, text->text) == 0) {
            conf_warn(conf, text->line, "layer %s: has no effect, it is not parsed", text->text);
            return false;
        }
        nearest_offer(&nearest, at->name);
    }
    if (mapping_via_parse(text->text, &via, &hexadecimal) == 0)
        return true;
    if (nearest.name != NULL)
        conf_warn(conf, text->line, "unknown layer \"%.60s\": has no effect, did you mean \"%s\"?",
                  text->text, nearest.name);
    else
        conf_warn(conf, text->line,
                  "unknown layer \"%.60s\": has no effect, expected a header's name, etype2048, "
                  "etype0x0800, proto6, udp53 or tcp53",
                  text->text);
    return false;
}

static int check_length(struct conf *conf, const struct bits_item *item,
                        const struct mapping_target *target)
{
    int64_t length = item->length.value;
    unsigned line = item->length.line;
    const char *name = item->destination.text;
    enum custom_type type = target->number == 0 ? CUSTOM_BYTES : target->type;
    if (!mapping_wants_bytes(target) && length > 64)
        return conf_fail(conf, line, "length: got %lld bits, a number has at most 64",
                         (long long)length);
    if (type == CUSTOM_FLOAT && length != 32 && length != 64)
        return conf_fail(conf, line, "length: got %lld bits, %s wants 32 or 64", (long long)length,
                         name);
    bool ipv4 = type == CUSTOM_IP || type == CUSTOM_IPV4;
    bool ipv6 = type == CUSTOM_IP || type == CUSTOM_IPV6;
    if ((ipv4 || ipv6) && !(ipv4 && length == 32) && !(ipv6 && length == 128))
        return conf_fail(conf, line, "length: got %lld bits, %s wants %s", (long long)length, name,
                         !ipv6   ? "32"
                         : !ipv4 ? "128"
                                 : "32 or 128");
    return 0;
}

static int add_bits(struct conf *conf, void *object, unsigned line)
{
    const struct bits_item *item = object;
    struct mapping_loader *loader = conf_context(conf);
    struct mapping_layer layer = {.offset = (uint32_t)item->offset.value,
                                  .length = (uint32_t)item->length.value,
                                  .encapsulated = item->encap.value != 0};
    if (item->layer.text == NULL)
        return conf_fail(conf, line, "item without a layer");
    bool known = is_layer(conf, &item->layer);
    int wrong = mapping_check_range(conf, "offset", &item->offset, 0, MAPPING_AT_MAX);
    wrong |= mapping_check_range(conf, "length", &item->length, 0, MAPPING_BITS_MAX);
    wrong |= mapping_read_little(conf, &item->endianness, &item->endian, &layer.target.little);
    int found = mapping_read_target(conf, MAPPING_SFLOW, &item->destination, line, &layer.target);
    if (wrong != 0 || found <= 0 || !known)
        return wrong != 0 || found < 0 ? -1 : 0;
    if (check_length(conf, item, &layer.target) != 0)
        return -1;
    struct mapping_bits_item *items = mapping_grow(conf, line, loader->bits, loader->bits_count,
                                                   sizeof *items);
    if (items == NULL)
        return -1;
    loader->bits = items;
    items[loader->bits_count] = (struct mapping_bits_item){.layer = strdup(item->layer.text),
                                                           .item = layer};
    if (items[loader->bits_count].layer == NULL)
        return mapping_no_memory(conf, line);
    loader->bits_count++;
    return 0;
}

static const struct conf_field PORT_FIELDS[] = {
    {"proto", CONF_TEXT, offsetof(struct port_item, proto), NULL},
    {"dir", CONF_TEXT, offsetof(struct port_item, dir), NULL},
    {"port", CONF_NUMBER, offsetof(struct port_item, port), NULL},
    {"parser", CONF_TEXT, offsetof(struct port_item, parser), NULL},
};
static const struct conf_schema PORT_ITEM = {
    .what = "sflow.ports",
    .fields = PORT_FIELDS,
    .field_count = COUNT(PORT_FIELDS),
    .size = sizeof(struct port_item),
    .done = add_port,
    .unknown = CONF_UNKNOWN_WARNS,
};

static const struct conf_field BITS_FIELDS[] = {
    {"layer", CONF_TEXT, offsetof(struct bits_item, layer), NULL},
    {"encap", CONF_BOOL, offsetof(struct bits_item, encap), NULL},
    {"offset", CONF_NUMBER, offsetof(struct bits_item, offset), NULL},
    {"length", CONF_NUMBER, offsetof(struct bits_item, length), NULL},
    {"destination", CONF_TEXT, offsetof(struct bits_item, destination), NULL},
    {"endianness", CONF_TEXT, offsetof(struct bits_item, endianness), NULL},
    {"endian", CONF_TEXT, offsetof(struct bits_item, endian), NULL},
};
static const struct conf_schema BITS_ITEM = {
    .what = "sflow.mapping",
    .fields = BITS_FIELDS,
    .field_count = COUNT(BITS_FIELDS),
    .size = sizeof(struct bits_item),
    .done = add_bits,
    .unknown = CONF_UNKNOWN_WARNS,
};

static const struct conf_field SFLOW_FIELDS[] = {
    {"ports", CONF_OBJECTS, 0, &PORT_ITEM},
    {"mapping", CONF_OBJECTS, 0, &BITS_ITEM},
};
const struct conf_schema MAPPING_SFLOW_BLOCK = {.what = "sflow",
                                                .fields = SFLOW_FIELDS,
                                                .field_count = COUNT(SFLOW_FIELDS),
                                                .size = 1,
                                                .unknown = CONF_UNKNOWN_WARNS};
