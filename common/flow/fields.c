#include "common/flow/fields.h"

#include <assert.h>
#include <string.h>

static_assert(FLOW_FIELD_COUNT <= 64, "flow.set is one 64-bit word");

const struct field FLOW_FIELDS[FLOW_FIELD_COUNT] = {
#define FIELD(id, name, go_name, number, kind, column, render)                                     \
    {#name, #go_name, number, FIELD_##kind, RENDER_##render, column},
#include "common/flow/fields.def"
#undef FIELD
};

const uint8_t FIELD_OF_NUMBER[FIELD_NUMBER_END] = {
#define FIELD(id, name, go_name, number, kind, column, render) [number] = FLOW_##id + 1,
#include "common/flow/fields.def"
#undef FIELD
};

int field_find(const char *name)
{
    for (int id = 0; id < FLOW_FIELD_COUNT; id++)
        if (strcmp(FLOW_FIELDS[id].name, name) == 0 || strcmp(FLOW_FIELDS[id].go_name, name) == 0)
            return id;
    return -1;
}
