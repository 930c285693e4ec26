// The words of a filter's expression, one at a time. Inside filter/ only.
#pragma once

#include "common/flow/filter/filter.h"

enum filter_token_kind {
    FILTER_TOKEN_END,
    FILTER_TOKEN_WORD,   // a name, number or address
    FILTER_TOKEN_QUOTED, // what stood in quotes, unescaped
    FILTER_TOKEN_EQUAL,
    FILTER_TOKEN_UNEQUAL,
    FILTER_TOKEN_LESS,
    FILTER_TOKEN_AT_MOST,
    FILTER_TOKEN_MORE,
    FILTER_TOKEN_AT_LEAST,
    FILTER_TOKEN_OPEN,
    FILTER_TOKEN_CLOSE,
    FILTER_TOKEN_COMMA,
    FILTER_TOKEN_MASK,
    FILTER_TOKEN_AND,
    FILTER_TOKEN_OR,
    FILTER_TOKEN_NOT,
    FILTER_TOKEN_IN,
};

struct filter_token {
    enum filter_token_kind kind;
    size_t at; // its first byte in the expression
    size_t end;
    const char *text; // in the lexer's copy; of a quoted one without the quotes
    size_t len;
};

struct filter_lexer {
    const char *expression; // as it came
    char *copy;             // of it, in which quoted texts are unescaped
    struct filter_token token;
    struct filter_fault *fault;
};

// Moves on to the next token. 0, or -1 with the fault filled.
int filter_lex(struct filter_lexer *lexer);

// Fills the fault with the column of byte `at` in front. Always returns -1.
int filter_fail(const struct filter_lexer *lexer, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The current token as messages show it: as it stands in the expression, or "the end".
struct filter_quote {
    char text[64];
};
struct filter_quote filter_quote(const struct filter_lexer *lexer);
