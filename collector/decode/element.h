// What the information elements of NetFlow v9 and IPFIX do to a flow: the table of elements.def,
// found by enterprise and number. No state.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Arguments of elements.def.
enum {
    TIME_UNIT_UPTIME,
    TIME_UNIT_SECONDS,
    TIME_UNIT_MILLI,
    TIME_UNIT_MICRO, // NTP (RFC 7011, section 6.1.9)
    TIME_UNIT_NANO,  // NTP (RFC 7011, section 6.1.10)
    TIME_UNIT_DELTA,
    SECTION_IP,
    SECTION_FRAME,
};

// One row: a field that the element fills, or what else it does. Operations are those of
// plan_state.h.
struct element {
    uint8_t code;
    uint8_t field;
    uint8_t rank; // of the elements for one field the lowest that is not zero stands
    bool also;    // of the element of the row before
    uint16_t argument;
};

// The first row of an element, enterprise 0 being IANA's and all of v9; NULL when the schema has no
// use for it. Takes the same time whatever the table holds.
const struct element *element_find(uint32_t enterprise, uint16_t number);

// Whether the element says something of the way back (biflow.h): then it becomes the one that says
// so of the way there. With `post`, 23 and 24 do as well.
bool element_turn(uint32_t *enterprise, uint16_t *number, bool post);

// The element's next row, or NULL.
const struct element *element_next(const struct element *row);
