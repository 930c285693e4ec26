// Templates as JSON, member for member as GoFlow2 shows them and keeps them in files.
#pragma once

#include "collector/monitor/survey.h"

#include <stdio.h>

#define TEMPLATE_KEY_MAX 32

// "version/domain/id", the key of a template under its router.
void template_json_key(char out[static TEMPLATE_KEY_MAX], const struct survey_template *template);

// "192.0.2.1:2055", "[2001:db8::1]:2055".
#define TEMPLATE_ROUTER_MAX 56
void template_json_router(char out[static TEMPLATE_ROUTER_MAX], const struct domain_key *key);

// The template as an object. With `indent` at least 0 each member stands on a line of its own, the
// closing brace that far to the right; with -1 all is one line.
void template_json_write(FILE *out, const struct survey_template *template,
                         const struct template_field *fields, int indent);
