// The insides of a mapping; inside mapping/ only.
#pragma once

#include "collector/decode/mapping/mapping.h"
#include "collector/decode/mapping/packet.h"
#include "common/flow/formatter.h"

#include <stdatomic.h>

#define MAPPING_ITEMS_MAX 4096 // of each list
#define MAPPING_BITS_MAX  4096 // length of an item of sflow.mapping
#define MAPPING_AT_MAX    (65535 * 8)

// Where a value goes.
struct mapping_target {
    uint32_t number;       // of a custom column; 0: a field
    enum custom_type type; // of a custom column
    enum flow_field field;
    bool little; // a number's low byte comes first
};

struct mapping_element {
    uint64_t key; // enterprise << 16 | element
    unsigned line;
    struct mapping_target target;
};

struct mapping_port {
    uint32_t key; // mapping_port_key
    unsigned line;
    enum packet_header header;
};

// An item of sflow.mapping under one of a header's names.
struct mapping_layer {
    uint32_t offset; // bits, from the header's start
    uint32_t length;
    bool encapsulated;
    struct mapping_target target;
};

// The same under the way to a header: an EtherType, a protocol, a port.
struct mapping_via {
    uint32_t via;
    struct mapping_layer layer;
};

struct mapping_layers {
    struct mapping_layer *items;
    size_t count;
};

struct mapping {
    atomic_uint references;
    struct mapping_elements elements[2]; // v9, IPFIX
    struct mapping_port *ports;
    size_t port_count;
    struct mapping_layers layers[PACKET_HEADER_COUNT];
    struct mapping_via *vias;
    size_t via_count;
};

static inline uint32_t mapping_port_key(bool tcp, bool source, uint16_t port)
{
    return (uint32_t)tcp << 17 | (uint32_t)source << 16 | port;
}

// Whether the target keeps bytes as they are.
bool mapping_wants_bytes(const struct mapping_target *target);

// A name of sflow.mapping's `layer`.
struct mapping_name {
    const char *name;
    enum packet_header header; // NONE: known to goflow2's manual, but no header
};

// All names, those of one header in the order in which they are looked at; ended by NULL.
extern const struct mapping_name MAPPING_NAMES[];

// The ways that names like etype2048, proto6 and udp4789 spell: 0, or -1.
int mapping_via_parse(const char *name, uint32_t *via, bool *hexadecimal);

// The parser of that name in sflow.ports, or PACKET_HEADER_NONE; and the names there are, by index.
enum packet_header mapping_parser(const char *name);
const char *mapping_parser_name(size_t index); // NULL behind the last
