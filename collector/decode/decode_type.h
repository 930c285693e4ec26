// Which protocol a datagram is of, by its first bytes.
#pragma once

#include "collector/decode/decode.h"
#include "common/base/cursor.h"

// What a listener of that scheme takes the datagram for; FLOW_TYPE_UNKNOWN for nothing it decodes.
static inline enum flow_type decode_type(enum decode_scheme scheme, const struct datagram *datagram)
{
    enum { NETFLOW_V5 = 5, NETFLOW_V9 = 9, IPFIX = 10 };
    enum { SFLOW_V5 = 5 }; // of 32 bits, where NetFlow's versions have 16
    uint32_t first = datagram->len < sizeof first ? 0 : bytes_u32(datagram->data);
    if (first == SFLOW_V5 && scheme != DECODE_NETFLOW)
        return FLOW_TYPE_SFLOW_5;
    if (scheme == DECODE_SFLOW)
        return FLOW_TYPE_UNKNOWN;
    switch (first >> 16) {
    case NETFLOW_V5:
        return FLOW_TYPE_NETFLOW_V5;
    case NETFLOW_V9:
        return FLOW_TYPE_NETFLOW_V9;
    case IPFIX:
        return FLOW_TYPE_IPFIX;
    default:
        return FLOW_TYPE_UNKNOWN;
    }
}
