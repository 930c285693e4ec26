#include "common/flow/filter/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define QUOTE_MAX    48 // bytes of a token that a message repeats

struct sign {
    const char *text;
    enum filter_token_kind kind;
};

// The longer of two that begin alike comes first.
static const struct sign SIGNS[] = {
    {"==", FILTER_TOKEN_EQUAL},    {"!=", FILTER_TOKEN_UNEQUAL}, {"<=", FILTER_TOKEN_AT_MOST},
    {">=", FILTER_TOKEN_AT_LEAST}, {"&&", FILTER_TOKEN_AND},     {"||", FILTER_TOKEN_OR},
    {"<", FILTER_TOKEN_LESS},      {">", FILTER_TOKEN_MORE},     {"(", FILTER_TOKEN_OPEN},
    {")", FILTER_TOKEN_CLOSE},     {",", FILTER_TOKEN_COMMA},    {"&", FILTER_TOKEN_MASK},
    {"!", FILTER_TOKEN_NOT},
};

static const struct sign KEYWORDS[] = {
    {"and", FILTER_TOKEN_AND},
    {"or", FILTER_TOKEN_OR},
    {"not", FILTER_TOKEN_NOT},
    {"in", FILTER_TOKEN_IN},
};

// Columns are counted in characters, as an editor shows them.
static size_t column(const char *text, size_t at)
{
    size_t count = 1;
    for (size_t i = 0; i < at; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

int filter_fail(const struct filter_lexer *lexer, size_t at, const char *format, ...)
{
    char what[FAULT_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    lexer->fault->at = at;
    return fault_set(&lexer->fault->fault, "column %zu: %s", column(lexer->expression, at), what);
}

struct filter_quote filter_quote(const struct filter_lexer *lexer)
{
    struct filter_quote quote = {.text = "the end"};
    const struct filter_token *token = &lexer->token;
    size_t len = token->end - token->at;
    if (token->kind != FILTER_TOKEN_END)
        snprintf(quote.text, sizeof quote.text, "'%.*s%s'",
                 (int)(len > QUOTE_MAX ? QUOTE_MAX : len), lexer->expression + token->at,
                 len > QUOTE_MAX ? "..." : "");
    return quote;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("_.:/+-", c) != NULL) || ((unsigned char)c & 0x80) != 0;
}

// A backslash stands before a quote or another backslash that is meant.
static int take_quoted(struct filter_lexer *lexer)
{
    struct filter_token *token = &lexer->token;
    const char *from = lexer->expression + token->at;
    char *to = lexer->copy + token->at + 1;
    char quote = *from++;
    token->kind = FILTER_TOKEN_QUOTED;
    token->text = to;
    while (*from != quote) {
        from += *from == '\\' && (from[1] == quote || from[1] == '\\');
        if (*from == '\0')
            return filter_fail(lexer, token->at, "a text begins here, its closing %c is missing",
                               quote);
        *to++ = *from++;
    }
    token->len = (size_t)(to - token->text);
    token->end = (size_t)(from + 1 - lexer->expression);
    return 0;
}

static void take_word(struct filter_lexer *lexer)
{
    struct filter_token *token = &lexer->token;
    token->kind = FILTER_TOKEN_WORD;
    token->text = lexer->copy + token->at;
    while (is_word(lexer->expression[token->end]))
        token->end++;
    token->len = token->end - token->at;
    for (size_t i = 0; i < COUNT(KEYWORDS); i++)
        if (strlen(KEYWORDS[i].text) == token->len &&
            strncasecmp(KEYWORDS[i].text, token->text, token->len) == 0)
            token->kind = KEYWORDS[i].kind;
}

static int take_sign(struct filter_lexer *lexer)
{
    struct filter_token *token = &lexer->token;
    const char *at = lexer->expression + token->at;
    for (size_t i = 0; i < COUNT(SIGNS); i++) {
        size_t len = strlen(SIGNS[i].text);
        if (strncmp(at, SIGNS[i].text, len) != 0)
            continue;
        token->kind = SIGNS[i].kind;
        token->end = token->at + len;
        return 0;
    }
    if (*at == '=')
        return filter_fail(lexer, token->at, "got '=', wanted '=='");
    return filter_fail(lexer, token->at, "got '%c', which is no part of an expression", *at);
}

int filter_lex(struct filter_lexer *lexer)
{
    struct filter_token *token = &lexer->token;
    size_t at = token->end;
    while (is_blank(lexer->expression[at]))
        at++;
    *token = (struct filter_token){.kind = FILTER_TOKEN_END, .at = at, .end = at};
    char first = lexer->expression[at];
    if (first == '\0')
        return 0;
    if (first == '"' || first == '\'')
        return take_quoted(lexer);
    if (!is_word(first))
        return take_sign(lexer);
    take_word(lexer);
    return 0;
}
