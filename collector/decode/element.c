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
#define REVERSE(number, forward)
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
#undef REVERSE
    ROW_COUNT,
};

// One row of zeros more, behind the last.
static const struct element ROWS[ROW_COUNT + 1] = {
#define ELEMENT(enterprise, number, operation, field, rank, argument)                              \
    {OP_##operation, FLOW_##field, rank, false, argument},
#define ALSO(enterprise, number, operation, field, rank, argument)                                 \
    {OP_##operation, FLOW_##field, rank, true, argument},
#define REVERSE(number, forward)
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
#undef REVERSE
};

#define ENTERPRISE_REVERSE 29305 // RFC 5103, section 6.1
#define ENTERPRISE_CERT    6871  // of YAF, whose reverse elements are its own with a bit more
#define CERT_REVERSE_BIT   0x4000

enum {
    POST_OCTETS = 23,
    POST_PACKETS = 24,
};

#define KEY(enterprise, number) ((uint64_t)(enterprise) << 16 | (number))

const struct element *element_find(uint32_t enterprise, uint16_t number)
{
    switch (KEY(enterprise, number)) {
#define ELEMENT(enterprise, number, operation, field, rank, argument)                              \
    case KEY(enterprise, number):                                                                  \
        return &ROWS[ROW_##enterprise##_##number];
#define ALSO(enterprise, number, operation, field, rank, argument)
#define REVERSE(number, forward)
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
#undef REVERSE
    default:
        return NULL;
    }
}

// Of IANA's own.
static uint16_t find_forward(uint16_t number, bool post)
{
    switch (number) {
#define ELEMENT(enterprise, number, operation, field, rank, argument)
#define ALSO(enterprise, number, operation, field, rank, argument)
#define REVERSE(number, forward)                                                                   \
    case number:                                                                                   \
        return forward;
#include "collector/decode/elements.def"
#undef ELEMENT
#undef ALSO
#undef REVERSE
    case POST_OCTETS:
    case POST_PACKETS:
        return post ? number : 0;
    default:
        return 0;
    }
}

bool element_turn(uint32_t *enterprise, uint16_t *number, bool post)
{
    if (*enterprise == ENTERPRISE_REVERSE) {
        *enterprise = 0;
        return true;
    }
    if (*enterprise == ENTERPRISE_CERT && (*number & CERT_REVERSE_BIT) != 0) {
        *number &= (uint16_t)~CERT_REVERSE_BIT;
        return true;
    }
    uint16_t forward = *enterprise == 0 ? find_forward(*number, post) : 0;
    if (forward == 0)
        return false;
    *number = forward;
    return true;
}

const struct element *element_next(const struct element *row)
{
    return row[1].also ? row + 1 : NULL;
}
