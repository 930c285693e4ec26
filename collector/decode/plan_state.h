// What plan.c (the compiler), plan_run.c (the run) and plan_wire.c share; for these only.
#pragma once

#include "collector/decode/plan.h"

struct mapping_elements;
struct plan_wire;

enum {
    PLAN_ETYPE_IPV4 = 0x0800,
    PLAN_ETYPE_IPV6 = 0x86dd,
};

// Arguments of elements.def.
enum {
    TIME_UNIT_UPTIME,
    TIME_UNIT_SECONDS,
    TIME_UNIT_MILLI,
    TIME_UNIT_NTP,
    TIME_UNIT_DELTA,
    SECTION_IP,
    SECTION_FRAME,
};

enum code {
    OP_NONE,
    // Of the table.
    OP_NUM,        // a number of 0 to 8 bytes
    OP_ADDRESS,    // source or destination, with its EtherType; zeros never replace an address
    OP_HOP,        // an address; the last one stands
    OP_LIST,       // an address, appended
    OP_ICMP,       // type in the high byte, code in the low
    OP_VLAN,       // vlan_id and src_vlan
    OP_IP_VERSION, // 4 or 6, as EtherType
    OP_IP_FLAGS,   // the high three bits of a byte
    OP_MPLS_LABEL, // a label stack entry without its TTL; the argument is its place
    OP_TIME_START,
    OP_TIME_END,
    OP_TIME_INIT,
    OP_SAMPLING,   // the argument is the element
    OP_FRAME_SIZE, // bytes of one packet
    OP_SECTION,    // the packet itself
    // Of mapping.yaml; the argument is the item.
    OP_MAPPED,
    OP_MAPPED_SAMPLING,
    // Made by the compiler: the common lengths of the above, read without a loop or a check.
    OP_NUM1,
    OP_NUM2,
    OP_NUM4,
    OP_NUM8,
    OP_ADDRESS4,
    OP_ADDRESS16,
    OP_HOP4,
    OP_HOP16,
    OP_UPTIME_START,
    OP_UPTIME_END,
    OP_MILLI_START,
    OP_MILLI_END,
    // Records of variable length.
    OP_STRETCH,  // `length` bytes must be left here
    OP_VARIABLE, // a variable length and its value; offsets count from its end on. The argument is
                 // how many of the next operations take the value
};

// `offset` counts from the start of the record, or from the end of the last variable field.
struct op {
    uint8_t code;
    uint8_t field;
    uint16_t argument;
    uint16_t length;
    uint16_t offset;
};

struct plan {
    uint32_t len;    // of a record without variable fields, else 0
    uint32_t unused; // fields that no operation takes
    const struct mapping *mapping;
    const struct mapping_elements *mapped; // of the template's protocol
    bool wireless;                         // known to need the whole way
    struct plan_wire *wire;                // shared; NULL: not asked for, or there is none
    uint32_t op_count;
    struct op ops[];
};
