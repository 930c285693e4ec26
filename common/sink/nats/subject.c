#include "common/sink/nats/subject.h"

#include "common/flow/render.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX   64 // of a rendered field
#define VALUE_MAX   64 // of a value before it is made a token
#define MODULUS_MAX 65536

// What JetStream takes in the text of a subject that is published to; the rest separates, matches
// or cannot be written in the protocol.
static bool is_literal(char c)
{
    return c > ' ' && c < 0x7f && c != '*' && c != '>' && c != '{' && c != '}';
}

static bool is_renderable(enum flow_field id)
{
    const struct field *field = &FLOW_FIELDS[id];
    bool single = field->kind == FIELD_NUM || field->kind == FIELD_NUM32 ||
                  (field->kind == FIELD_BYTES && field->render == RENDER_IP);
    bool as_number = id == FLOW_SRC_AS || id == FLOW_DST_AS || id == FLOW_NEXT_HOP_AS;
    return single && !as_number && field->column < FLOW_COLLECTOR_COLUMNS;
}

static int parse_name(struct subject_piece *piece, const char *name, size_t len,
                      struct fault *fault)
{
    char text[VALUE_MAX];
    if (len >= sizeof text)
        return fault_set(fault, "got a name of %zu bytes in braces, wanted a field of the flow",
                         len);
    memcpy(text, name, len);
    text[len] = '\0';
    if (strncmp(text, "key:", 4) == 0) {
        char *end;
        unsigned long modulus = strtoul(text + 4, &end, 10);
        if (text[4] < '0' || text[4] > '9' || *end != '\0' || modulus == 0 || modulus > MODULUS_MAX)
            return fault_set(fault, "got {%s}, wanted {key:N} with N from 1 to %d", text,
                             MODULUS_MAX);
        *piece = (struct subject_piece){.kind = SUBJECT_KEY, .modulus = (uint32_t)modulus};
        return 0;
    }
    int id = field_find(text);
    if (id < 0 || !is_renderable((enum flow_field)id))
        return fault_set(fault,
                         "got {%s}, wanted a field with one value that the packet says, such as "
                         "{type} or {sampler_address}, or {key:N}",
                         text);
    *piece = (struct subject_piece){.kind = SUBJECT_FIELD, .field = (enum flow_field)id};
    return 0;
}

// Reads the piece at *at and moves past it.
static int parse_piece(struct subject *s, size_t *at, struct fault *fault)
{
    struct subject_piece *piece = &s->pieces[s->count++];
    const char *text = s->text + *at;
    if (*text == '{') {
        const char *end = strchr(text, '}');
        if (end == NULL)
            return fault_set(fault, "got a { without }, wanted both");
        *at += (size_t)(end - text) + 1;
        return parse_name(piece, text + 1, (size_t)(end - text) - 1, fault);
    }
    size_t len = 0;
    while (is_literal(text[len]))
        len++;
    if (len == 0)
        return fault_set(fault, "got byte 0x%02x, wanted printable ones without space, * and >",
                         (unsigned)(uint8_t)*text);
    *piece = (struct subject_piece){
        .kind = SUBJECT_LITERAL, .begin = (uint16_t)*at, .len = (uint16_t)len};
    *at += len;
    return 0;
}

// A token that varies anywhere matches as a whole.
static void make_wildcard(struct subject *s)
{
    char *out = s->wildcard;
    bool varies = false;
    char *token = out;
    for (unsigned i = 0; i < s->count; i++) {
        const struct subject_piece *piece = &s->pieces[i];
        if (piece->kind != SUBJECT_LITERAL) {
            varies = true;
            continue;
        }
        for (size_t k = 0; k < piece->len; k++) {
            char c = s->text[piece->begin + k];
            if (c == '.' && varies) {
                out = token;
                *out++ = '*';
                varies = false;
            }
            *out++ = c;
            token = c == '.' ? out : token;
        }
    }
    if (varies) {
        out = token;
        *out++ = '*';
    }
    *out = '\0';
}

static bool has_empty_token(const char *text)
{
    return *text == '.' || strstr(text, "..") != NULL || text[strlen(text) - 1] == '.';
}

int subject_parse(struct subject *out, const char *text, struct fault *fault)
{
    *out = (struct subject){.count = 0};
    size_t len = strlen(text);
    if (len == 0 || len >= sizeof out->text || has_empty_token(text))
        return fault_set(fault, "got \"%s\", wanted up to %d bytes of tokens joined by dots", text,
                         SUBJECT_TEXT_MAX - 1);
    memcpy(out->text, text, len + 1);
    for (size_t at = 0; at < len;) {
        if (out->count == SUBJECT_PIECES_MAX)
            return fault_set(fault, "got too many fields, wanted at most %d",
                             SUBJECT_PIECES_MAX / 2);
        if (parse_piece(out, &at, fault) != 0)
            return -1;
        out->wants_fields |= out->pieces[out->count - 1].kind == SUBJECT_FIELD;
        out->wants_key |= out->pieces[out->count - 1].kind == SUBJECT_KEY;
    }
    make_wildcard(out);
    return 0;
}

static bool is_token_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

// The value as text, at most VALUE_MAX bytes.
static size_t render_value(const struct flow *flow, enum flow_field id, uint8_t *out)
{
    size_t len = 0;
    const char *name = NULL;
    uint64_t number = FLOW_FIELDS[id].kind == FIELD_BYTES ? 0 : flow_num(flow, id);
    if (FLOW_FIELDS[id].render == RENDER_IP)
        return (size_t)(render_ip(out, flow_bytes(flow, id)) - out);
    if (FLOW_FIELDS[id].render == RENDER_MAC)
        return (size_t)(render_mac(out, number) - out);
    if (FLOW_FIELDS[id].render == RENDER_TYPE)
        name = render_type_name(number, &len);
    else if (FLOW_FIELDS[id].render == RENDER_ETYPE)
        name = render_etype_name(number, &len);
    else if (FLOW_FIELDS[id].render == RENDER_PROTO)
        name = render_proto_name(number, &len);
    if (name == NULL || len == 0)
        return (size_t)(render_num(out, number) - out);
    assert(len <= VALUE_MAX);
    memcpy(out, name, len);
    return len;
}

static size_t render_token(const struct flow *flow, enum flow_field id, char *out)
{
    uint8_t value[VALUE_MAX];
    size_t len = render_value(flow, id, value);
    if (len == 0) {
        memcpy(out, "none", 4);
        return 4;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = is_token_byte(value[i]) ? (char)value[i] : '-';
    return len;
}

size_t subject_render(const struct subject *subject, const struct flow *flow, uint32_t key,
                      char out[static SUBJECT_TEXT_MAX])
{
    size_t len = 0;
    for (unsigned i = 0; i < subject->count; i++) {
        const struct subject_piece *piece = &subject->pieces[i];
        char token[TOKEN_MAX];
        const char *from = token;
        size_t piece_len = piece->len;
        if (piece->kind == SUBJECT_LITERAL)
            from = subject->text + piece->begin;
        else if (piece->kind == SUBJECT_FIELD)
            piece_len = render_token(flow, piece->field, token);
        else
            piece_len = (size_t)(render_num((uint8_t *)token, key % piece->modulus) -
                                 (uint8_t *)token);
        if (len + piece_len >= SUBJECT_TEXT_MAX) // cut: long patterns with many addresses
            piece_len = SUBJECT_TEXT_MAX - 1 - len;
        memcpy(out + len, from, piece_len);
        len += piece_len;
    }
    while (len != 0 && out[len - 1] == '.') // a cut must not leave an empty token
        len--;
    out[len] = '\0';
    return len;
}

bool subject_covers(const char *outer, const char *inner)
{
    for (;;) {
        size_t outer_len = strcspn(outer, ".");
        size_t inner_len = strcspn(inner, ".");
        if (outer_len == 1 && *outer == '>')
            return inner_len != 0;
        bool any = outer_len == 1 && *outer == '*' && !(inner_len == 1 && *inner == '>');
        if (!any && (outer_len != inner_len || memcmp(outer, inner, outer_len) != 0))
            return false;
        outer += outer_len;
        inner += inner_len;
        if (*outer == '\0' || *inner == '\0')
            return *outer == *inner;
        outer++;
        inner++;
    }
}

bool subject_meets(const char *one, const char *other)
{
    for (;;) {
        size_t one_len = strcspn(one, ".");
        size_t other_len = strcspn(other, ".");
        if ((one_len == 1 && *one == '>') || (other_len == 1 && *other == '>'))
            return one_len != 0 && other_len != 0;
        bool any = (one_len == 1 && *one == '*') || (other_len == 1 && *other == '*');
        if (!any && (one_len != other_len || memcmp(one, other, one_len) != 0))
            return false;
        one += one_len;
        other += other_len;
        if (*one == '\0' || *other == '\0')
            return *one == *other;
        one++;
        other++;
    }
}
