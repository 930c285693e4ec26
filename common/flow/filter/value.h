// The values of a comparison, read as its left side takes them. Inside filter/ only.
#pragma once

#include "common/flow/filter/build.h"
#include "common/flow/filter/lex.h"

// Reads the value at the lexer's token into the set that is begun, and moves on behind it. With
// `several` it may stand for more than one: a network, or two joined by a dash. 0, or -1 with the
// fault filled.
int filter_value(struct filter_lexer *lexer, const struct filter_operand *operand, bool several,
                 struct filter *filter);

// One number, as <, & and their like want it.
int filter_value_number(struct filter_lexer *lexer, const struct filter_operand *operand,
                        uint64_t *out);

// Adds every value there can be; and the one of a column that is not there.
int filter_value_any(const struct filter_operand *operand, struct filter *filter);
int filter_value_zero(const struct filter_operand *operand, struct filter *filter);
