#include "common/flow/formatter.h"

#include "common/flow/formatter_block.h"

#include <string.h>

static const struct formatter EMPTY;

static const struct formatter *or_empty(const struct formatter *formatter)
{
    return formatter == NULL ? &EMPTY : formatter;
}

const char *const *formatter_fields(const struct formatter *formatter, size_t *count)
{
    formatter = or_empty(formatter);
    *count = formatter->field_count;
    return formatter->has_fields ? (const char *const *)formatter->fields : NULL;
}

const char *const *formatter_key(const struct formatter *formatter, size_t *count)
{
    formatter = or_empty(formatter);
    *count = formatter->key_count;
    return (const char *const *)formatter->key;
}

const struct custom_column *formatter_customs(const struct formatter *formatter, size_t *count)
{
    formatter = or_empty(formatter);
    *count = formatter->custom_count;
    return formatter->customs;
}

const struct custom_column *formatter_custom(const struct formatter *formatter, const char *name)
{
    size_t count;
    const struct custom_column *customs = formatter_customs(formatter, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(customs[i].name, name) == 0)
            return &customs[i];
    return NULL;
}

static const struct formatter_choice *choice_of(const struct formatter *formatter, const char *name)
{
    static const struct formatter_choice none;
    formatter = or_empty(formatter);
    for (size_t i = 0; i < formatter->choice_count; i++)
        if (strcmp(formatter->choices[i].name, name) == 0)
            return &formatter->choices[i];
    return &none;
}

static bool holds_bytes(enum field_kind kind)
{
    return kind == FIELD_BYTES || kind == FIELD_BYTES_LIST;
}

// The renderer "none": names of enums, hexadecimal digits of bytes, numbers as they are.
static enum field_render plain_render(enum field_kind kind, enum field_render standard)
{
    bool text = standard == RENDER_STRING || standard == RENDER_CONTEXT;
    if (holds_bytes(kind))
        return text ? standard : RENDER_HEX;
    return standard == RENDER_TYPE || standard == RENDER_LAYER ? standard : RENDER_NUM;
}

// What the chosen renderer is for a value of that kind. One that does not fit the kind is "none",
// but for the two that goflow2 has say "unknown".
static enum field_render fit_render(const struct formatter_choice *choice, enum field_kind kind,
                                    enum field_render standard)
{
    bool bytes = holds_bytes(kind);
    if (!choice->has_render || standard == RENDER_CONTEXT)
        return standard;
    if (choice->render == RENDER_ETYPE || choice->render == RENDER_PROTO)
        return bytes ? RENDER_UNKNOWN : choice->render;
    bool wants_bytes = choice->render == RENDER_IP || choice->render == RENDER_STRING;
    bool fits = bytes == wants_bytes && choice->render != RENDER_NUM;
    if (choice->render == RENDER_MAC) // of 64 bits, which an enum is not
        fits = kind == FIELD_NUM && standard != RENDER_TYPE;
    return fits ? choice->render : plain_render(kind, standard);
}

static enum field_render number_render(enum custom_type type)
{
    switch (type) {
    case CUSTOM_MAC:
        return RENDER_MAC;
    case CUSTOM_BOOL:
        return RENDER_BOOL;
    case CUSTOM_DATETIME:
        return RENDER_DATETIME;
    case CUSTOM_DATETIME_MILLI:
        return RENDER_DATETIME_MILLI;
    case CUSTOM_DATETIME_NANO:
    case CUSTOM_DATETIME_NTP:
        return RENDER_DATETIME_NANO;
    case CUSTOM_VARINT:
    case CUSTOM_BYTES:
    case CUSTOM_IP:
    case CUSTOM_IPV4:
    case CUSTOM_IPV6:
    case CUSTOM_FLOAT:
        break;
    }
    return RENDER_NUM;
}

static enum field_render bytes_render(enum custom_type type)
{
    return type == CUSTOM_IP || type == CUSTOM_IPV4 || type == CUSTOM_IPV6 ? RENDER_IP : RENDER_HEX;
}

int formatter_column(const struct formatter *formatter, const char *name, struct column *out)
{
    const struct formatter_choice *choice = choice_of(formatter, name);
    const struct custom_column *custom = formatter_custom(formatter, name);
    *out = (struct column){.custom = custom,
                           .rendered = choice->has_render,
                           .label = choice->label == NULL ? name : choice->label};
    if (custom != NULL) { // hides a field of the same name
        out->source = COLUMN_CUSTOM;
        out->render = fit_render(choice, FIELD_NUM, number_render(custom->type));
        out->render_bytes = fit_render(choice, FIELD_BYTES, bytes_render(custom->type));
        return 0;
    }
    int field = field_find(name);
    if (field >= 0) {
        out->source = COLUMN_FIELD;
        out->field = (enum flow_field)field;
        out->render = fit_render(choice, FLOW_FIELDS[field].kind, FLOW_FIELDS[field].render);
        return 0;
    }
    out->render = RENDER_ICMP_NAME;
    out->source = strcmp(name, "context") == 0 ? COLUMN_CONTEXT : COLUMN_ICMP_NAME;
    return out->source == COLUMN_CONTEXT || strcmp(name, "icmp_name") == 0 ? 0 : -1;
}
