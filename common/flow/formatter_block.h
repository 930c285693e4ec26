// The insides of a formatter; for formatter*.c only.
#pragma once

#include "common/flow/formatter.h"

// A column's name and what was chosen for it.
struct formatter_choice {
    char *name;
    char *label; // NULL: none
    bool has_render;
    enum field_render render; // RENDER_NUM is "none"
};

struct formatter {
    bool has_fields;
    char **fields;
    size_t field_count;
    char **key;
    size_t key_count;
    struct custom_column *customs;
    size_t custom_count;
    struct formatter_choice *choices;
    size_t choice_count;
};
