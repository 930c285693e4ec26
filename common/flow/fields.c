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

int field_find(const char *name)
{
    for (int id = 0; id < FLOW_FIELD_COUNT; id++)
        if (strcmp(FLOW_FIELDS[id].name, name) == 0 || strcmp(FLOW_FIELDS[id].go_name, name) == 0)
            return id;
    return -1;
}

int field_of_number(uint32_t number)
{
    int low = 0;
    int high = FLOW_FIELD_COUNT;
    while (low < high) {
        int middle = (low + high) / 2;
        if (FLOW_FIELDS[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < FLOW_FIELD_COUNT && FLOW_FIELDS[low].number == number ? low : -1;
}
