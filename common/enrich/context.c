#include "common/enrich/context.h"

#include "common/base/conf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 129 // prefixes of one family that lie in each other: /0 to /128

// One CIDR of the file.
struct line {
    struct prefix prefix;
    uint32_t name;
    uint32_t tags; // its own, later those inherited as well
    unsigned number;
};

struct loader {
    struct context *context;
    struct line *lines;
    size_t count;
    size_t cap;
};

struct network {
    struct conf_text name;
    struct conf_text cidr;
    struct conf_list cidrs;
    struct conf_map tags;
};

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

static int add_cidr(struct conf *conf, const struct conf_text *text, uint32_t name, uint32_t tags)
{
    struct loader *loader = conf_context(conf);
    struct line line = {.name = name, .tags = tags, .number = text->line};
    if (read_cidr(conf, text, &line.prefix) != 0)
        return -1;
    if (loader->count == loader->cap) {
        size_t cap = loader->cap == 0 ? 256 : 2 * loader->cap;
        struct line *lines = realloc(loader->lines, cap * sizeof *lines);
        if (lines == NULL)
            return no_memory(conf, text->line);
        loader->lines = lines;
        loader->cap = cap;
    }
    loader->lines[loader->count++] = line;
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

static int read_tags(struct conf *conf, const struct conf_map *map, unsigned line, uint32_t *set)
{
    struct loader *loader = conf_context(conf);
    struct tag tags[FLOW_LIST_MAX];
    if (map->count > FLOW_LIST_MAX)
        return conf_fail(conf, line, "%zu tags, at most %d", map->count, FLOW_LIST_MAX);
    for (size_t i = 0; i < map->count; i++) {
        const struct conf_text *key = &map->items[i].key;
        const struct conf_text *value = &map->items[i].value;
        if (check_length(conf, "key of a tag", key, 1, CONTEXT_NAME_MAX) != 0 ||
            check_length(conf, "value of a tag", value, 0, CONTEXT_VALUE_MAX) != 0)
            return -1;
        tags[i].key = (struct span){(const uint8_t *)key->text, key->len};
        tags[i].value = (struct span){(const uint8_t *)value->text, value->len};
    }
    *set = tags_put(loader->context->tags, tags, map->count);
    return *set == TAGS_FAILED ? no_memory(conf, line) : 0;
}

static int add_network(struct conf *conf, void *object, unsigned line)
{
    struct loader *loader = conf_context(conf);
    const struct network *network = object;
    uint32_t tags = 0;
    if (network->name.text == NULL)
        return conf_fail(conf, line, "network without \"name\"");
    if (check_length(conf, "name", &network->name, 1, CONTEXT_NAME_MAX) != 0 ||
        read_tags(conf, &network->tags, line, &tags) != 0)
        return -1;
    if (network->cidr.text == NULL && network->cidrs.count == 0)
        return conf_fail(conf, line, "network \"%.60s\" without \"cidr\" or \"cidrs\"",
                         network->name.text);
    uint32_t name = intern_put(loader->context->names, network->name.text, network->name.len);
    if (name == 0)
        return no_memory(conf, line);
    if (network->cidr.text != NULL && add_cidr(conf, &network->cidr, name, tags) != 0)
        return -1;
    for (size_t i = 0; i < network->cidrs.count; i++)
        if (add_cidr(conf, &network->cidrs.items[i], name, tags) != 0)
            return -1;
    loader->context->network_count++;
    return 0;
}

static int check_file(struct conf *conf, void *object, unsigned line)
{
    const struct loader *loader = conf_context(conf);
    (void)object;
    if (loader->count == 0)
        return conf_fail(conf, line, "no networks, expected networks: [{name, cidr, context}]");
    return 0;
}

static const struct conf_field NETWORK_FIELDS[] = {
    {"name", CONF_TEXT, offsetof(struct network, name), NULL},
    {"cidr", CONF_TEXT, offsetof(struct network, cidr), NULL},
    {"cidrs", CONF_TEXTS, offsetof(struct network, cidrs), NULL},
    {"context", CONF_MAP, offsetof(struct network, tags), NULL},
};

static const struct conf_schema NETWORK = {
    .what = "network",
    .fields = NETWORK_FIELDS,
    .field_count = sizeof NETWORK_FIELDS / sizeof NETWORK_FIELDS[0],
    .size = sizeof(struct network),
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

static int compare_lines(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    int order = lpm_compare(&left->prefix, &right->prefix);
    if (order != 0)
        return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

static int sort(struct loader *loader, const char *path, struct fault *fault)
{
    qsort(loader->lines, loader->count, sizeof *loader->lines, compare_lines);
    for (size_t i = 1; i < loader->count; i++) {
        const struct line *line = &loader->lines[i];
        char text[PREFIX_TEXT_MAX];
        if (lpm_compare(&line[-1].prefix, &line->prefix) == 0)
            return fault_set(fault, "%s:%u: duplicate CIDR %s, first on line %u", path,
                             line->number, prefix_string(text, &line->prefix), line[-1].number);
    }
    return 0;
}

// Lines stand after those that enclose them: a stack of the open ones is all it takes.
static int inherit(struct loader *loader, const char *path, struct fault *fault)
{
    const struct line *open[NESTING_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < loader->count; i++) {
        struct line *line = &loader->lines[i];
        while (depth > 0 && !prefix_contains(&open[depth - 1]->prefix, &line->prefix.addr))
            depth--;
        if (depth > 0)
            line->tags = tags_merge(loader->context->tags, open[depth - 1]->tags, line->tags);
        if (line->tags == TAGS_FAILED)
            return fault_set(fault, "%s: out of memory", path);
        size_t count = tags_count(loader->context->tags, line->tags);
        if (count > FLOW_LIST_MAX)
            return fault_set(fault, "%s:%u: %zu tags with those of enclosing networks, at most %d",
                             path, line->number, count, FLOW_LIST_MAX);
        assert(depth < NESTING_MAX);
        open[depth++] = line;
    }
    return 0;
}

static int compile(struct loader *loader, const char *path, struct fault *fault)
{
    struct context *context = loader->context;
    context->entries = malloc(loader->count * sizeof *context->entries);
    context->matches = malloc((loader->count + 1) * sizeof *context->matches);
    if (context->entries == NULL || context->matches == NULL || loader->count > LPM_VALUE_MAX ||
        tags_freeze(context->tags) != 0)
        return fault_set(fault, "%s: out of memory", path);
    for (size_t i = 0; i < loader->count; i++) {
        const struct line *line = &loader->lines[i];
        const uint32_t number = (uint32_t)i + 1;
        context->entries[i] = (struct lpm_entry){.prefix = line->prefix, .value = number};
        context->matches[number] = (struct context_match){.name = line->name, .tags = line->tags};
    }
    context->entry_count = loader->count;
    return 0;
}

int context_load(struct context *context, const char *path, struct fault *fault)
{
    struct loader loader = {.context = context};
    uint8_t object;
    int result = -1;
    *context = (struct context){.names = intern_new(), .tags = tags_new()};
    if (context->names == NULL || context->tags == NULL)
        return fault_set(fault, "%s: out of memory", path);
    if (conf_read(path, &CONTEXT_FILE, &object, &loader, fault) == 0 &&
        sort(&loader, path, fault) == 0 && inherit(&loader, path, fault) == 0)
        result = compile(&loader, path, fault);
    free(loader.lines);
    return result;
}

void context_fini(struct context *context)
{
    free(context->entries);
    free(context->matches);
    intern_free(context->names);
    tags_free(context->tags);
    *context = (struct context){0};
}
