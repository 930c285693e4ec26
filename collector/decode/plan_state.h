// What element.c (the table), plan.c (the compiler), plan_run.c (the run) and plan_wire.c share;
// for these only.
#pragma once

#include "collector/decode/element.h"
#include "collector/decode/plan.h"

struct mapping_elements;
struct plan_wire;

enum {
    PLAN_ETYPE_IPV4 = 0x0800,
    PLAN_ETYPE_IPV6 = 0x86dd,
};

enum code {
    OP_NONE,
    // Of the table.
    OP_NUM,        // a number of 0 to 8 bytes
    OP_HIGH_BYTE,  // the byte above the low one
    OP_LOW_BYTE,   // the low byte
    OP_DSCP,       // six bits, as the high ones of a byte
    OP_UNION,      // bits, beside those of other elements of the rank
    OP_ONE,        // 1 where the number is not zero
    OP_ADDRESS,    // source or destination, with its EtherType; zeros never replace an address
    OP_HOP,        // an address without that
    OP_LIST,       // an address, appended
    OP_IP_VERSION, // 4 or 6, as EtherType
    OP_IP_FLAGS,   // the high three bits of a byte
    OP_MPLS_LABEL, // a label stack entry without its TTL; the argument is its place
    OP_TIME_START,
    OP_TIME_END,
    OP_TIME_INIT,
    OP_DURATION,
    OP_SAMPLING, // the argument is the element
    OP_SECTION,  // the packet itself
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
    // Behind all others: what takes more than one of them.
    OP_PACKET,     // the section, in fields that no element has filled
    OP_FAMILY,     // etype, and addresses of zeros, by what all elements say of the IP version
    OP_LABELS,     // the label stack, from its entries
    OP_ICMP_PORTS, // type and code, from the ports of ICMP
    // Records of variable length.
    OP_STRETCH,  // `length` bytes must be left here
    OP_VARIABLE, // a variable length and its value; offsets count from its end on. The argument is
                 // how many of the next operations take the value
};

// With one of the table: unless one of a lower rank has filled the field, or the value is zero.
#define OP_CONTESTED 0x80

// `offset` counts from the start of the record, or from the end of the last variable field. Where
// the rank matters, it stands above the argument.
struct op {
    uint8_t code;
    uint8_t field;
    uint16_t argument;
    uint16_t length;
    uint16_t offset;
};

#define OP_RANK_SHIFT 8

static inline uint8_t op_rank(const struct op *op)
{
    return (uint8_t)(op->argument >> OP_RANK_SHIFT);
}

// The fields that elements of both IP versions fill, a bit of plan.families each.
#define PLAN_FAMILY_COUNT 4
extern const uint8_t PLAN_FAMILY_FIELDS[PLAN_FAMILY_COUNT];

struct plan {
    uint32_t len;    // of a record without variable fields, else 0
    uint32_t unused; // fields that no operation takes
    const struct mapping *mapping;
    const struct mapping_elements *mapped; // of the template's protocol
    bool wireless;                         // known to need the whole way
    bool scratch;                          // the run needs a struct scratch
    uint8_t families;                      // of PLAN_FAMILY_FIELDS, those of both IP versions
    struct plan *reverse;                  // of the way back; NULL: there is none
    struct plan_wire *wire;                // shared; NULL: not asked for, or there is none
    uint32_t op_count;
    struct op ops[];
};
