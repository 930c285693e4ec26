// What the walk over a sampled header asks the mapping; inside packet/ and mapping/ only.
#pragma once

#include "collector/decode/packet/walk.h"

// Takes the bits that the mapping wants of one header, met through `via`, at its first byte.
void mapping_header(const struct mapping *mapping, struct flow *flow, enum packet_header header,
                    uint32_t via, bool encapsulated, const uint8_t *data, size_t len);

// The parser registered for a transport port, the destination's first, or PACKET_HEADER_NONE.
// *port is the one that matched.
enum packet_header mapping_port(const struct mapping *mapping, bool tcp, uint16_t source,
                                uint16_t destination, uint16_t *port);
