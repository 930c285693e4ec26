#include "common/base/conf.h"

#include "common/base/conf_event.h"
#include "common/base/nearest.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHUNK_BYTES 65536
#define FIELD_MAX   64

// Memory of the objects being read. A list gives what its item used back when the item is done.
struct chunk {
    struct chunk *before;
    size_t used;
    size_t cap;
    max_align_t data[];
};

struct mark {
    struct chunk *chunk;
    size_t used;
};

static void *allocate(struct conf *conf, size_t len)
{
    len = (len + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct chunk *chunk = conf->chunk;
    if (chunk == NULL || chunk->cap - chunk->used < len) {
        size_t cap = len > CHUNK_BYTES ? len : CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + cap);
        if (chunk == NULL) {
            conf_no_memory(conf);
            return NULL;
        }
        *chunk = (struct chunk){.before = conf->chunk, .used = 0, .cap = cap};
        conf->chunk = chunk;
    }
    void *at = (uint8_t *)chunk->data + chunk->used;
    chunk->used += len;
    return at;
}

static struct mark mark(const struct conf *conf)
{
    return (struct mark){conf->chunk, conf->chunk == NULL ? 0 : conf->chunk->used};
}

static void release(struct conf *conf, struct mark mark)
{
    while (conf->chunk != mark.chunk) {
        struct chunk *gone = conf->chunk;
        conf->chunk = gone->before;
        free(gone);
    }
    if (conf->chunk != NULL)
        conf->chunk->used = mark.used;
}

// An array with room for one more item; doubles at powers of two.
static void *grow(struct conf *conf, void *items, size_t count, size_t size)
{
    if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
        return items;
    void *larger = allocate(conf, (count < 4 ? 4 : 2 * count) * size);
    if (larger != NULL && count != 0)
        memcpy(larger, items, count * size);
    return larger;
}

static int read_text(struct conf *conf, const char *name, const char *wanted, struct conf_text *out)
{
    const yaml_event_t *event = &conf->event;
    if (event->type != YAML_SCALAR_EVENT || conf_is_nothing(event))
        return conf_wrong_type(conf, name, wanted);
    size_t len = event->data.scalar.length;
    if (memchr(event->data.scalar.value, '\0', len) != NULL)
        return conf_fail(conf, conf_line(conf), "%s: holds a NUL character", name);
    char *text = allocate(conf, len + 1);
    if (text == NULL)
        return -1;
    memcpy(text, event->data.scalar.value, len + 1);
    *out = (struct conf_text){.text = text, .len = len, .line = conf_line(conf)};
    return 0;
}

static int read_number(struct conf *conf, const char *name, struct conf_number *out)
{
    struct conf_text text;
    if (read_text(conf, name, "a number", &text) != 0)
        return -1;
    const char *digits = text.text + (*text.text == '-');
    bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end = NULL;
    errno = 0;
    // strtoll takes leading blanks and a plus sign, we do not.
    long long value = strtoll(text.text, &end, hexadecimal ? 16 : 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || errno != 0)
        return conf_wrong_type(conf, name, "a number");
    *out = (struct conf_number){.value = value, .line = text.line};
    return 0;
}

static int read_bool(struct conf *conf, const char *name, struct conf_number *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    struct conf_text text;
    if (read_text(conf, name, "true or false", &text) != 0)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text.text, words[i]) != 0)
            continue;
        *out = (struct conf_number){.value = (int64_t)(i & 1), .line = text.line};
        return 0;
    }
    return conf_wrong_type(conf, name, "true or false");
}

static int read_texts(struct conf *conf, const char *name, struct conf_list *out)
{
    struct conf_text *items = NULL;
    size_t count = 0;
    if (conf->event.type != YAML_SEQUENCE_START_EVENT)
        return conf_wrong_type(conf, name, "a list");
    for (;; count++) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        items = grow(conf, items, count, sizeof *items);
        if (items == NULL || read_text(conf, name, "text", &items[count]) != 0)
            return -1;
    }
    *out = (struct conf_list){.items = items, .count = count};
    return 0;
}

static int check_pair(struct conf *conf, const char *name, const struct conf_pair *items,
                      size_t count)
{
    const struct conf_text *key = &items[count].key;
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].key.text, key->text) == 0)
            return conf_fail(conf, key->line, "%s: key \"%.*s\" given twice, first on line %u",
                             name, CONF_QUOTE_MAX, key->text, items[i].key.line);
    if (count == CONF_MAP_MAX)
        return conf_fail(conf, key->line, "%s: more than %d keys", name, CONF_MAP_MAX);
    return 0;
}

static int read_map(struct conf *conf, const char *name, struct conf_map *out)
{
    struct conf_pair *items = NULL;
    size_t count = 0;
    if (conf->event.type != YAML_MAPPING_START_EVENT)
        return conf_wrong_type(conf, name, "a mapping");
    for (;; count++) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_MAPPING_END_EVENT)
            break;
        items = grow(conf, items, count, sizeof *items);
        if (items == NULL || read_text(conf, name, "text as the key", &items[count].key) != 0 ||
            check_pair(conf, name, items, count) != 0 || conf_next(conf) != 0 ||
            read_text(conf, items[count].key.text, "text", &items[count].value) != 0)
            return -1;
    }
    *out = (struct conf_map){.items = items, .count = count};
    return 0;
}

static int read_object(struct conf *conf, const char *name, const struct conf_schema *schema,
                       void *object);

static int read_objects(struct conf *conf, const char *name, const struct conf_schema *schema)
{
    if (conf->event.type != YAML_SEQUENCE_START_EVENT)
        return conf_wrong_type(conf, name, "a list");
    void *item = allocate(conf, schema->size);
    if (item == NULL)
        return -1;
    struct mark start = mark(conf);
    unsigned depth = conf->depth;
    for (;;) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        memset(item, 0, schema->size);
        (void)read_object(conf, schema->what, schema, item); // the next one may be right
        if (conf_end_value(conf, depth) != 0)
            return -1;
        release(conf, start);
    }
}

static int read_field(struct conf *conf, const struct conf_field *field, void *object)
{
    void *target = (uint8_t *)object + field->offset;
    switch (field->kind) {
    case CONF_TEXT:
        return read_text(conf, field->name, "text", target);
    case CONF_NUMBER:
        return read_number(conf, field->name, target);
    case CONF_BOOL:
        return read_bool(conf, field->name, target);
    case CONF_TEXTS:
        return read_texts(conf, field->name, target);
    case CONF_MAP:
        return read_map(conf, field->name, target);
    case CONF_OBJECT:
        return read_object(conf, field->name, field->of, target);
    case CONF_OBJECTS:
        return read_objects(conf, field->name, field->of);
    case CONF_SKIP:
        return 0;
    }
    assert(0 && "not a kind of field");
    return -1;
}

static void describe_unknown(const struct conf_schema *schema, const char *key, char *out,
                             size_t cap)
{
    struct nearest nearest = {.text = key};
    for (size_t i = 0; i < schema->field_count; i++)
        nearest_offer(&nearest, schema->fields[i].name);
    size_t len = (size_t)snprintf(out, cap, "unknown key \"%.*s\" in %s, ", CONF_QUOTE_MAX, key,
                                  schema->what);
    if (nearest.name != NULL) {
        snprintf(out + len, cap - len, "did you mean \"%s\"?", nearest.name);
        return;
    }
    for (size_t i = 0; i < schema->field_count && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i == 0 ? "valid: " : ", ",
                                schema->fields[i].name);
}

// A key that the schema does not have: 0 when it is passed over.
static int take_unknown(struct conf *conf, const struct conf_schema *schema)
{
    char what[FAULT_TEXT_MAX];
    describe_unknown(schema, (const char *)conf->event.data.scalar.value, what, sizeof what);
    if (schema->unknown == CONF_UNKNOWN_FAILS)
        return conf_fail(conf, conf_line(conf), "%s", what);
    if (schema->unknown == CONF_UNKNOWN_WARNS)
        conf_warn(conf, conf_line(conf), "%s", what);
    return 0;
}

// The index of the field of that name, or the count of all.
static size_t find_field(const struct conf_schema *schema, const char *key)
{
    size_t i = 0;
    while (i < schema->field_count &&
           (*schema->fields[i].name != *key || strcmp(schema->fields[i].name, key) != 0))
        i++;
    return i;
}

// Finds the field of the key at the current event, NULL when its value is passed over. `seen_line`
// has a line for each field that was given.
static int take_key(struct conf *conf, const struct conf_schema *schema, unsigned *seen_line,
                    const struct conf_field **out)
{
    *out = NULL;
    if (conf->event.type != YAML_SCALAR_EVENT)
        return conf_wrong_type(conf, schema->what, "text as the key");
    size_t at = find_field(schema, (const char *)conf->event.data.scalar.value);
    if (at == schema->field_count)
        return take_unknown(conf, schema);
    if (seen_line[at] != 0)
        return conf_fail(conf, conf_line(conf), "key \"%s\" given twice, first on line %u",
                         schema->fields[at].name, seen_line[at]);
    seen_line[at] = conf_line(conf);
    *out = &schema->fields[at];
    return 0;
}

// One key with its value, `depth` is that of the object. Ends at the last event of the value,
// whatever is wrong with it.
static int read_pair(struct conf *conf, const struct conf_schema *schema, void *object,
                     unsigned *seen_line, unsigned depth)
{
    const struct conf_field *field;
    int result = take_key(conf, schema, seen_line, &field);
    if (conf_end_value(conf, depth) != 0 || conf_next(conf) != 0)
        return -1;
    bool nothing = schema->unknown != CONF_UNKNOWN_FAILS && conf_is_nothing(&conf->event);
    if (field != NULL && !nothing)
        result = read_field(conf, field, object);
    return conf_end_value(conf, depth) != 0 ? -1 : result;
}

// 0 also when something in it is wrong, so long as it is an object. Recursion ends: each step goes
// one schema down, and schemas are constant trees.
static int read_object(struct conf *conf, const char *name, const struct conf_schema *schema,
                       void *object)
{
    unsigned seen_line[FIELD_MAX] = {0};
    unsigned begin = conf_line(conf);
    unsigned depth = conf->depth;
    bool whole = true;
    assert(schema->field_count <= FIELD_MAX);
    if (conf->event.type != YAML_MAPPING_START_EVENT)
        return conf_wrong_type(conf, name, "a mapping");
    for (;;) {
        if (conf_next(conf) != 0)
            return -1;
        if (conf->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (read_pair(conf, schema, object, seen_line, depth) != 0)
            whole = false;
    }
    if (whole && schema->done != NULL)
        (void)schema->done(conf, object, begin); // what it finds is counted as it is said
    return 0;
}

struct root {
    const struct conf_schema *schema;
    void *object;
};

static int read_root(struct conf *conf, void *user)
{
    const struct root *root = user;
    int result = read_object(conf, root->schema->what, root->schema, root->object);
    release(conf, (struct mark){NULL, 0});
    return result;
}

int conf_read(const char *path, const struct conf_schema *schema, void *object, void *context,
              struct fault *fault)
{
    struct conf conf = {.path = path, .fault = fault, .context = context};
    struct root root = {schema, object};
    memset(object, 0, schema->size);
    return conf_run(&conf, false, read_root, &root);
}
