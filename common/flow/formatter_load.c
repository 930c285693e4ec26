#include "common/flow/formatter.h"

#include "common/base/conf.h"
#include "common/base/nearest.h"
#include "common/flow/format.h"
#include "common/flow/formatter_block.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// https://protobuf.dev/programming-guides/proto3/#assigning
#define NUMBER_MAX     536870911
#define RESERVED_FIRST 19000
#define RESERVED_LAST  19999

struct word {
    const char *name;
    int value;
};

static const struct word TYPES[] = {
    {"varint", CUSTOM_VARINT},
    {"string", CUSTOM_BYTES},
    {"bytes", CUSTOM_BYTES},
    {"ip", CUSTOM_IP},
    {"ipv4", CUSTOM_IPV4},
    {"ipv6", CUSTOM_IPV6},
    {"mac", CUSTOM_MAC},
    {"bool", CUSTOM_BOOL},
    {"float", CUSTOM_FLOAT},
    {"datetime", CUSTOM_DATETIME},
    {"datetimemilli", CUSTOM_DATETIME_MILLI},
    {"datetimenano", CUSTOM_DATETIME_NANO},
    {"datetimentp", CUSTOM_DATETIME_NTP},
};

static const struct word RENDERERS[] = {
    {"none", RENDER_NUM},
    {"ip", RENDER_IP},
    {"mac", RENDER_MAC},
    {"etype", RENDER_ETYPE},
    {"proto", RENDER_PROTO},
    {"datetime", RENDER_DATETIME},
    {"datetimemilli", RENDER_DATETIME_MILLI},
    {"datetimenano", RENDER_DATETIME_NANO},
    {"string", RENDER_STRING},
    {"bool", RENDER_BOOL},
};

// The fields of enrichment, by what makes a process write them.
static const struct {
    unsigned filled;
    uint64_t fields;
} ENRICHMENT[] = {
    {FORMAT_COUNTRY, FLOW_BIT(FLOW_SRC_COUNTRY) | FLOW_BIT(FLOW_DST_COUNTRY)},
    {FORMAT_AS_NAME, FLOW_BIT(FLOW_SRC_AS_NAME) | FLOW_BIT(FLOW_DST_AS_NAME)},
    {FORMAT_CONTEXT, FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) |
                         FLOW_BIT(FLOW_SRC_CONTEXT) | FLOW_BIT(FLOW_DST_CONTEXT)},
};

struct loader {
    struct formatter *formatter;
    unsigned filled;
    bool read; // to the end of the file
};

struct custom_item {
    struct conf_text name;
    struct conf_number index;
    struct conf_text type;
    struct conf_number array;
};

struct block {
    struct conf_list fields;
    struct conf_list key;
    struct conf_map rename;
    struct conf_map render;
};

static struct formatter *being_loaded(struct conf *conf)
{
    return ((struct loader *)conf_context(conf))->formatter;
}

static int no_memory(struct conf *conf, unsigned line)
{
    return conf_fail(conf, line, "out of memory");
}

// The value of that word, or -1 after having said which words there are.
static int find_word(struct conf *conf, const char *what, const struct conf_text *text,
                     const struct word *words, size_t count)
{
    char valid[256] = "";
    struct nearest nearest = {.text = text->text};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i].name, text->text) == 0)
            return words[i].value;
        nearest_offer(&nearest, words[i].name);
        strncat(valid, i == 0 ? "" : ", ", sizeof valid - strlen(valid) - 1);
        strncat(valid, words[i].name, sizeof valid - strlen(valid) - 1);
    }
    if (nearest.name != NULL)
        return conf_fail(conf, text->line, "unknown %s \"%.60s\", did you mean \"%s\"?", what,
                         text->text, nearest.name);
    return conf_fail(conf, text->line, "unknown %s \"%.60s\", valid: %s", what, text->text, valid);
}

// Whether enrichment of this process writes the field.
static bool is_written(const struct loader *loader, int field)
{
    for (size_t i = 0; i < COUNT(ENRICHMENT); i++)
        if ((ENRICHMENT[i].fields & FLOW_BIT(field)) != 0)
            return (loader->filled & ENRICHMENT[i].filled) != 0;
    return true;
}

static int check_number(struct conf *conf, const struct custom_item *item)
{
    struct loader *loader = conf_context(conf);
    const char *name = item->name.text;
    int64_t number = item->index.value;
    unsigned line = item->index.line;
    if (number < 1 || number > NUMBER_MAX || (number >= RESERVED_FIRST && number <= RESERVED_LAST))
        return conf_fail(conf, line, "index of %.60s: got %lld, expected 1 to %d, not %d to %d",
                         name, (long long)number, NUMBER_MAX, RESERVED_FIRST, RESERVED_LAST);
    for (size_t i = 0; i < loader->formatter->custom_count; i++) {
        const struct custom_column *other = &loader->formatter->customs[i];
        if (other->number == number)
            return conf_fail(conf, line, "index of %.60s: %lld is that of %.60s on line %u", name,
                             (long long)number, other->name, other->line);
    }
    int field = field_of_number((uint32_t)number);
    if (field < 0)
        return 0;
    if (is_written(loader, field))
        return conf_fail(conf, line, "index of %.60s: %lld is that of %s in the schema", name,
                         (long long)number, FLOW_FIELDS[field].name);
    conf_warn(conf, line, "index of %.60s: %lld is that of %s, which enrichment may write", name,
              (long long)number, FLOW_FIELDS[field].name);
    return 0;
}

static int check_custom(struct conf *conf, const struct custom_item *item, unsigned line)
{
    if (item->name.text == NULL || item->name.len == 0)
        return conf_fail(conf, line, "column without a name");
    if (item->index.line == 0)
        return conf_fail(conf, line, "column %.60s without an index", item->name.text);
    if (item->type.text == NULL)
        return conf_fail(conf, line, "column %.60s without a type", item->name.text);
    const struct custom_column *other = formatter_custom(being_loaded(conf), item->name.text);
    if (other != NULL)
        return conf_fail(conf, item->name.line, "column %.60s given twice, first on line %u",
                         item->name.text, other->line);
    return check_number(conf, item);
}

static int add_custom(struct conf *conf, void *object, unsigned line)
{
    const struct custom_item *item = object;
    struct formatter *formatter = being_loaded(conf);
    if (check_custom(conf, item, line) != 0)
        return -1;
    int type = find_word(conf, "type", &item->type, TYPES, COUNT(TYPES));
    if (type < 0)
        return -1;
    struct custom_column *customs = realloc(formatter->customs,
                                            (formatter->custom_count + 1) * sizeof *customs);
    if (customs == NULL)
        return no_memory(conf, line);
    formatter->customs = customs;
    struct custom_column *custom = &customs[formatter->custom_count];
    *custom = (struct custom_column){.name = strdup(item->name.text),
                                     .number = (uint32_t)item->index.value,
                                     .type = (enum custom_type)type,
                                     .array = item->array.value != 0,
                                     .line = line};
    if (custom->name == NULL)
        return no_memory(conf, line);
    formatter->custom_count++;
    return 0;
}

static void offer_columns(struct nearest *nearest, const struct formatter *formatter)
{
    for (int i = 0; i < FLOW_FIELD_COUNT; i++)
        nearest_offer(nearest, FLOW_FIELDS[i].name);
    for (size_t i = 0; i < formatter->custom_count; i++)
        nearest_offer(nearest, formatter->customs[i].name);
    nearest_offer(nearest, "icmp_name");
    nearest_offer(nearest, "context");
}

// The name is no column's: an error in a key, where goflow2 refuses it too.
static int unknown_column(struct conf *conf, const char *where, const struct conf_text *text,
                          bool in_key)
{
    struct nearest nearest = {.text = text->text};
    char hint[128] = "neither in the schema nor under protobuf";
    offer_columns(&nearest, being_loaded(conf));
    if (nearest.name != NULL)
        snprintf(hint, sizeof hint, "did you mean \"%.60s\"?", nearest.name);
    if (in_key)
        return conf_fail(conf, text->line, "%s: no column \"%.60s\", %s", where, text->text, hint);
    conf_warn(conf, text->line, "%s: \"%.60s\" is left out, it is no column: %s", where, text->text,
              hint);
    return 0;
}

// 1 when it is one, 0 when it is left out (which was logged), -1 with the fault filled.
static int check_column(struct conf *conf, const char *where, const struct conf_text *text,
                        bool in_key)
{
    struct column column;
    if (formatter_column(being_loaded(conf), text->text, &column) != 0)
        return unknown_column(conf, where, text, in_key);
    if (!in_key || column.source == COLUMN_FIELD || column.source == COLUMN_CUSTOM)
        return 1;
    return conf_fail(conf, text->line, "%s: %s is made for printing, expected a field", where,
                     text->text);
}

static bool has_text(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

// A column that is listed twice is printed once, so that the keys of an object are different.
static int keep_columns(struct conf *conf, const char *where, const struct conf_list *list,
                        bool in_key, char ***out, size_t *count)
{
    int wrong = 0;
    *out = calloc(list->count + 1, sizeof **out);
    if (*out == NULL)
        return no_memory(conf, 1);
    for (size_t i = 0; i < list->count; i++) {
        const struct conf_text *text = &list->items[i];
        int found = check_column(conf, where, text, in_key);
        if (found <= 0) {
            wrong |= found;
            continue;
        }
        if (!in_key && has_text(*out, *count, text->text)) {
            conf_warn(conf, text->line, "%s: %.60s stands there already", where, text->text);
            continue;
        }
        (*out)[*count] = strdup(text->text);
        if ((*out)[*count] == NULL)
            return no_memory(conf, text->line);
        ++*count;
    }
    if (*count == 0 && list->count != 0 && wrong == 0)
        wrong = conf_fail(conf, list->items[0].line, "%s: none of these is a column", where);
    return wrong;
}

// What is chosen for the column, made when it is new; NULL without memory.
static struct formatter_choice *choice_for(struct formatter *formatter, const char *name)
{
    for (size_t i = 0; i < formatter->choice_count; i++)
        if (strcmp(formatter->choices[i].name, name) == 0)
            return &formatter->choices[i];
    struct formatter_choice *choices = realloc(formatter->choices,
                                               (formatter->choice_count + 1) * sizeof *choices);
    if (choices == NULL)
        return NULL;
    formatter->choices = choices;
    struct formatter_choice *choice = &choices[formatter->choice_count];
    *choice = (struct formatter_choice){.name = strdup(name)};
    if (choice->name == NULL)
        return NULL;
    formatter->choice_count++;
    return choice;
}

static void warn_if_no_column(struct conf *conf, const char *where, const struct conf_text *key)
{
    struct column column;
    if (formatter_column(being_loaded(conf), key->text, &column) != 0)
        conf_warn(conf, key->line, "%s: no column \"%.60s\"", where, key->text);
}

static int take_renames(struct conf *conf, const struct conf_map *map)
{
    int wrong = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct conf_pair *pair = &map->items[i];
        warn_if_no_column(conf, "rename", &pair->key);
        if (pair->value.len == 0 || pair->value.len > FORMAT_LABEL_MAX) {
            wrong = conf_fail(conf, pair->value.line, "rename: name of %zu bytes, expected 1 to %d",
                              pair->value.len, FORMAT_LABEL_MAX);
            continue;
        }
        struct formatter_choice *choice = choice_for(being_loaded(conf), pair->key.text);
        char *label = choice == NULL ? NULL : strdup(pair->value.text);
        if (label == NULL)
            return no_memory(conf, pair->key.line);
        choice->label = label;
    }
    return wrong;
}

static int take_renders(struct conf *conf, const struct conf_map *map)
{
    int wrong = 0;
    for (size_t i = 0; i < map->count; i++) {
        const struct conf_pair *pair = &map->items[i];
        warn_if_no_column(conf, "render", &pair->key);
        int render = find_word(conf, "renderer", &pair->value, RENDERERS, COUNT(RENDERERS));
        if (render < 0) {
            wrong = -1;
            continue;
        }
        struct formatter_choice *choice = choice_for(being_loaded(conf), pair->key.text);
        if (choice == NULL)
            return no_memory(conf, pair->key.line);
        choice->has_render = true;
        choice->render = (enum field_render)render;
    }
    return wrong;
}

// The block is complete, so that names may stand in any order.
static int take_block(struct conf *conf, void *object, unsigned line)
{
    const struct block *block = object;
    struct formatter *formatter = being_loaded(conf);
    if (block->fields.count > FORMAT_FIELDS_MAX)
        return conf_fail(conf, line, "fields: %zu columns, at most %d", block->fields.count,
                         FORMAT_FIELDS_MAX);
    formatter->has_fields = block->fields.count != 0;
    int wrong = keep_columns(conf, "fields", &block->fields, false, &formatter->fields,
                             &formatter->field_count);
    wrong |= keep_columns(conf, "key", &block->key, true, &formatter->key, &formatter->key_count);
    wrong |= take_renames(conf, &block->rename);
    return wrong | take_renders(conf, &block->render);
}

static const struct conf_field CUSTOM_FIELDS[] = {
    {"name", CONF_TEXT, offsetof(struct custom_item, name), NULL},
    {"index", CONF_NUMBER, offsetof(struct custom_item, index), NULL},
    {"type", CONF_TEXT, offsetof(struct custom_item, type), NULL},
    {"array", CONF_BOOL, offsetof(struct custom_item, array), NULL},
};
static const struct conf_schema CUSTOM = {
    .what = "protobuf",
    .fields = CUSTOM_FIELDS,
    .field_count = COUNT(CUSTOM_FIELDS),
    .size = sizeof(struct custom_item),
    .done = add_custom,
    .unknown = CONF_UNKNOWN_WARNS,
};

static const struct conf_field BLOCK_FIELDS[] = {
    {"fields", CONF_TEXTS, offsetof(struct block, fields), NULL},
    {"key", CONF_TEXTS, offsetof(struct block, key), NULL},
    {"protobuf", CONF_OBJECTS, 0, &CUSTOM},
    {"rename", CONF_MAP, offsetof(struct block, rename), NULL},
    {"render", CONF_MAP, offsetof(struct block, render), NULL},
};
static const struct conf_schema BLOCK = {
    .what = "formatter",
    .fields = BLOCK_FIELDS,
    .field_count = COUNT(BLOCK_FIELDS),
    .size = sizeof(struct block),
    .done = take_block,
    .unknown = CONF_UNKNOWN_WARNS,
};

static int end_file(struct conf *conf, void *object, unsigned line)
{
    (void)object;
    (void)line;
    ((struct loader *)conf_context(conf))->read = true;
    return 0;
}

// The other blocks are the collector's.
static const struct conf_field FILE_FIELDS[] = {
    {"formatter", CONF_OBJECT, 0, &BLOCK},
    {"ipfix", CONF_SKIP, 0, NULL},
    {"netflowv9", CONF_SKIP, 0, NULL},
    {"sflow", CONF_SKIP, 0, NULL},
};
static const struct conf_schema MAPPING_FILE = {
    .what = "the file",
    .fields = FILE_FIELDS,
    .field_count = COUNT(FILE_FIELDS),
    .size = sizeof(struct block),
    .done = end_file,
    .unknown = CONF_UNKNOWN_WARNS,
};

int formatter_load(struct formatter **out, const char *path, unsigned filled, struct fault *fault)
{
    struct block block;
    struct loader loader = {.formatter = calloc(1, sizeof *loader.formatter), .filled = filled};
    *out = loader.formatter;
    if (loader.formatter == NULL)
        return fault_set(fault, "%s: out of memory", path);
    int result = conf_read(path, &MAPPING_FILE, &block, &loader, fault);
    if (!loader.read) {
        formatter_free(loader.formatter);
        *out = NULL;
    }
    return result;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void formatter_free(struct formatter *formatter)
{
    if (formatter == NULL)
        return;
    for (size_t i = 0; i < formatter->custom_count; i++)
        free((char *)formatter->customs[i].name);
    for (size_t i = 0; i < formatter->choice_count; i++) {
        free(formatter->choices[i].name);
        free(formatter->choices[i].label);
    }
    free_texts(formatter->fields, formatter->field_count);
    free_texts(formatter->key, formatter->key_count);
    free(formatter->customs);
    free(formatter->choices);
    free(formatter);
}
