#include "common/enrich/context.h"

#include "common/base/conf.h"
#include "common/enrich/pages.h"
#include "common/enrich/tags.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 129 // prefixes of one family that lie in each other: /0 to /128

// One CIDR of the file.
struct line {
    struct prefix prefix;
    uint32_t network;
    unsigned number;
};

// One network of the file, while it is read.
struct network {
    size_t name_at; // in `names`
    size_t tags_at; // its own, in `tag_lists`
    uint8_t name_len;
    uint8_t tag_count;
    uint32_t outer;  // of its last record: the one it inherits from, 0: none
    uint32_t record; // its last one, 0: none yet
};

// A growing array.
struct list {
    void *items;
    size_t count;
    size_t cap;
};

struct loader {
    struct context *context;
    struct tags *tags;
    struct list lines;
    struct list networks;
    struct list names;     // bytes
    struct list tag_lists; // uint32_t
};

// One network as it stands in the file.
struct item {
    struct conf_text name;
    struct conf_text cidr;
    struct conf_list cidrs;
    struct conf_map tags;
};

// Room for `more` items behind those there are; NULL without memory.
static void *list_room(struct list *list, size_t more, size_t size)
{
    if (list->cap - list->count < more) {
        size_t cap = 2 * list->cap + more + 256;
        void *items = realloc(list->items, cap * size);
        if (items == NULL)
            return NULL;
        list->items = items;
        list->cap = cap;
    }
    return (uint8_t *)list->items + list->count * size;
}

static int no_memory(struct conf *conf, unsigned line)
{
    return conf_fail(conf, line, "out of memory");
}

static int bad_cidr(struct conf *conf, const struct conf_text *text, enum prefix_error error,
                    const struct prefix *prefix)
{
    const char *got = text->text;
    switch (error) {
    case PREFIX_NO_SLASH:
        return conf_fail(conf, text->line, "bad CIDR \"%.80s\": expected address/bits", got);
    case PREFIX_BAD_BITS:
        return conf_fail(conf, text->line, "bad CIDR \"%.80s\": the bits must be 0 to %d", got,
                         prefix->addr.len * 8);
    case PREFIX_BAD_ADDRESS:
    case PREFIX_OK:
        break;
    }
    return conf_fail(conf, text->line, "bad CIDR \"%.80s\": not an IPv4 or IPv6 address", got);
}

// IPv4-mapped addresses of flows match as IPv4, so prefixes of them (RFC 4291, section 2.5.5.2) are
// prefixes of IPv4.
static void unwrap_mapped(struct prefix *prefix)
{
    if (prefix->addr.len != 16 || prefix->bits < 96 || !addr_is_mapped(prefix->addr.bytes))
        return;
    prefix->addr = addr_of(prefix->addr.bytes, 16);
    prefix->bits = (uint8_t)(prefix->bits - 96);
}

static int read_cidr(struct conf *conf, const struct conf_text *text, struct prefix *out)
{
    char given[PREFIX_TEXT_MAX];
    char right[PREFIX_TEXT_MAX];
    enum prefix_error error = prefix_parse(out, text->text);
    if (error != PREFIX_OK)
        return bad_cidr(conf, text, error, out);
    struct prefix masked = prefix_mask(out);
    if (!addr_equal(&masked.addr, &out->addr))
        return conf_fail(conf, text->line, "CIDR %s has host bits set, the network is %s",
                         prefix_string(given, out), prefix_string(right, &masked));
    unwrap_mapped(out);
    return 0;
}

static int add_cidr(struct conf *conf, const struct conf_text *text, uint32_t network)
{
    struct loader *loader = conf_context(conf);
    struct line line = {.network = network, .number = text->line};
    if (read_cidr(conf, text, &line.prefix) != 0)
        return -1;
    struct line *room = list_room(&loader->lines, 1, sizeof line);
    if (room == NULL)
        return no_memory(conf, text->line);
    *room = line;
    loader->lines.count++;
    return 0;
}

static int check_length(struct conf *conf, const char *what, const struct conf_text *text,
                        size_t least, size_t most)
{
    if (text->len >= least && text->len <= most)
        return 0;
    if (text->len < least)
        return conf_fail(conf, text->line, "%s is empty", what);
    return conf_fail(conf, text->line, "%s of %zu bytes, at most %zu: \"%.40s...\"", what,
                     text->len, most, text->text);
}

// Puts the tags behind those of the networks before.
static int read_tags(struct conf *conf, const struct conf_map *map, unsigned line)
{
    struct loader *loader = conf_context(conf);
    struct tag tags[FLOW_LIST_MAX];
    int wrong = 0;
    if (map->count > FLOW_LIST_MAX)
        return conf_fail(conf, line, "%zu tags, at most %d", map->count, FLOW_LIST_MAX);
    for (size_t i = 0; i < map->count; i++) {
        const struct conf_text *key = &map->items[i].key;
        const struct conf_text *value = &map->items[i].value;
        wrong |= check_length(conf, "key of a tag", key, 1, CONTEXT_NAME_MAX);
        wrong |= check_length(conf, "value of a tag", value, 0, CONTEXT_VALUE_MAX);
        tags[i].key = (struct span){(const uint8_t *)key->text, key->len};
        tags[i].value = (struct span){(const uint8_t *)value->text, value->len};
    }
    if (wrong != 0)
        return -1;
    uint32_t *list = list_room(&loader->tag_lists, FLOW_LIST_MAX, sizeof *list);
    if (list == NULL || tags_put(loader->tags, tags, map->count, list) != 0)
        return no_memory(conf, line);
    return 0;
}

// The number of a new network, whose tags were read last.
static int put_network(struct loader *loader, const struct conf_text *name, size_t tag_count,
                       uint32_t *number)
{
    uint8_t *text = list_room(&loader->names, name->len, 1);
    struct network *network = list_room(&loader->networks, 1, sizeof *network);
    if (text == NULL || network == NULL || loader->networks.count == UINT32_MAX)
        return -1;
    *network = (struct network){
        .name_at = loader->names.count,
        .tags_at = loader->tag_lists.count,
        .name_len = (uint8_t)name->len,
        .tag_count = (uint8_t)tag_count,
    };
    memcpy(text, name->text, name->len);
    loader->names.count += name->len;
    loader->tag_lists.count += tag_count;
    *number = (uint32_t)loader->networks.count++;
    return 0;
}

static int check_network(struct conf *conf, const struct item *item, unsigned line)
{
    int wrong = 0;
    if (item->name.text == NULL)
        wrong |= conf_fail(conf, line, "network without \"name\"");
    else
        wrong |= check_length(conf, "name", &item->name, 1, CONTEXT_NAME_MAX);
    if (item->cidr.text == NULL && item->cidrs.count == 0)
        wrong |= conf_fail(conf, line, "network \"%.60s\" without \"cidr\" or \"cidrs\"",
                           item->name.text == NULL ? "" : item->name.text);
    return wrong | read_tags(conf, &item->tags, line);
}

// Prefixes of a network that is wrong are looked at all the same, nothing is made of them.
static int add_network(struct conf *conf, void *object, unsigned line)
{
    struct loader *loader = conf_context(conf);
    const struct item *item = object;
    uint32_t number = 0;
    int wrong = check_network(conf, item, line);
    if (wrong == 0 && put_network(loader, &item->name, item->tags.count, &number) != 0)
        return no_memory(conf, line);
    if (item->cidr.text != NULL)
        wrong |= add_cidr(conf, &item->cidr, number);
    for (size_t i = 0; i < item->cidrs.count; i++)
        wrong |= add_cidr(conf, &item->cidrs.items[i], number);
    return wrong;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    int order = lpm_compare(&left->prefix, &right->prefix);
    if (order != 0)
        return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

static bool is_sorted(const struct line *lines, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (compare_lines(&lines[i - 1], &lines[i]) > 0)
            return false;
    return true;
}

static int sort(struct conf *conf, struct list *list)
{
    struct line *lines = list->items;
    int wrong = 0;
    if (!is_sorted(lines, list->count)) // files made by a program often are
        qsort(lines, list->count, sizeof *lines, compare_lines);
    for (size_t i = 1; i < list->count; i++) {
        const struct line *line = &lines[i];
        char text[PREFIX_TEXT_MAX];
        if (lpm_compare(&line[-1].prefix, &line->prefix) == 0)
            wrong |= conf_fail(conf, line->number, "duplicate CIDR %s, first on line %u",
                               prefix_string(text, &line->prefix), line[-1].number);
    }
    return wrong;
}

static int check_file(struct conf *conf, void *object, unsigned line)
{
    struct loader *loader = conf_context(conf);
    (void)object;
    if (loader->lines.count == 0 && !conf_failed(conf))
        return conf_fail(conf, line, "no networks, expected networks: [{name, cidr, context}]");
    return sort(conf, &loader->lines);
}

static const struct conf_field NETWORK_FIELDS[] = {
    {"name", CONF_TEXT, offsetof(struct item, name), NULL},
    {"cidr", CONF_TEXT, offsetof(struct item, cidr), NULL},
    {"cidrs", CONF_TEXTS, offsetof(struct item, cidrs), NULL},
    {"context", CONF_MAP, offsetof(struct item, tags), NULL},
};

static const struct conf_schema NETWORK = {
    .what = "network",
    .fields = NETWORK_FIELDS,
    .field_count = sizeof NETWORK_FIELDS / sizeof NETWORK_FIELDS[0],
    .size = sizeof(struct item),
    .done = add_network,
};

static const struct conf_field FILE_FIELDS[] = {
    {"networks", CONF_OBJECTS, 0, &NETWORK},
};

static const struct conf_schema CONTEXT_FILE = {
    .what = "the file",
    .fields = FILE_FIELDS,
    .field_count = sizeof FILE_FIELDS / sizeof FILE_FIELDS[0],
    .size = 1,
    .done = check_file,
};

// Writes a record of the line's network, which inherits from the record `outer`.
static int put_record(struct loader *loader, const struct line *line, uint32_t outer,
                      const char *path, struct fault *fault)
{
    struct place_records *records = &loader->context->records;
    struct network *network = (struct network *)loader->networks.items + line->network;
    uint32_t outer_tags[FLOW_LIST_MAX];
    uint32_t tags[2 * FLOW_LIST_MAX];
    size_t outer_count = place_tags(records->bytes, outer, outer_tags);
    const uint32_t *own_tags = (const uint32_t *)loader->tag_lists.items + network->tags_at;
    size_t count = tags_merge(loader->tags, outer_tags, outer_count, own_tags, network->tag_count,
                              tags);
    if (count > FLOW_LIST_MAX)
        return fault_set(fault, "%s:%u: %zu tags with those of enclosing networks, at most %d",
                         path, line->number, count, FLOW_LIST_MAX);
    struct span name = {(const uint8_t *)loader->names.items + network->name_at, network->name_len};
    size_t wire_len = PLACE_FIELD_HEAD + name.len + tags_fields_len(loader->tags, tags, count);
    if (wire_len > loader->context->wire_max)
        loader->context->wire_max = wire_len;
    network->outer = outer;
    network->record = place_add_context(records, tags, count, name);
    return network->record == 0 ? fault_set(fault, "%s: out of memory", path) : 0;
}

// Gives every line the record of its network with the tags inherited. Lines stand after those that
// enclose them: a stack of the open ones is all it takes.
static int inherit(struct loader *loader, const char *path, struct fault *fault)
{
    struct {
        const struct prefix *prefix;
        uint32_t record;
    } open[NESTING_MAX + 1] = {{.record = 0}};
    size_t depth = 0;
    const struct line *lines = loader->lines.items;
    for (size_t i = 0; i < loader->lines.count; i++) {
        const struct line *line = &lines[i];
        const struct network *network = (const struct network *)loader->networks.items +
                                        line->network;
        while (depth > 0 && !prefix_contains(open[depth].prefix, &line->prefix.addr))
            depth--;
        uint32_t outer = open[depth].record;
        if ((network->record == 0 || network->outer != outer) &&
            put_record(loader, line, outer, path, fault) != 0)
            return -1;
        loader->context->entries[i] = (struct lpm_entry){.prefix = line->prefix,
                                                         .value = network->record};
        assert(depth < NESTING_MAX);
        depth++;
        open[depth].prefix = &line->prefix;
        open[depth].record = network->record;
    }
    return 0;
}

static int compile(struct loader *loader, const char *path, struct fault *fault)
{
    struct context *context = loader->context;
    context->entry_count = loader->lines.count;
    context->network_count = loader->networks.count;
    context->entries = malloc(context->entry_count * sizeof *context->entries);
    context->tags = tags_copy_fields(loader->tags, &context->tags_len);
    if (context->entries == NULL || context->tags == NULL)
        return fault_set(fault, "%s: out of memory", path);
    return inherit(loader, path, fault);
}

int context_load(struct context *context, const char *path, struct fault *fault)
{
    struct loader loader = {.context = context, .tags = tags_new()};
    uint8_t object;
    int result = -1;
    *context = (struct context){.entry_count = 0};
    if (loader.tags == NULL)
        return fault_set(fault, "%s: out of memory", path);
    if (conf_read(path, &CONTEXT_FILE, &object, &loader, fault) == 0)
        result = compile(&loader, path, fault);
    tags_free(loader.tags);
    free(loader.lines.items);
    free(loader.networks.items);
    free(loader.names.items);
    free(loader.tag_lists.items);
    return result;
}

void context_fini(struct context *context)
{
    free(context->entries);
    free(context->records.bytes);
    pages_free(context->tags, context->tags_len);
    *context = (struct context){.entry_count = 0};
}
