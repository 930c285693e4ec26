// Mappings out of yaml, and what they put into flows, for tests.
#pragma once

#include "collector/decode/mapping/mapping.h"

// Custom columns; a file's own blocks stand behind them.
#define COLUMNS                                                                                    \
    "formatter:\n"                                                                                 \
    "  protobuf:\n"                                                                                \
    "  - {name: number, index: 2001, type: varint}\n"                                              \
    "  - {name: bytes_of, index: 2002, type: bytes}\n"                                             \
    "  - {name: list, index: 2003, type: varint, array: true}\n"                                   \
    "  - {name: address, index: 2004, type: ip}\n"                                                 \
    "  - {name: ipv4, index: 2005, type: ipv4}\n"                                                  \
    "  - {name: truth, index: 2006, type: bool}\n"                                                 \
    "  - {name: float, index: 2007, type: float}\n"                                                \
    "  - {name: ntp, index: 2008, type: datetimentp}\n"
#define COLUMN_LINES 10

// Fails the test when the file is refused.
struct mapping *mapping_of(const char *yaml);

// The file is refused; the line counts from the first one behind COLUMNS.
void assert_mapping_refused(const char *blocks, unsigned line, const char *expected);

// The flow's custom values in their order: "2001=7 2002=0a0b".
void assert_customs(const struct flow *flow, const char *expected);

// For the group: without warnings; and without the file afterwards.
int quiet(void **state);
int remove_scratch(void **state);
