#include "collector/decode/sampling.h"

#include <assert.h>
#include <string.h>

enum {
    SAMPLING_INTERVAL = 34,
    SAMPLER_ID = 48,
    SAMPLER_RANDOM_INTERVAL = 50,
    SELECTOR_ID = 302,
    SAMPLING_PACKET_INTERVAL = 305,
    SAMPLING_PACKET_SPACE = 306,
    SAMPLING_SIZE = 309,
    SAMPLING_POPULATION = 310,
};

void sampling_take(struct sampling_terms *terms, uint16_t element, uint64_t value)
{
    switch (element) {
    case SAMPLING_INTERVAL:
        terms->interval = value;
        break;
    case SAMPLER_ID:
    case SELECTOR_ID:
        terms->selector = value;
        terms->has_selector = true;
        break;
    case SAMPLER_RANDOM_INTERVAL:
        terms->random = value;
        break;
    case SAMPLING_PACKET_INTERVAL:
        terms->packets = value;
        break;
    case SAMPLING_PACKET_SPACE:
        terms->space = value;
        terms->has_space = true;
        break;
    case SAMPLING_SIZE:
        terms->size = value;
        break;
    case SAMPLING_POPULATION:
        terms->population = value;
        break;
    default:
        break;
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
    return terms->random != 0 ? terms->random : terms->interval;
}

bool sampling_learn(struct sampling_table *table, const struct sampling_terms *terms)
{
    uint64_t rate = sampling_rate(terms);
    if (rate == 0)
        return false;
    bool news = table->last != rate;
    table->last = rate;
    if (!terms->has_selector)
        return news;
    unsigned i = 0;
    while (i < table->count && table->row[i].selector != terms->selector)
        i++;
    if (i == SAMPLING_SELECTORS_MAX)
        return news;
    assert(i < table->room);
    news |= i == table->count || table->row[i].rate != rate;
    table->row[i].selector = terms->selector;
    table->row[i].rate = rate;
    if (i == table->count)
        table->count++;
    return news;
}

bool sampling_agrees(const struct sampling_table *a, const struct sampling_table *b)
{
    return a->last == b->last && a->count == b->count &&
           memcmp(a->row, b->row, a->count * sizeof a->row[0]) == 0;
}

uint64_t sampling_find(const struct sampling_table *table, const struct sampling_terms *terms)
{
    uint64_t rate = sampling_rate(terms);
    if (rate != 0 || table == NULL)
        return rate;
    if (terms->has_selector)
        for (unsigned i = 0; i < table->count; i++)
            if (table->row[i].selector == terms->selector)
                return table->row[i].rate;
    bool forgotten = terms->has_selector && table->count == SAMPLING_SELECTORS_MAX;
    return forgotten ? 0 : table->last;
}

uint64_t sampling_default_of(const struct sampling_default *defaults, size_t count,
                             const struct addr *source)
{
    const struct sampling_default *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (prefix_contains(&defaults[i].network, source) &&
            (found == NULL || defaults[i].network.bits > found->network.bits))
            found = &defaults[i];
    return found == NULL ? 0 : found->rate;
}
