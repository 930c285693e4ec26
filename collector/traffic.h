// What came from each address at each listener, before anything is known of its protocol.
//
// Bounded like all that senders can make entries in (decode/table.h); what is given up is summed
// per listener. One thread, the owner of the lane.
#pragma once

#include "collector/decode/table.h"
#include "collector/decode/trail.h"
#include "collector/listen_uri.h"
#include "common/base/addr.h"

#define TRAFFIC_COUNT_MAX 131072
#define TRAFFIC_PROVEN    8 // datagrams after which a sender is no newcomer
#define TRAFFIC_AHEAD_MAX 8 // datagrams looked ahead

struct traffic_counts {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t errors; // datagrams refused, or with a part that was dropped
};

struct traffic_entry {
    struct table_entry entry;
    struct addr source;
    unsigned listener; // its number
    struct traffic_counts counts;
    struct trail trail; // of its latest datagram, while there are many senders
};

struct traffic {
    struct table table;
    uint64_t seed;
    struct traffic_counts gone[LISTEN_URIS_MAX];
};

// 0, or -1 without memory. The seed makes the table's order unknown to senders.
int traffic_init(struct traffic *traffic, uint64_t seed);
void traffic_fini(struct traffic *traffic);

// Counts a datagram: its sender, or NULL without memory. Valid until the next call.
struct traffic_entry *traffic_take(struct traffic *traffic, const struct addr *source,
                                   unsigned listener, size_t len);

// Whether there are so many senders that looking ahead pays.
bool traffic_is_wide(const struct traffic *traffic);

// Datagrams of these senders come next, at most TRAFFIC_AHEAD_MAX: has what is remembered of them,
// and what their trails say, fetched.
void traffic_look_ahead(const struct traffic *traffic, const struct addr *const sources[],
                        unsigned count, unsigned listener);

void traffic_add(struct traffic_counts *sum, const struct traffic_counts *part);
