// How mapping.yaml's decoder blocks are read; inside read*.c and load.c only.
#pragma once

#include "collector/decode/mapping/table.h"
#include "common/base/conf.h"

enum mapping_block {
    MAPPING_V9,
    MAPPING_IPFIX,
    MAPPING_SFLOW,
};

// One item of sflow.mapping until it stands with the headers of its name.
struct mapping_bits_item {
    char *layer;
    struct mapping_layer item;
};

// The context of conf_read.
struct mapping_loader {
    struct mapping *mapping;
    const struct formatter *formatter;
    struct mapping_bits_item *bits;
    size_t bits_count;
};

extern const struct conf_schema MAPPING_V9_BLOCK, MAPPING_IPFIX_BLOCK, MAPPING_SFLOW_BLOCK;

int mapping_no_memory(struct conf *conf, unsigned line);

// Room for one more item in the array, or NULL with the fault filled.
void *mapping_grow(struct conf *conf, unsigned line, void *items, size_t count, size_t size);

int mapping_check_range(struct conf *conf, const char *what, const struct conf_number *number,
                        int64_t least, int64_t most);

// Reads the byte order, given by either of its keys.
int mapping_read_little(struct conf *conf, const struct conf_text *endianness,
                        const struct conf_text *endian, bool *little);

// 1 when the destination takes values, 0 when it takes none (which was logged), -1 with the fault
// filled.
int mapping_read_target(struct conf *conf, enum mapping_block block, const struct conf_text *text,
                        unsigned line, struct mapping_target *target);
