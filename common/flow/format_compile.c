#include "common/flow/format.h"

#include "common/base/copy.h"
#include "common/base/json.h"
#include "common/flow/format_plan.h"
#include "common/flow/formatter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// A format being made, and the text it is made of.
struct builder {
    struct format *format;
    const struct formatter *formatter;
    const struct flow *unset; // a flow in which nothing is
    size_t skeleton_len;
    uint64_t listed; // fields that have a column of their own
    bool failed;     // no memory
};

int format_kind_parse(const char *name, enum format_kind *kind)
{
    static const char *const names[] = {"bin", "json", "text"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *kind = (enum format_kind)i;
        return 0;
    }
    return -1;
}

static uint8_t shape_of(const struct column *column)
{
    switch (column->source) {
    case COLUMN_CONTEXT:
        return SHAPE_CONTEXT;
    case COLUMN_CUSTOM:
        return column->custom->array ? SHAPE_CUSTOM_LIST : SHAPE_CUSTOM;
    case COLUMN_ICMP_NAME:
        return SHAPE_QUOTED;
    case COLUMN_FIELD:
        break;
    }
    enum field_kind kind = FLOW_FIELDS[column->field].kind;
    if (kind == FIELD_NUM_LIST || kind == FIELD_BYTES_LIST)
        return SHAPE_LIST;
    return format_is_bare((uint8_t)column->render) ? SHAPE_BARE : SHAPE_QUOTED;
}

static uint8_t quick_of(const struct column *column, enum format_kind kind)
{
    if (column->source != COLUMN_FIELD || kind != FORMAT_JSON)
        return QUICK_NONE;
    enum field_kind stored = FLOW_FIELDS[column->field].kind;
    if (column->render == RENDER_NUM && stored <= FIELD_NUM32)
        return QUICK_NUM;
    return column->render == RENDER_IP && stored == FIELD_BYTES ? QUICK_ADDRESS : QUICK_NONE;
}

static struct format_column compiled(const struct column *column)
{
    return (struct format_column){.shape = shape_of(column),
                                  .field = (uint8_t)column->field,
                                  .render = (uint8_t)column->render,
                                  .render_bytes = (uint8_t)column->render_bytes,
                                  .number = column->custom == NULL ? 0 : column->custom->number};
}

// The fields that make the column show.
static uint64_t fields_of(const struct column *column)
{
    uint64_t fields = 0;
    if (column->source == COLUMN_FIELD)
        fields = FLOW_BIT(column->field);
    if (column->render == RENDER_SRC_NET) // printed as soon as its address is there
        fields |= FLOW_BIT(FLOW_SRC_ADDR);
    if (column->render == RENDER_DST_NET)
        fields |= FLOW_BIT(FLOW_DST_ADDR);
    if (column->source == COLUMN_ICMP_NAME)
        fields = FLOW_BIT(FLOW_PROTO) | FLOW_BIT(FLOW_ICMP_TYPE);
    if (column->source == COLUMN_CONTEXT)
        fields = FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |
                 FLOW_BIT(FLOW_DST_CONTEXT);
    return fields;
}

// Whether the column stands there without a value. goflow2 has custom ones do so in a few cases.
static bool shows_unset(const struct column *column, bool wanted)
{
    if (column->source != COLUMN_CUSTOM)
        return wanted;
    if (!column->rendered)
        return false;
    return column->custom->array || column->render == RENDER_PROTO ||
           column->render == RENDER_ETYPE;
}

static char *make_name(const struct format *format, const char *label, bool first, uint16_t *len)
{
    size_t label_len = strlen(label);
    char *name = malloc(JSON_ESCAPED_MAX(label_len) + 4);
    char *at = name;
    if (name == NULL)
        return NULL;
    if (format->kind == FORMAT_JSON) {
        *at++ = first ? '{' : ',';
        *at++ = '"';
        at = (char *)json_escape((uint8_t *)at, (const uint8_t *)label, label_len);
        *at++ = '"';
        *at++ = ':';
    } else {
        if (!first)
            *at++ = ' ';
        memcpy(at, label, label_len);
        at += label_len;
        *at++ = '=';
    }
    *len = (uint16_t)(at - name);
    return name;
}

static void extend_skeleton(struct builder *b, const struct format_column *column)
{
    struct format *format = b->format;
    size_t room = b->skeleton_len + column->name_len + FORMAT_VALUE_MAX + COPY_STEP;
    char *skeleton = realloc(format->skeleton, room);
    b->failed |= skeleton == NULL;
    if (skeleton == NULL)
        return;
    format->skeleton = skeleton;
    uint8_t *at = (uint8_t *)skeleton + b->skeleton_len;
    memcpy(at, column->name, column->name_len);
    at = format_value(format, column, b->unset, at + column->name_len);
    b->skeleton_len = (size_t)((char *)at - skeleton);
}

// Adds a column at the end. One that is not wanted shows only when its flow has it.
static void add_column(struct builder *b, const char *name, bool wanted)
{
    struct format *format = b->format;
    unsigned index = format->column_count;
    struct format_column *made = &format->columns[index];
    struct column column = {.source = COLUMN_FIELD};
    int found = formatter_column(b->formatter, name, &column);
    assert(found == 0 && index < FORMAT_COLUMNS_MAX);
    (void)found;
    bool shown = shows_unset(&column, wanted);
    if (index == 0)
        format->headless = !shown;
    *made = compiled(&column);
    made->quick = quick_of(&column, format->kind);
    made->named = shown;
    made->name = make_name(format, column.label, index == 0 && shown, &made->name_len);
    made->skeleton_at = (uint32_t)b->skeleton_len;
    made->value_at = made->skeleton_at + (shown ? made->name_len : 0);
    b->failed |= made->name == NULL;
    if (b->failed)
        return;
    if (column.source == COLUMN_CUSTOM)
        format->custom[format->custom_count++] = (uint8_t)index;
    for (uint64_t left = fields_of(&column); left != 0; left &= left - 1)
        format->columns_of[index / 64][__builtin_ctzll(left)] |= UINT64_C(1) << index % 64;
    b->listed |= column.source == COLUMN_CUSTOM ? 0 : fields_of(&column);
    if (shown)
        extend_skeleton(b, made);
    format->fixed += made->name_len + FORMAT_VALUE_MAX;
    format->column_count = index + 1;
    format->columns[index + 1].skeleton_at = (uint32_t)b->skeleton_len;
}

static void add_default_fields(struct builder *b)
{
    uint8_t field[FLOW_FIELD_COUNT];
    for (unsigned id = 0; id < FLOW_FIELD_COUNT; id++)
        field[FLOW_FIELDS[id].column] = (uint8_t)id;
    for (unsigned column = 0; column < FLOW_COLLECTOR_COLUMNS; column++)
        add_column(b, FLOW_FIELDS[field[column]].name, true);
}

// The columns of enrichment. Where the file lists columns, only what this process fills is added.
static void add_enrichment(struct builder *b, unsigned columns, bool listed)
{
    static const struct {
        unsigned filled;
        enum flow_field id;
    } fields[] = {
        {FORMAT_COUNTRY, FLOW_SRC_COUNTRY}, {FORMAT_COUNTRY, FLOW_DST_COUNTRY},
        {FORMAT_AS_NAME, FLOW_SRC_AS_NAME}, {FORMAT_AS_NAME, FLOW_DST_AS_NAME},
        {FORMAT_CONTEXT, FLOW_SRC_GROUP},   {FORMAT_CONTEXT, FLOW_DST_GROUP},
        {FORMAT_CONTEXT, FLOW_SRC_CONTEXT}, {FORMAT_CONTEXT, FLOW_DST_CONTEXT},
    };
    uint64_t before = b->listed;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        bool filled = (columns & fields[i].filled) != 0;
        bool object = fields[i].filled == FORMAT_CONTEXT && b->format->kind == FORMAT_JSON;
        const char *name = object ? "context" : FLOW_FIELDS[fields[i].id].name;
        if ((before & FLOW_BIT(fields[i].id)) != 0 || (listed && !filled))
            continue;
        add_column(b, name, filled);
        if (object)
            break;
    }
}

// What a field of no largest length adds to the bound is counted once for each of its columns.
static size_t most_copies(const struct format *format)
{
    size_t most = 1;
    for (unsigned id = 0; id < FLOW_FIELD_COUNT; id++) {
        size_t copies = 0;
        for (unsigned word = 0; word < FORMAT_WORDS; word++)
            copies += (size_t)__builtin_popcountll(format->columns_of[word][id]);
        most = copies > most ? copies : most;
    }
    return most;
}

// The fields that the column shows in whatever length they have.
static uint64_t sized_fields(const struct format_column *column)
{
    switch ((enum format_shape)column->shape) {
    case SHAPE_CONTEXT:
        return FLOW_BIT(FLOW_SRC_GROUP) | FLOW_BIT(FLOW_DST_GROUP) | FLOW_BIT(FLOW_SRC_CONTEXT) |
               FLOW_BIT(FLOW_DST_CONTEXT);
    case SHAPE_LIST:
        return FLOW_BIT(column->field);
    case SHAPE_QUOTED:
        return column->render == RENDER_STRING || column->render == RENDER_HEX
                   ? FLOW_BIT(column->field)
                   : 0;
    case SHAPE_BARE:
    case SHAPE_CUSTOM:
    case SHAPE_CUSTOM_LIST:
        break;
    }
    return 0;
}

static void add_bounds(struct format *format)
{
    format->fixed += COPY_STEP;
    for (unsigned i = 0; i < format->column_count; i++) {
        format->sized |= sized_fields(&format->columns[i]);
        format->fixed += format->columns[i].shape == SHAPE_CONTEXT ? FORMAT_CONTEXT_MAX : 0;
    }
    format->copies = most_copies(format);
    format->word_count = (format->column_count + 63) / 64;
}

static void add_key(struct builder *b)
{
    size_t count;
    const char *const *names = formatter_key(b->formatter, &count);
    b->format->keys = calloc(count + 1, sizeof *b->format->keys);
    b->failed |= b->format->keys == NULL;
    for (size_t i = 0; i < count && !b->failed; i++) {
        struct column column;
        if (formatter_column(b->formatter, names[i], &column) == 0)
            b->format->keys[b->format->key_count++] = compiled(&column);
    }
}

// In text there are no objects: the context is four columns.
static void add_listed(struct builder *b, const char *name)
{
    struct column column;
    if (b->format->kind == FORMAT_TEXT && formatter_column(b->formatter, name, &column) == 0 &&
        column.source == COLUMN_CONTEXT) {
        for (enum flow_field id = FLOW_SRC_GROUP; id <= FLOW_DST_CONTEXT; id++)
            add_column(b, FLOW_FIELDS[id].name, true);
        return;
    }
    add_column(b, name, true);
}

static void add_columns(struct builder *b, unsigned columns)
{
    size_t count;
    const char *const *names = formatter_fields(b->formatter, &count);
    for (size_t i = 0; i < count; i++)
        add_listed(b, names[i]);
    if (names == NULL)
        add_default_fields(b);
    add_enrichment(b, columns, names != NULL);
    add_bounds(b->format);
}

struct format *format_compile(enum format_kind kind, unsigned columns,
                              const struct formatter *formatter)
{
    struct flow *unset = calloc(1, sizeof *unset);
    struct builder b = {
        .format = calloc(1, sizeof *b.format), .formatter = formatter, .unset = unset};
    if (b.format == NULL || unset == NULL) {
        free(unset);
        free(b.format);
        return NULL;
    }
    b.format->kind = kind;
    b.format->skeleton = calloc(1, COPY_STEP);
    b.failed = b.format->skeleton == NULL;
    add_columns(&b, columns);
    add_key(&b);
    free(unset);
    if (!b.failed)
        return b.format;
    format_free(b.format);
    return NULL;
}

struct format *format_new(enum format_kind kind, unsigned columns)
{
    return format_compile(kind, columns, NULL);
}

void format_free(struct format *format)
{
    if (format == NULL)
        return;
    for (unsigned i = 0; i < FORMAT_COLUMNS_MAX; i++)
        free((char *)format->columns[i].name);
    free(format->skeleton);
    free(format->keys);
    free(format);
}
