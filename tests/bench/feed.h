// The datagrams of the benches: what exporters of one protocol send, with values drawn from a seed.
//
// A datagram is made once, which costs, and then stamped each time it is sent, which does not: the
// stamp writes all that depends on the exporter and on the moment. One thread.
#pragma once

#include "tests/bench/shape.h"

#include <stdbool.h>

#define FEED_DATAGRAM_MAX 1472
#define FEED_TEMPLATE_MAX 16384 // templates of one exporter

struct feed_exporter {
    uint32_t address; // IPv4
    uint32_t sequence;
    uint32_t turn; // which of its templates the next datagram uses
};

struct feed_datagram {
    uint16_t len;
    uint16_t flows;
    uint16_t options;   // records of options
    uint16_t templates; // templates announced, of options too
    uint8_t data[FEED_DATAGRAM_MAX];
};

struct feed {
    const struct shape *shape;
    uint32_t template_count; // of each exporter; datagrams take turns
    bool unique;             // the octets of each flow are its number, from 1
    uint64_t started_ns;     // Unix time
    uint64_t random;         // state, at first the seed
    uint64_t flows;          // stamped so far
};

// "v5", "v9", "ipfix" or "sflow"; NULL when it is none of them.
const struct shape *feed_shape(const char *name);

// How many datagrams announce all templates of one exporter; 0 for protocols without.
uint32_t feed_template_datagrams(const struct feed *feed);

// Makes one of those, and one of flows.
void feed_make_templates(const struct feed *feed, uint32_t index, struct feed_datagram *out);
void feed_make_flows(struct feed *feed, struct feed_datagram *out);

// The datagram as this exporter sends it now.
void feed_stamp(struct feed *feed, struct feed_exporter *exporter, uint64_t now_ns,
                struct feed_datagram *datagram);
