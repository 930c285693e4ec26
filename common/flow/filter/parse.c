// The grammar, by the strength of its words:
//
//   any        = all { "or" all }
//   all        = one { "and" one }
//   one        = { "not" } ( "(" any ")" | comparison )
//   comparison = operand [ "&" number ] [ relation value | [ "not" ] "in" values ]
//   values     = value | "(" value { "," value } ")"
#include "common/flow/filter/build.h"
#include "common/flow/filter/operand.h"
#include "common/flow/filter/value.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct filter_lexer lexer;
    struct filter *filter;
    const struct formatter *formatter;
    unsigned depth; // of parentheses
};

static bool is_at(const struct parser *p, enum filter_token_kind kind)
{
    return p->lexer.token.kind == kind;
}

static int want(struct parser *p, enum filter_token_kind kind, const char *wanted)
{
    if (!is_at(p, kind))
        return filter_fail(&p->lexer, p->lexer.token.at, "got %s, wanted %s",
                           filter_quote(&p->lexer).text, wanted);
    return filter_lex(&p->lexer);
}

static int add_test(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    filter_set_close(p->filter, &test->set);
    if (test->operand.source != FILTER_CUSTOM && test->operand.source != FILTER_CUSTOM_LIST)
        p->filter->fields |= FLOW_BIT(test->operand.field);
    if (filter_add_test(p->filter, test, part) == 0)
        return 0;
    return filter_fail(&p->lexer, p->lexer.token.at,
                       "more comparisons than the %d there may be, or no memory", FILTER_TESTS_MAX);
}

// Numbers below, or with the limit itself; the ones above are those that are not.
static int add_below(struct parser *p, struct filter_test *test, bool with_limit)
{
    uint64_t limit;
    if (filter_value_number(&p->lexer, &test->operand, &limit) != 0)
        return -1;
    if (limit == 0 && !with_limit)
        return 0; // none
    if (filter_add_range(p->filter, 0, with_limit ? limit : limit - 1) == 0)
        return 0;
    return filter_fail(&p->lexer, p->lexer.token.at, "out of memory");
}

// Numbers above the limit, or from it on.
static int add_above(struct parser *p, struct filter_test *test, bool with_limit)
{
    uint64_t limit;
    if (filter_value_number(&p->lexer, &test->operand, &limit) != 0)
        return -1;
    if (limit == UINT64_MAX && !with_limit)
        return 0; // none
    if (filter_add_range(p->filter, with_limit ? limit : limit + 1, UINT64_MAX) == 0)
        return 0;
    return filter_fail(&p->lexer, p->lexer.token.at, "out of memory");
}

// <, <=, > and >= of what has an order.
static int take_order(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    enum filter_token_kind kind = p->lexer.token.kind;
    bool with_limit = kind == FILTER_TOKEN_AT_MOST || kind == FILTER_TOKEN_AT_LEAST;
    bool below = kind == FILTER_TOKEN_LESS || kind == FILTER_TOKEN_AT_MOST;
    enum filter_domain domain = test->operand.domain;
    if (domain == FILTER_ADDRESSES || domain == FILTER_TEXTS)
        return filter_fail(&p->lexer, p->lexer.token.at, "got %s, wanted ==, != or in: %s",
                           filter_quote(&p->lexer).text,
                           domain == FILTER_TEXTS ? "a text has no order"
                                                  : "networks are compared by in");
    if (filter_lex(&p->lexer) != 0 || (below ? add_below : add_above)(p, test, with_limit) != 0)
        return -1;
    return add_test(p, test, part);
}

static int take_equal(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    bool unequal = is_at(p, FILTER_TOKEN_UNEQUAL);
    if (filter_lex(&p->lexer) != 0 ||
        filter_value(&p->lexer, &test->operand, false, p->filter) != 0 ||
        add_test(p, test, part) != 0)
        return -1;
    if (unequal)
        *part = filter_not(*part);
    return 0;
}

static int take_in(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    if (filter_lex(&p->lexer) != 0)
        return -1;
    bool many = is_at(p, FILTER_TOKEN_OPEN);
    do {
        if ((many && filter_lex(&p->lexer) != 0) ||
            filter_value(&p->lexer, &test->operand, true, p->filter) != 0)
            return -1;
    } while (many && is_at(p, FILTER_TOKEN_COMMA));
    if (many && want(p, FILTER_TOKEN_CLOSE, "a comma or ')'") != 0)
        return -1;
    return add_test(p, test, part);
}

static int take_not_in(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    if (filter_lex(&p->lexer) != 0)
        return -1;
    if (!is_at(p, FILTER_TOKEN_IN))
        return want(p, FILTER_TOKEN_IN, "'in'");
    if (take_in(p, test, part) != 0)
        return -1;
    *part = filter_not(*part);
    return 0;
}

// A name alone: there is a value, and not zero.
static int take_presence(struct parser *p, struct filter_test *test, struct filter_part *part)
{
    const struct filter_operand *operand = &test->operand;
    bool any = filter_operand_is_list(operand) || operand->domain == FILTER_ADDRESSES;
    int result = (any ? filter_value_any : filter_value_zero)(operand, p->filter);
    if (result != 0)
        return filter_fail(&p->lexer, p->lexer.token.at, "out of memory");
    if (add_test(p, test, part) != 0)
        return -1;
    if (!any)
        *part = filter_not(*part);
    return 0;
}

static int take_mask(struct parser *p, struct filter_test *test)
{
    struct filter_operand plain = {.domain = FILTER_NUMBERS, .max = UINT64_MAX};
    if (test->operand.domain != FILTER_NUMBERS)
        return filter_fail(&p->lexer, p->lexer.token.at, "got '&', which only numbers have");
    return filter_lex(&p->lexer) != 0 ? -1 : filter_value_number(&p->lexer, &plain, &test->mask);
}

static int take_comparison(struct parser *p, struct filter_part *part)
{
    struct filter_test test = {.mask = UINT64_MAX, .set = filter_set_begin(p->filter)};
    if (filter_operand(&p->lexer, p->formatter, &test.operand) != 0 ||
        (is_at(p, FILTER_TOKEN_MASK) && take_mask(p, &test) != 0))
        return -1;
    switch ((int)p->lexer.token.kind) {
    case FILTER_TOKEN_EQUAL:
    case FILTER_TOKEN_UNEQUAL:
        return take_equal(p, &test, part);
    case FILTER_TOKEN_LESS:
    case FILTER_TOKEN_AT_MOST:
    case FILTER_TOKEN_MORE:
    case FILTER_TOKEN_AT_LEAST:
        return take_order(p, &test, part);
    case FILTER_TOKEN_IN:
        return take_in(p, &test, part);
    case FILTER_TOKEN_NOT:
        return take_not_in(p, &test, part);
    default:
        return take_presence(p, &test, part);
    }
}

static int take_any(struct parser *p, struct filter_part *part);

// Recursion ends at FILTER_DEPTH_MAX.
static int take_group(struct parser *p, struct filter_part *part)
{
    if (p->depth == FILTER_DEPTH_MAX)
        return filter_fail(&p->lexer, p->lexer.token.at, "more than %d parentheses in each other",
                           FILTER_DEPTH_MAX);
    p->depth++;
    if (filter_lex(&p->lexer) != 0 || take_any(p, part) != 0 ||
        want(p, FILTER_TOKEN_CLOSE, "'and', 'or' or ')'") != 0)
        return -1;
    p->depth--;
    return 0;
}

static int take_one(struct parser *p, struct filter_part *part)
{
    bool negated = false;
    while (is_at(p, FILTER_TOKEN_NOT)) {
        negated = !negated;
        if (filter_lex(&p->lexer) != 0)
            return -1;
    }
    if ((is_at(p, FILTER_TOKEN_OPEN) ? take_group : take_comparison)(p, part) != 0)
        return -1;
    if (negated)
        *part = filter_not(*part);
    return 0;
}

static int take_all(struct parser *p, struct filter_part *part)
{
    struct filter_part next;
    if (take_one(p, part) != 0)
        return -1;
    while (is_at(p, FILTER_TOKEN_AND)) {
        if (filter_lex(&p->lexer) != 0 || take_one(p, &next) != 0)
            return -1;
        *part = filter_and(p->filter, *part, next);
    }
    return 0;
}

static int take_any(struct parser *p, struct filter_part *part)
{
    struct filter_part next;
    if (take_all(p, part) != 0)
        return -1;
    while (is_at(p, FILTER_TOKEN_OR)) {
        if (filter_lex(&p->lexer) != 0 || take_all(p, &next) != 0)
            return -1;
        *part = filter_or(p->filter, *part, next);
    }
    return 0;
}

static int parse(struct parser *p)
{
    struct filter_part whole;
    if (strlen(p->lexer.expression) > FILTER_BYTES_MAX)
        return filter_fail(&p->lexer, 0, "got an expression of %zu bytes, wanted at most %d",
                           strlen(p->lexer.expression), FILTER_BYTES_MAX);
    if (filter_lex(&p->lexer) != 0 || take_any(p, &whole) != 0 ||
        want(p, FILTER_TOKEN_END, "'and', 'or' or the end") != 0)
        return -1;
    filter_finish(p->filter, whole);
    return 0;
}

struct filter *filter_new(const char *text, const struct formatter *formatter,
                          struct filter_fault *fault)
{
    struct parser parser = {.lexer = {.expression = text, .fault = fault}, .formatter = formatter};
    *fault = (struct filter_fault){.fault = {.text = "out of memory"}};
    parser.filter = calloc(1, sizeof *parser.filter);
    if (parser.filter == NULL)
        return NULL;
    parser.filter->text = strdup(text);
    parser.lexer.copy = parser.filter->text;
    if (parser.lexer.copy != NULL && parse(&parser) == 0)
        return parser.filter;
    filter_free(parser.filter);
    return NULL;
}
