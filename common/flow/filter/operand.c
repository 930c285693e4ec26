#include "common/flow/filter/operand.h"

#include "common/base/nearest.h"
#include "common/flow/formatter.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 255

static enum filter_words words_of(enum flow_field field)
{
    if (field == FLOW_BGP_COMMUNITIES)
        return FILTER_WORDS_COMMUNITY;
    switch ((int)FLOW_FIELDS[field].render) {
    case RENDER_TYPE:
        return FILTER_WORDS_TYPE;
    case RENDER_ETYPE:
        return FILTER_WORDS_ETYPE;
    case RENDER_PROTO:
        return FILTER_WORDS_PROTO;
    case RENDER_LAYER:
        return FILTER_WORDS_LAYER;
    case RENDER_MAC:
        return FILTER_WORDS_MAC;
    default:
        return FILTER_WORDS_NONE;
    }
}

// By the schema, whatever a mapping makes of the printed value.
static void take_field(enum flow_field field, struct filter_operand *out)
{
    static const enum filter_source sources[] = {
        [FIELD_NUM] = FILTER_NUM,
        [FIELD_NUM32] = FILTER_NUM,
        [FIELD_BYTES] = FILTER_BYTES,
        [FIELD_NUM_LIST] = FILTER_NUM_LIST,
        [FIELD_BYTES_LIST] = FILTER_BYTES_LIST,
    };
    const struct field *row = &FLOW_FIELDS[field];
    bool number = row->kind != FIELD_BYTES && row->kind != FIELD_BYTES_LIST;
    *out = (struct filter_operand){.source = sources[row->kind],
                                   .field = field,
                                   .words = words_of(field),
                                   .max = row->kind == FIELD_NUM ? UINT64_MAX : UINT32_MAX};
    out->domain = number                     ? FILTER_NUMBERS
                  : row->render == RENDER_IP ? FILTER_ADDRESSES
                                             : FILTER_TEXTS;
}

static void take_custom(const struct column *column, struct filter_operand *out)
{
    const struct custom_column *custom = column->custom;
    *out = (struct filter_operand){.source = custom->array ? FILTER_CUSTOM_LIST : FILTER_CUSTOM,
                                   .domain = FILTER_NUMBERS,
                                   .number = custom->number,
                                   .padded = column->render_bytes == RENDER_STRING,
                                   .max = UINT64_MAX};
    switch (custom->type) {
    case CUSTOM_BYTES:
        out->domain = column->render_bytes == RENDER_IP ? FILTER_ADDRESSES : FILTER_TEXTS;
        break;
    case CUSTOM_IP:
    case CUSTOM_IPV4:
    case CUSTOM_IPV6:
        out->domain = FILTER_ADDRESSES;
        break;
    case CUSTOM_MAC:
        out->words = FILTER_WORDS_MAC;
        break;
    case CUSTOM_BOOL:
        out->words = FILTER_WORDS_BOOL;
        break;
    case CUSTOM_FLOAT:
        out->domain = FILTER_FLOATS;
        break;
    case CUSTOM_VARINT:
    case CUSTOM_DATETIME:
    case CUSTOM_DATETIME_MILLI:
    case CUSTOM_DATETIME_NANO:
    case CUSTOM_DATETIME_NTP:
        break;
    }
}

static int fail_unknown(const struct filter_lexer *lexer, const struct formatter *formatter,
                        const char *name)
{
    size_t count;
    struct nearest nearest = {.text = name};
    const struct custom_column *customs = formatter_customs(formatter, &count);
    for (int id = 0; id < FLOW_FIELD_COUNT; id++)
        nearest_offer(&nearest, FLOW_FIELDS[id].name);
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, customs[i].name);
    if (nearest.name != NULL)
        return filter_fail(lexer, lexer->token.at, "unknown field \"%s\", did you mean \"%s\"?",
                           name, nearest.name);
    return filter_fail(lexer, lexer->token.at, "unknown field \"%s\", docs/schema.md lists them",
                       name);
}

// The key of src_context."what ever": behind a name that ends with its dot.
static int take_quoted_key(struct filter_lexer *lexer, struct filter_operand *out)
{
    size_t end = lexer->token.end;
    if (filter_lex(lexer) != 0)
        return -1;
    if (lexer->token.kind != FILTER_TOKEN_QUOTED || lexer->token.at != end)
        return filter_fail(lexer, end, "wanted the key of a tag");
    out->name = (struct span){(const uint8_t *)lexer->token.text, lexer->token.len};
    return filter_lex(lexer);
}

// src_context.KEY, and nothing else with a dot in it. -1 when it is no such name.
static int find_context(const struct filter_token *token, struct filter_operand *out)
{
    const char *dot = memchr(token->text, '.', token->len);
    size_t len = dot == NULL ? token->len : (size_t)(dot - token->text);
    for (int id = 0; id < FLOW_FIELD_COUNT; id++) {
        const struct field *row = &FLOW_FIELDS[id];
        if (row->render != RENDER_CONTEXT || strlen(row->name) != len ||
            memcmp(row->name, token->text, len) != 0)
            continue;
        *out = (struct filter_operand){
            .source = FILTER_TAG, .domain = FILTER_TEXTS, .field = (enum flow_field)id};
        if (dot != NULL)
            out->name = (struct span){(const uint8_t *)dot + 1, token->len - len - 1};
        return 0;
    }
    return -1;
}

static int take_context(struct filter_lexer *lexer, struct filter_operand *out)
{
    const struct filter_token *token = &lexer->token;
    if (out->name.len != 0)
        return filter_lex(lexer);
    if (token->text[token->len - 1] == '.')
        return take_quoted_key(lexer, out);
    return filter_fail(lexer, token->end, "wanted a dot and the key of a tag behind %s",
                       filter_quote(lexer).text);
}

int filter_operand(struct filter_lexer *lexer, const struct formatter *formatter,
                   struct filter_operand *out)
{
    char name[NAME_MAX_LEN + 1];
    struct column column;
    const struct filter_token *token = &lexer->token;
    if (token->kind != FILTER_TOKEN_WORD)
        return filter_fail(lexer, token->at, "got %s, wanted the name of a field",
                           filter_quote(lexer).text);
    snprintf(name, sizeof name, "%.*s",
             (int)(token->len > NAME_MAX_LEN ? NAME_MAX_LEN : token->len), token->text);
    bool known = formatter_column(formatter, name, &column) == 0;
    bool custom = known && column.source == COLUMN_CUSTOM;
    if (!custom && find_context(token, out) == 0)
        return take_context(lexer, out);
    if (custom)
        take_custom(&column, out);
    else if (known && column.source == COLUMN_FIELD)
        take_field(column.field, out);
    else
        return fail_unknown(lexer, formatter, name);
    return filter_lex(lexer);
}

bool filter_operand_is_list(const struct filter_operand *operand)
{
    return operand->source == FILTER_NUM_LIST || operand->source == FILTER_BYTES_LIST ||
           operand->source == FILTER_CUSTOM_LIST;
}
