// Sampling rates: what the elements of one record say.
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The sampling elements of one record, data or options.
struct sampling_terms {
    bool has_selector;
    bool has_selector_id; // the selector is a selectorId, and not 0
    bool has_card;
    bool has_space;
    bool has_rate;       // some element that makes a rate, if only of zeros
    uint32_t card;       // lineCardId (141)
    uint64_t selector;   // samplerId (48), selectorId (302)
    uint64_t interval;   // samplingInterval (34)
    uint64_t random;     // samplerRandomInterval (50)
    uint64_t packets;    // samplingPacketInterval (305)
    uint64_t space;      // samplingPacketSpace (306)
    uint64_t time;       // samplingTimeInterval (307)
    uint64_t time_space; // samplingTimeSpace (308)
    uint64_t size;       // samplingSize (309)
    uint64_t population; // samplingPopulation (310)
    uint64_t reciprocal; // of samplingProbability (311)
};

// Adds one element; others than those above are passed over. Zeros replace nothing. A probability
// is the bits of a float64.
void sampling_take(struct sampling_terms *terms, uint16_t element, uint64_t value);

// The value of an element for sampling_take: samplingProbability may come as a float32 (RFC 7011,
// section 6.2), and all else is a number of at most 8 bytes.
uint64_t sampling_value(uint16_t element, const uint8_t *at, size_t len);

// Whether the element is one of those that say a rate or name a selector.
bool sampling_is_element(uint16_t element);

// The rate that the terms make, 1 in N packets; 0 when they make none. In this order: packets with
// space (RFC 5477, section 8.2.2: of packets + space, packets are taken), size of population,
// packets alone, time with space, probability, random, interval.
uint64_t sampling_rate(const struct sampling_terms *terms);

// -sampling.default and -sampling.override: the rate of the exporters of a network.
struct sampling_network {
    struct prefix network;
    uint64_t rate;
};

struct sampling_networks {
    const struct sampling_network *items;
    size_t count;
};

// The rate of the longest network that holds the address, 0 when there is none.
uint64_t sampling_network_rate(const struct sampling_networks *networks, const struct addr *source);
