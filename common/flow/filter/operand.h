// What the left side of a comparison names. Inside filter/ only.
#pragma once

#include "common/flow/filter/lex.h"
#include "common/flow/filter/program.h"

struct formatter;

// Reads the name at the lexer's token, and moves on behind it. 0, or -1 with the fault filled.
int filter_operand(struct filter_lexer *lexer, const struct formatter *formatter,
                   struct filter_operand *out);

// Whether it is a list, of which any item counts.
bool filter_operand_is_list(const struct filter_operand *operand);
