#include "collector/decode/sampling.h"

#include "common/base/cursor.h"

#include <string.h>

enum {
    SAMPLING_INTERVAL = 34,
    SAMPLER_ID = 48,
    SAMPLER_RANDOM_INTERVAL = 50,
    LINE_CARD_ID = 141,
    SELECTOR_ID = 302,
    SAMPLING_PACKET_INTERVAL = 305,
    SAMPLING_PACKET_SPACE = 306,
    SAMPLING_TIME_INTERVAL = 307,
    SAMPLING_TIME_SPACE = 308,
    SAMPLING_SIZE = 309,
    SAMPLING_POPULATION = 310,
    SAMPLING_PROBABILITY = 311,
};

// A float64 (RFC 7011, section 6.1.3) from 0 to 1; what is none makes no rate.
static uint64_t reciprocal_of(uint64_t bits)
{
    double probability;
    memcpy(&probability, &bits, sizeof probability);
    return probability > 1e-15 && probability <= 1 ? (uint64_t)(1 / probability + 0.5) : 0;
}

uint64_t sampling_value(uint16_t element, const uint8_t *at, size_t len)
{
    if (element != SAMPLING_PROBABILITY || len != sizeof(float))
        return bytes_be(at, len);
    uint32_t bits = bytes_u32(at);
    float narrow;
    uint64_t number;
    memcpy(&narrow, &bits, sizeof narrow);
    double wide = (double)narrow;
    memcpy(&number, &wide, sizeof number);
    return number;
}

bool sampling_is_element(uint16_t element)
{
    return element == SAMPLING_INTERVAL || element == SAMPLER_ID ||
           element == SAMPLER_RANDOM_INTERVAL ||
           (element >= SELECTOR_ID && element <= SAMPLING_PROBABILITY && element != 303);
}

static void take(uint64_t *number, uint64_t value)
{
    if (value != 0)
        *number = value;
}

// Of two selectors it is selectorId.
static void take_selector(struct sampling_terms *terms, uint16_t element, uint64_t value)
{
    terms->has_selector = true;
    if (element == SELECTOR_ID || !terms->has_selector_id)
        take(&terms->selector, value);
    terms->has_selector_id |= element == SELECTOR_ID && value != 0;
}

// False when the element says nothing of a rate.
static bool take_rate(struct sampling_terms *terms, uint16_t element, uint64_t value)
{
    switch (element) {
    case SAMPLING_INTERVAL:
        take(&terms->interval, value);
        return true;
    case SAMPLER_RANDOM_INTERVAL:
        take(&terms->random, value);
        return true;
    case SAMPLING_PACKET_INTERVAL:
        take(&terms->packets, value);
        return true;
    case SAMPLING_PACKET_SPACE:
        take(&terms->space, value);
        terms->has_space = true;
        return true;
    case SAMPLING_TIME_INTERVAL:
        take(&terms->time, value);
        return true;
    case SAMPLING_TIME_SPACE:
        take(&terms->time_space, value);
        return true;
    case SAMPLING_SIZE:
        take(&terms->size, value);
        return true;
    case SAMPLING_POPULATION:
        take(&terms->population, value);
        return true;
    case SAMPLING_PROBABILITY:
        take(&terms->reciprocal, reciprocal_of(value));
        return true;
    default:
        return false;
    }
}

void sampling_take(struct sampling_terms *terms, uint16_t element, uint64_t value)
{
    if (take_rate(terms, element, value)) {
        terms->has_rate = true;
    } else if (element == SAMPLER_ID || element == SELECTOR_ID) {
        take_selector(terms, element, value);
    } else if (element == LINE_CARD_ID) {
        terms->card = value == 0 ? terms->card : (uint32_t)value;
        terms->has_card = true;
    }
}

uint64_t sampling_rate(const struct sampling_terms *terms)
{
    if (terms->has_space && terms->packets != 0)
        return 1 + terms->space / terms->packets;
    if (terms->size != 0 && terms->population != 0)
        return terms->population / terms->size;
    if (terms->packets != 0)
        return terms->packets;
    if (terms->time != 0 && terms->time_space != 0)
        return 1 + terms->time_space / terms->time;
    if (terms->reciprocal != 0)
        return terms->reciprocal;
    return terms->random != 0 ? terms->random : terms->interval;
}

uint64_t sampling_network_rate(const struct sampling_networks *networks, const struct addr *source)
{
    const struct sampling_network *found = NULL;
    for (size_t i = 0; i < networks->count; i++) {
        const struct sampling_network *one = &networks->items[i];
        if (prefix_contains(&one->network, source) &&
            (found == NULL || one->network.bits > found->network.bits))
            found = one;
    }
    return found == NULL ? 0 : found->rate;
}
