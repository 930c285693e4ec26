// The table of all fields of a flow, from fields.def: one row per field of proto/flow.proto.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A field's place in the table and its bit in flow.set: ascending with the protobuf number, so that
// walking the bits encodes in the canonical order.
enum flow_field {
#define FIELD(id, name, go_name, number, kind, column, render) FLOW_##id,
#include "common/flow/fields.def"
#undef FIELD
    FLOW_FIELD_COUNT,
};

// How a value is kept in struct flow, and its protobuf type.
enum field_kind {
    FIELD_NUM,        // uint64 (or an enum)
    FIELD_NUM32,      // uint32
    FIELD_BYTES,      // bytes or string
    FIELD_NUM_LIST,   // repeated uint32 or enum, packed
    FIELD_BYTES_LIST, // repeated bytes; a map is a list of its encoded entries
};

enum field_render {
    RENDER_NUM,
    RENDER_TYPE,    // name of the flow type
    RENDER_IP,      // text of an address, empty when its length is not 4 or 16
    RENDER_MAC,     // aa:bb:cc:dd:ee:ff
    RENDER_ETYPE,   // IPv4, IPv6, ARP or empty
    RENDER_PROTO,   // name of the IP protocol
    RENDER_SRC_NET, // src_addr masked to that many bits
    RENDER_DST_NET,
    RENDER_LAYER, // name of a layer of the sampled header
    RENDER_STRING,
    RENDER_CONTEXT, // the tags of a map<string, string>
    // Only by mapping.yaml.
    RENDER_HEX,
    RENDER_BOOL,
    RENDER_FLOAT,          // the bits of a double
    RENDER_FLOAT32,        // the bits of a float
    RENDER_DATETIME,       // seconds as RFC 3339
    RENDER_DATETIME_MILLI, // milliseconds
    RENDER_DATETIME_NANO,
    RENDER_ICMP_NAME, // by proto and icmp_type
    RENDER_UNKNOWN,   // the word "unknown": no number where one is wanted
};

struct field {
    const char *name;
    const char *go_name;
    uint32_t number;
    enum field_kind kind;
    enum field_render render;
    uint8_t column;
};

extern const struct field FLOW_FIELDS[FLOW_FIELD_COUNT];

#define FLOW_BIT(id) (UINT64_C(1) << (id))

// Fields that goflow2 has, the collector's columns; the others come from enrichment.
#define FLOW_COLLECTOR_COLUMNS 50

// The field of that name in either spelling (in_if or InIf), or -1.
int field_find(const char *name);

// The protobuf numbers. They ascend: the end is one behind the last.
enum {
#define FIELD(id, name, go_name, number, kind, column, render) FIELD_NUMBER_##id = number,
#include "common/flow/fields.def"
#undef FIELD
    FIELD_NUMBER_END,
};

// The field of each number, plus 1; 0 where there is none.
extern const uint8_t FIELD_OF_NUMBER[FIELD_NUMBER_END];

// The field of that protobuf number, or -1.
static inline int field_of_number(uint32_t number)
{
    return number < FIELD_NUMBER_END ? FIELD_OF_NUMBER[number] - 1 : -1;
}
