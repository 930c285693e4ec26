// What is known of each exporter: what it sent, what is missing of it, its clock and its sampling.
//
// An exporter is a source address, a protocol, and its domain, source id or engine; of sFlow, where
// anyone can name an agent, it is sender, agent and sub-agent. At most EXPORTER_COUNT_MAX are
// remembered, each until it was silent for EXPORTER_GONE_NS while others sent. One thread.
#pragma once

#include "collector/decode/exporter_count.h"
#include "collector/decode/hold.h"
#include "collector/decode/limit.h"
#include "collector/decode/sampling.h"
#include "collector/decode/sequence.h"
#include "collector/decode/table.h"
#include "common/base/addr.h"

#define EXPORTER_COUNT_MAX 131072
#define EXPORTER_GONE_NS   (UINT64_C(86400) * 1000000000) // who is silent for so long is forgotten
#define EXPORTER_PROVEN    8 // datagrams with flows after which an exporter is no newcomer

struct exporter_key {
    struct addr source; // of sFlow the agent
    enum flow_type type;
    uint32_t id;
    struct addr sender; // of sFlow, else none
};

struct exporter {
    struct table_entry entry;
    struct exporter_key key;
    struct addr router; // the sender
    uint16_t port;      // of the latest datagram

    uint64_t first_seen_ns;
    uint64_t last_seen_ns;
    uint64_t last_flow_ns;     // received; 0: never
    uint64_t last_template_ns; // 0: never
    uint64_t last_missing_ns;  // data without template; 0: never
    uint64_t missing_since_ns; // the first of it since flows came last; 0: none

    struct exporter_counts counts;
    struct exporter_mark mark;     // at most EXPORTER_MARK_NS old while datagrams come
    struct exporter_mark mark_old; // the one before
    uint64_t sampling_rate;        // of its latest flow, and where it was found
    uint64_t sampling_said;        // that the exporter says of that flow itself, 0: none
    uint64_t sampling_default;     // of -sampling.default, 0: none
    uint64_t sampling_override;    // of -sampling.override, 0: none
    enum exporter_sampling sampling;
    enum exporter_sampling sampling_said_by;
    struct exporter_volume volume;
    int64_t skew_ns; // its clock against ours at the latest datagram, 0 without one (sFlow)
    struct sequence sequence;
    uint16_t number_port; // that sent the latest sequence number
    bool in_company;      // its number may be shared: other domains, or ports, send too
    struct limit limit;
    struct held_list held;
};

struct exporter_table {
    struct table table;
    struct table sessions; // of who may share sequence numbers
    uint64_t swept_ns;     // when those who are gone were looked for
    uint64_t seed;
    struct hold *hold; // what is held of an exporter goes with it
    struct sampling_networks defaults, overrides;
    struct exporter_sums gone[EXPORTER_TYPES]; // those given up
};

// 0, or -1 without memory. `hold` stays the caller's.
int exporter_table_init(struct exporter_table *table, uint64_t seed, struct hold *hold);
void exporter_table_fini(struct exporter_table *table);

// The exporter of a datagram received now, made when it is new, counted as seen; NULL only without
// memory. Valid until the next call.
struct exporter *exporter_seen(struct exporter_table *table, const struct exporter_key *key,
                               const struct addr *router, uint16_t port, size_t len,
                               uint64_t now_ns);

// The exporter of that key, or NULL.
struct exporter *exporter_find(struct exporter_table *table, const struct exporter_key *key);

// Takes the sequence number of that datagram.
void exporter_take_number(struct exporter_table *table, struct exporter *exporter, uint32_t number,
                          const struct sequence_step *step);

// Counts flows decoded from that datagram: they make an exporter more than a newcomer.
void exporter_gave_flows(struct exporter_table *table, struct exporter *exporter, uint64_t flows);

// Looks for volumes in a flow of an exporter that exporter_wants_look says.
void exporter_look(struct exporter *exporter, const struct flow *flow);

static inline bool exporter_wants_look(const struct exporter *exporter)
{
    return exporter->counts.datagrams > EXPORTER_PROVEN && !exporter->volume.bytes &&
           exporter->volume.looked < EXPORTER_LOOKS;
}

// Counts a data set whose template was not there.
void exporter_missed(struct exporter *exporter, uint64_t now_ns);
void exporter_sums_add(struct exporter_sums *sums, const struct exporter *exporter);
void exporter_sums_merge(struct exporter_sums *sums, const struct exporter_sums *part);
