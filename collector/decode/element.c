#include "collector/decode/element.h"

#include "collector/decode/plan_state.h"

#include <stddef.h>

#define UPTIME  TIME_UNIT_UPTIME
#define SECONDS TIME_UNIT_SECONDS
#define MILLI   TIME_UNIT_MILLI
#define MICRO   TIME_UNIT_MICRO
#define NANO    TIME_UNIT_NANO
#define DELTA   TIME_UNIT_DELTA
#define IP      SECTION_IP
#define FRAME   SECTION_FRAME

#define LATER(enterprise, number)

enum row {
#define ELEMENT(enterprise, number, operation, field, rank, argument) ROW_##enterprise##_##number,
#define ALSO(enterprise, number, operation, field, rank, argument)                                 \
    ROW_##enterprise##_##number##_##field,
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
    ROW_COUNT,
};

// One row of zeros more, behind the last.
static const struct element ROWS[ROW_COUNT + 1] = {
#define ELEMENT(enterprise, number, operation, field, rank, argument)                              \
    {OP_##operation, FLOW_##field, rank, false, argument},
#define ALSO(enterprise, number, operation, field, rank, argument)                                 \
    {OP_##operation, FLOW_##field, rank, true, argument},
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
};

#define KEY(enterprise, number) ((uint64_t)(enterprise) << 16 | (number))

const struct element *element_find(uint32_t enterprise, uint16_t number)
{
    switch (KEY(enterprise, number)) {
#define ELEMENT(enterprise, number, operation, field, rank, argument)                              \
    case KEY(enterprise, number):                                                                  \
        return &ROWS[ROW_##enterprise##_##number];
#define ALSO(enterprise, number, operation, field, rank, argument)
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
    default:
        return NULL;
    }
}

const struct element *element_next(const struct element *row)
{
    return row[1].also ? row + 1 : NULL;
}
