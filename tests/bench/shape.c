#include "tests/bench/shape.h"

#include "tests/bench/space.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define FIXED(id, len, value)                                                                      \
    {                                                                                              \
        id, len, value, 1, 1, ELEMENT_PLAIN                                                        \
    }
#define RANGE(id, len, low, count)                                                                 \
    {                                                                                              \
        id, len, low, count, 1, ELEMENT_PLAIN                                                      \
    }
#define PAST(id, len, from_ms, ms)                                                                 \
    {                                                                                              \
        id, len, -(from_ms), ms, 1, ELEMENT_UPTIME                                                 \
    }
#define SINCE(id, len, from_ms, ms)                                                                \
    {                                                                                              \
        id, len, -(from_ms), ms, 1, ELEMENT_UNIX                                                   \
    }
#define TCP_OR_UDP(id)                                                                             \
    {                                                                                              \
        id, 1, 6, 2, 11, ELEMENT_PLAIN                                                             \
    }
#define IPV4(id) RANGE(id, 4, SPACE_IPV4_FIRST, SPACE_IPV4_END - SPACE_IPV4_FIRST)
#define IPV6(id)                                                                                   \
    RANGE(id, 16, (int64_t)SPACE_IPV6_FIRST << 32,                                                 \
          (uint64_t)(SPACE_IPV6_END - SPACE_IPV6_FIRST) << 32)
#define PORT(id) RANGE(id, 2, 1024, 64000)

#define LAYOUT(name, bytes)                                                                        \
    {                                                                                              \
        .elements = (name), .count = COUNT(name), .len = (bytes)                                   \
    }

static const struct element NETFLOW5_RECORD[] = {
    IPV4(0),
    IPV4(0),
    IPV4(0),              // next hop
    RANGE(0, 2, 1, 200),  // input
    RANGE(0, 2, 1, 200),  // output
    RANGE(0, 4, 1, 1000), // packets
    RANGE(ELEMENT_OCTETS, 4, 64, 1500000),
    PAST(0, 4, 120000, 60000), // first
    PAST(0, 4, 60000, 60000),  // last
    PORT(0),
    PORT(0),
    FIXED(0, 1, 0),     // padding
    RANGE(0, 1, 0, 64), // TCP flags
    TCP_OR_UDP(0),
    RANGE(0, 1, 0, 256),   // TOS
    RANGE(0, 2, 1, 65000), // source AS
    RANGE(0, 2, 1, 65000), // destination AS
    RANGE(0, 1, 8, 17),    // source mask
    RANGE(0, 1, 8, 17),    // destination mask
};
static const struct record_layout NETFLOW5_LAYOUT = LAYOUT(NETFLOW5_RECORD, 48);

static const struct element NETFLOW9_RECORD[] = {
    RANGE(ELEMENT_OCTETS, 4, 64, 1500000),
    RANGE(2, 4, 1, 1000), // packets
    TCP_OR_UDP(4),
    RANGE(5, 1, 0, 256), // TOS
    RANGE(6, 1, 0, 64),  // TCP flags
    PORT(7),
    IPV4(8),
    RANGE(9, 1, 8, 17),   // source mask
    RANGE(10, 2, 1, 200), // input
    PORT(11),
    IPV4(12),
    RANGE(13, 1, 8, 17),        // destination mask
    RANGE(14, 2, 1, 200),       // output
    IPV4(15),                   // next hop
    RANGE(16, 4, 1, 400000),    // source AS
    RANGE(17, 4, 1, 400000),    // destination AS
    PAST(21, 4, 60000, 60000),  // last
    PAST(22, 4, 120000, 60000), // first
    FIXED(48, 4, 1),            // sampler
    RANGE(61, 1, 0, 2),         // direction
};
static const struct record_layout NETFLOW9_LAYOUT = LAYOUT(NETFLOW9_RECORD, 54);

// What the IPv4 and the IPv6 record have in common, but for the addresses in front.
#define IPFIX_COMMON                                                                               \
    RANGE(ELEMENT_OCTETS, 8, 64, 1500000), RANGE(2, 8, 1, 1000), TCP_OR_UDP(4),                    \
        RANGE(5, 1, 0, 256), RANGE(6, 2, 0, 64), PORT(7), PORT(11), RANGE(10, 4, 1, 200),          \
        RANGE(14, 4, 1, 200), RANGE(16, 4, 1, 400000), RANGE(17, 4, 1, 400000),                    \
        SINCE(152, 8, 120000, 60000), SINCE(153, 8, 60000, 60000), RANGE(58, 2, 1, 4000),          \
        RANGE(136, 1, 1, 4)
#define IPFIX_COMMON_LEN 59

static const struct element IPFIX_IPV4_RECORD[] = {
    IPV4(8), IPV4(12), IPV4(15), RANGE(9, 1, 8, 17), RANGE(13, 1, 8, 17), IPFIX_COMMON};
static const struct record_layout IPFIX_IPV4_LAYOUT = LAYOUT(IPFIX_IPV4_RECORD,
                                                             IPFIX_COMMON_LEN + 14);

static const struct element IPFIX_IPV6_RECORD[] = {IPV6(27), IPV6(28), RANGE(29, 1, 32, 33),
                                                   RANGE(30, 1, 32, 33), IPFIX_COMMON};
static const struct record_layout IPFIX_IPV6_LAYOUT = LAYOUT(IPFIX_IPV6_RECORD,
                                                             IPFIX_COMMON_LEN + 34);

// sFlow version 5: a flow sample with one raw packet header, then 128 bytes of that packet.
static const struct element SFLOW_SAMPLE[] = {
    FIXED(0, 4, 1),                      // flow sample
    FIXED(0, 4, 184),                    // its length
    FIXED(0, 4, 0),                      // sequence number, stamped
    FIXED(0, 4, 1),                      // source id
    FIXED(0, 4, 1000),                   // sampling rate
    RANGE(0, 4, 0, 1000000),             // pool
    FIXED(0, 4, 0),                      // drops
    RANGE(0, 4, 1, 200),                 // input
    RANGE(0, 4, 1, 200),                 // output
    FIXED(0, 4, 1),                      // records
    FIXED(0, 4, 1),                      // raw packet header
    FIXED(0, 4, 144),                    // its length
    FIXED(0, 4, 1),                      // Ethernet
    RANGE(ELEMENT_OCTETS, 4, 132, 1300), // frame length
    FIXED(0, 4, 4),                      // stripped
    FIXED(0, 4, 128),                    // header length
    RANGE(0, 6, 0x020000000000, 1000000),
    RANGE(0, 6, 0x020000000000, 1000000),
    FIXED(0, 2, 0x0800),
    FIXED(0, 1, 0x45),
    RANGE(0, 1, 0, 256),   // TOS
    FIXED(0, 2, 114),      // total length: the sampled bytes without Ethernet
    RANGE(0, 2, 0, 65536), // identification
    FIXED(0, 2, 0x4000),   // do not fragment
    RANGE(0, 1, 32, 200),  // TTL
    FIXED(0, 1, 6),
    FIXED(0, 2, 0), // checksum
    IPV4(0),
    IPV4(0),
    PORT(0),
    PORT(0),
    RANGE(0, 4, 0, 1000000),
    RANGE(0, 4, 0, 1000000),
    FIXED(0, 1, 0x50),
    RANGE(0, 1, 0, 64), // TCP flags
    RANGE(0, 2, 0, 65536),
};
static const struct record_layout SFLOW_LAYOUT = LAYOUT(SFLOW_SAMPLE, 192);

const struct shape SHAPE_NETFLOW5 = {
    .name = "v5",
    .header_len = 24,
    .blocks = {{&NETFLOW5_LAYOUT, 30}},
    .block_count = 1,
    .flows = 30,
};

const struct shape SHAPE_NETFLOW9 = {
    .name = "v9",
    .header_len = 20,
    .has_templates = true,
    .template_set = 0,
    .blocks = {{&NETFLOW9_LAYOUT, 23}},
    .block_count = 1,
    .flows = 23,
};

const struct shape SHAPE_IPFIX = {
    .name = "ipfix",
    .header_len = 16,
    .has_templates = true,
    .template_set = 2,
    .blocks = {{&IPFIX_IPV4_LAYOUT, 8}, {&IPFIX_IPV6_LAYOUT, 8}},
    .block_count = 2,
    .flows = 16,
};

const struct shape SHAPE_SFLOW = {
    .name = "sflow",
    .header_len = 28,
    .blocks = {{&SFLOW_LAYOUT, 6}},
    .block_count = 1,
    .flows = 6,
};
