// The records of an sFlow flow sample: what they say together goes into the flow.
//
// Their order means nothing. For each field the sampled header speaks first, then sampled Ethernet
// for the frame (length, MAC addresses), then sampled IPv4 or IPv6; a record that says 0, or that
// it does not know, takes no part. Of several records of a format the last that says something
// stands. A sampled IP record is left aside where the header has other addresses: that is another
// packet. No state.
#pragma once

#include "common/base/cursor.h"
#include "common/flow/flow.h"

struct mapping;

// What the records of one sample say, format by format; bytes are those of the datagram.
struct sflow_facts {
    unsigned seen; // formats among them: the others' parts are not filled
    struct {
        uint32_t protocol;
        uint32_t frame_len;
        struct span bytes;
    } header;
    struct {
        uint32_t frame_len;
        uint32_t etype;
        uint64_t source_mac;
        uint64_t destination_mac;
    } ethernet;
    struct sflow_sampled_ip {
        const uint8_t *addresses; // source, destination; NULL: none
        uint32_t packet_len;
        uint32_t protocol;
        uint32_t source_port;
        uint32_t destination_port;
        uint32_t tcp_flags;
        uint32_t tos;
    } ipv4, ipv6;
    struct {
        uint32_t source_vlan;
        uint32_t destination_vlan;
    } bridge;
    struct {
        struct span next_hop;
        uint32_t source_bits;
        uint32_t destination_bits;
    } router;
    struct {
        struct span next_hop;
        uint32_t own_as;
        uint32_t source_as;
        struct cursor segments; // of the AS path
        struct cursor communities;
    } gateway;
};

// A sampled Ethernet record, of that length when its addresses are not padded to eight bytes each.
#define SFLOW_RECORD_ETHERNET       2
#define SFLOW_ETHERNET_UNPADDED_LEN 20

// Takes `len` bytes and the padding that XDR puts behind them, to a multiple of four (RFC 4506,
// section 4.10), as far as it is there: several agents leave out the last one.
struct cursor sflow_take_opaque(struct cursor *c, uint32_t len);

// Reads a record of that data format (enterprise and format in one number), of which the cursor
// covers the data. Records of unknown formats are left alone. False when the record is malformed:
// then it has said nothing. `seen` is 0 before the first.
bool sflow_read_record(struct sflow_facts *facts, uint32_t format, struct cursor record);

// Fills the flow, which has none of these fields yet.
void sflow_fill(struct flow *flow, const struct mapping *mapping, const struct sflow_facts *facts);
