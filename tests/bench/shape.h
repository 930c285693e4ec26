// What each protocol's datagrams of the benches look like, as tables.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a drawn number is added to.
enum element_base {
    ELEMENT_PLAIN,
    ELEMENT_UPTIME, // milliseconds since the exporter started
    ELEMENT_UNIX,   // milliseconds since 1970
};

#define ELEMENT_OCTETS 1 // the id of the element that carries unique numbers when asked for

// One field of a record. Its value is base + low + step * (0 .. count - 1), drawn evenly; of one of
// 16 bytes that is the first half, and the second is drawn from everything.
struct element {
    uint16_t id; // information element; 0 where the protocol has no templates
    uint16_t len;
    int64_t low;
    uint64_t count;
    uint32_t step;
    enum element_base base;
};

// Bytes past the last element are zero.
struct record_layout {
    const struct element *elements;
    size_t count;
    size_t len;
};

#define SHAPE_BLOCKS_MAX 2

// Some records of one layout; with templates, a set of its own.
struct block {
    const struct record_layout *layout;
    size_t records;
};

struct shape {
    const char *name;
    size_t header_len;
    bool has_templates;
    uint16_t template_set; // the id of template sets; options templates have the next
    struct block blocks[SHAPE_BLOCKS_MAX];
    size_t block_count;
    size_t flows;
};

extern const struct shape SHAPE_NETFLOW5;
extern const struct shape SHAPE_NETFLOW9;
extern const struct shape SHAPE_IPFIX;
extern const struct shape SHAPE_SFLOW;
