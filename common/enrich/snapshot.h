// Everything known about addresses, as one immutable whole: CIDR groups and tags of context.yaml,
// AS and country of MaxMind databases.
//
// Built by one thread, read by any number, never changed: a reload builds a new one and swaps the
// pointer at a point where no flow is in flight. Counted references keep the old one alive for as
// long as someone reads it.
#pragma once

#include "common/enrich/lpm.h"
#include "common/enrich/place.h"
#include "common/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot_options {
    const char *context_path; // -context.config; NULL or "": none
    const char *asn_path;     // -db.asn
    const char *country_path; // -db.country
};

struct snapshot;

// What the snapshot says of one address. Spans are borrowed from the snapshot and empty without an
// answer.
struct answer {
    struct span group; // name of the longest matching network
    size_t tag_count;  // of all enclosing networks, ordered by key: see answer_tag
    const uint8_t *context;
    const uint8_t *tags;
    bool has_asn; // the database knows the address
    uint32_t asn;
    struct span as_name;
    struct span country; // ISO 3166-1 alpha-2
};

// One tag of an answer: an encoded map entry (wire_entry).
struct span answer_tag(const struct answer *answer, size_t index);

// Reads the files named. NULL after having logged why: one line, file:line: what, got, wanted.
struct snapshot *snapshot_new(const struct snapshot_options *options);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); // frees with the last reference; NULL is allowed

bool snapshot_has_context(const struct snapshot *snapshot);
bool snapshot_has_asn(const struct snapshot *snapshot);
bool snapshot_has_country(const struct snapshot *snapshot);

// What is known of one address: 4 bytes, 16 bytes (IPv4-mapped ones match as IPv4) or anything
// else, of which nothing is known.
struct place snapshot_find(const struct snapshot *snapshot, struct span addr);

// The same of up to SNAPSHOT_GROUP_MAX addresses at once, which is faster than one by one: the
// look-ups wait for memory together. The records of the places are in the cache when it returns.
#define SNAPSHOT_GROUP_MAX LPM_GROUP_MAX
void snapshot_find_group(const struct snapshot *snapshot, const struct span *addrs, size_t count,
                         struct place *places);

void snapshot_answer(const struct snapshot *snapshot, struct place place, struct answer *answer);

// Both in one.
void snapshot_lookup(const struct snapshot *snapshot, const uint8_t *addr, size_t len,
                     struct answer *answer);

// What place_put and its like need.
const struct place_tables *snapshot_tables(const struct snapshot *snapshot);

// The bytes that the answers to one address need at most as fields on the wire.
size_t snapshot_wire_max(const struct snapshot *snapshot);

// For the closing words of -check and the start-up log.
struct snapshot_facts {
    size_t networks;
    size_t asn_prefixes;
    size_t country_prefixes;
    uint64_t asn_built; // build time of the database, Unix seconds
    uint64_t country_built;
    uint64_t context_revision; // the same for the same file anywhere; 0: there is none
    size_t bytes;              // memory of the look-up structures
};
void snapshot_facts(const struct snapshot *snapshot, struct snapshot_facts *facts);
