// The layers of settings, each laid over the ones before. For settings*.c only.
#pragma once

#include "common/base/fault.h"
#include "common/base/settings.h"

// Takes one value over. Unless that is OPTIONS_OK the fault is filled, and says nothing of where
// the value stands.
enum options_result settings_take(struct settings *settings, const struct option_given *given,
                                  const struct settings_origin *origin, struct fault *fault);

// The file that `config` names; the environment. Unless that is OPTIONS_OK one line on stderr has
// said why.
enum options_result settings_take_file(struct settings *settings);
enum options_result settings_take_variables(struct settings *settings, char *const environment[]);

// Writes where the value of that row came from, as it stands in front of a message:
// "flows.yaml:3: format", "GOFLOW2PLUS_FORMAT" or "-format".
void settings_put_place(const struct settings *settings, size_t row, struct buf *out);

// The name of the variable for an option: "GOFLOW2PLUS_LIMIT_FLOWS".
void settings_put_variable(const struct settings *settings, const char *name, struct buf *out);

// What of the first URL of a comma list may hold a password.
struct settings_url {
    const char *user; // up to its @ and without it, or all; NULL: none
    size_t user_len;
    const char *query; // behind its question mark; NULL: none
    size_t query_len;
    const char *end; // where the next URL begins, or the list ends
};

struct settings_url settings_split_url(const char *urls);

// Memory for a text, until settings_end. NULL when there is none.
char *settings_allocate(struct settings *settings, size_t len);
