#include "collector/decode/sampling_table.h"

#include <assert.h>
#include <string.h>

void sampling_clear(struct sampling_table *table)
{
    *table = (struct sampling_table){.room = table->room};
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const struct sampling_row *a, const struct sampling_row *b)
{
    int order = compare_numbers(a->names, b->names);
    if (order == 0)
        order = compare_numbers(a->selector, b->selector);
    if (order == 0)
        order = compare_numbers(a->template_id, b->template_id);
    if (order == 0)
        order = compare_numbers(a->ingress, b->ingress);
    if (order == 0)
        order = compare_numbers(a->egress, b->egress);
    return order == 0 ? compare_numbers(a->card, b->card) : order;
}

// Where the row for that stands, or where it would.
static unsigned place_of(const struct sampling_table *table, const struct sampling_row *key)
{
    unsigned low = 0;
    unsigned high = table->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (compare(&table->row[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t rate_of(const struct sampling_table *table, const struct sampling_row *key)
{
    unsigned at = place_of(table, key);
    return at < table->count && compare(&table->row[at], key) == 0 ? table->row[at].rate : 0;
}

// Those that name more go first, whatever the order they came in.
static bool goes_before(uint8_t a, uint8_t b)
{
    int more = __builtin_popcount(a) - __builtin_popcount(b);
    return more > 0 || (more == 0 && a < b);
}

static bool add_kind(struct sampling_table *table, uint8_t names)
{
    unsigned at = 0;
    if (memchr(table->kinds, names, table->kind_count) != NULL)
        return true;
    if (table->kind_count == SAMPLING_KINDS_MAX)
        return false;
    while (at < table->kind_count && goes_before(table->kinds[at], names))
        at++;
    memmove(&table->kinds[at + 1], &table->kinds[at], table->kind_count - at);
    table->kinds[at] = names;
    table->kind_count++;
    return true;
}

bool sampling_put(struct sampling_table *table, const struct sampling_row *row)
{
    unsigned at = place_of(table, row);
    bool known = at < table->count && compare(&table->row[at], row) == 0;
    bool news = known && table->row[at].rate != row->rate;
    assert(row->rate != 0);
    table->last = row->rate;
    for (unsigned i = 0; i < SAMPLING_MEMOS; i++)
        table->memo[i].valid = false;
    if (known)
        table->row[at].rate = row->rate;
    if (known || table->count == SAMPLING_ROWS_MAX || !add_kind(table, row->names))
        return news;
    assert(table->count < table->room);
    memmove(&table->row[at + 1], &table->row[at], (table->count - at) * sizeof table->row[0]);
    table->row[at] = *row;
    table->count++;
    return true;
}

bool sampling_agrees(const struct sampling_table *a, const struct sampling_table *b)
{
    return a->count == b->count && memcmp(a->row, b->row, a->count * sizeof a->row[0]) == 0;
}

bool sampling_has(const struct sampling_table *table, unsigned names)
{
    for (unsigned i = 0; i < table->kind_count; i++)
        if ((table->kinds[i] & names) != 0)
            return true;
    return false;
}

bool sampling_has_selectors(const struct sampling_table *table, unsigned foreign)
{
    for (unsigned i = 0; i < table->kind_count; i++)
        if ((table->kinds[i] & (SAMPLING_SELECTOR | SAMPLING_DOMAIN)) ==
            (SAMPLING_SELECTOR | foreign))
            return true;
    return false;
}

// The rate of the row that names these of what the record is, 0 when there is none. An interface
// without a direction is the one that the packet came in by, rather than the other.
static uint64_t find_named(const struct sampling_table *table, unsigned names,
                           const struct sampling_terms *terms, const struct sampling_place *place)
{
    struct sampling_row key = {.names = (uint8_t)names};
    if ((names & SAMPLING_SELECTOR) != 0)
        key.selector = terms->selector;
    if ((names & SAMPLING_TEMPLATE) != 0)
        key.template_id = place->template_id;
    if ((names & (SAMPLING_INGRESS | SAMPLING_INTERFACE)) != 0)
        key.ingress = place->in_if;
    if ((names & SAMPLING_EGRESS) != 0)
        key.egress = place->out_if;
    if ((names & SAMPLING_CARD) != 0)
        key.card = terms->card;
    if ((names & SAMPLING_DOMAIN) != 0)
        key.card = place->domain;
    uint64_t rate = rate_of(table, &key);
    if (rate == 0 && (names & SAMPLING_INTERFACE) != 0) {
        key.ingress = place->out_if;
        rate = rate_of(table, &key);
    }
    if (rate == 0 && (names & SAMPLING_DOMAIN) != 0) {
        key.card = 0;
        rate = rate_of(table, &key);
    }
    return rate;
}

// What a record does not name.
static unsigned unnamed_of(const struct sampling_terms *terms, const struct sampling_place *place)
{
    unsigned names = terms->has_selector ? 0 : SAMPLING_SELECTOR;
    names |= terms->has_card ? 0 : SAMPLING_CARD;
    return names | (place->in_if == 0 && place->out_if == 0 ? SAMPLING_INTERFACES : 0);
}

// The interface of the record that rows without a direction are for: the one that the packet came
// in by when there is a row for it, else the other.
static uint32_t undirected_of(const struct sampling_table *table,
                              const struct sampling_place *place)
{
    for (unsigned i = 0; i < table->count; i++)
        if ((table->row[i].names & SAMPLING_INTERFACE) != 0 &&
            table->row[i].ingress == place->in_if)
            return place->in_if;
    return place->out_if;
}

// Whether the row may be the record's: nothing that the record names is another one.
static bool fits(const struct sampling_row *row, unsigned unnamed, uint32_t undirected,
                 const struct sampling_terms *terms, const struct sampling_place *place)
{
    unsigned names = row->names & ~unnamed;
    if (((names & SAMPLING_SELECTOR) != 0 && row->selector != terms->selector) ||
        ((names & SAMPLING_TEMPLATE) != 0 && row->template_id != place->template_id) ||
        ((names & SAMPLING_CARD) != 0 && row->card != terms->card) ||
        ((names & SAMPLING_DOMAIN) != 0 && row->card != 0 && row->card != place->domain) ||
        ((names & SAMPLING_INGRESS) != 0 && row->ingress != place->in_if) ||
        ((names & SAMPLING_EGRESS) != 0 && row->egress != place->out_if))
        return false;
    return (names & SAMPLING_INTERFACE) == 0 || row->ingress == undirected;
}

// What rows say that may be the record's.
struct common {
    uint64_t rate;
    bool differs;
};

// Takes the rows of one kind, which stand together; with a selector only those of it, which do too.
static void take_kind(const struct sampling_table *table, unsigned names, bool by_selector,
                      unsigned unnamed, uint32_t undirected, const struct sampling_terms *terms,
                      const struct sampling_place *place, struct common *common)
{
    const struct sampling_row first = {.names = (uint8_t)names,
                                       .selector = by_selector ? terms->selector : 0};
    for (unsigned i = place_of(table, &first); i < table->count; i++) {
        const struct sampling_row *row = &table->row[i];
        if (row->names != names || (by_selector && row->selector != terms->selector))
            return;
        if (!fits(row, unnamed, undirected, terms, place))
            continue;
        common->differs |= common->rate != 0 && common->rate != row->rate;
        common->rate = row->rate;
    }
}

// The rate of all rows that may be the record's and name at least these things, 0 when they differ.
static uint64_t find_common(const struct sampling_table *table, unsigned wanted, unsigned unnamed,
                            const struct sampling_terms *terms, const struct sampling_place *place)
{
    uint32_t undirected = sampling_has(table, SAMPLING_INTERFACE) ? undirected_of(table, place) : 0;
    struct common common = {.rate = 0};
    for (unsigned i = 0; i < table->kind_count && !common.differs; i++) {
        unsigned names = table->kinds[i];
        if ((names & wanted) == wanted && (names & SAMPLING_DOMAIN) == place->foreign)
            take_kind(table, names, (wanted & SAMPLING_SELECTOR) != 0, unnamed, undirected, terms,
                      place, &common);
    }
    return common.differs ? 0 : common.rate;
}

static uint64_t find(const struct sampling_table *table, const struct sampling_terms *terms,
                     const struct sampling_place *place)
{
    unsigned unnamed = unnamed_of(terms, place);
    bool by_selector = terms->has_selector && sampling_has_selectors(table, place->foreign);
    unsigned wanted = by_selector ? SAMPLING_SELECTOR : 0;
    for (unsigned i = 0; i < table->kind_count; i++) {
        unsigned names = table->kinds[i];
        if ((names & unnamed) != 0 || (names & wanted) != wanted ||
            (names & SAMPLING_DOMAIN) != place->foreign)
            continue;
        uint64_t rate = find_named(table, names, terms, place);
        if (rate != 0)
            return rate;
    }
    return find_common(table, wanted, unnamed, terms, place);
}

uint64_t sampling_find(struct sampling_table *table, const struct sampling_terms *terms,
                       const struct sampling_place *place)
{
    if (terms->has_card || (place->in_if | place->out_if | place->foreign) != 0)
        return find(table, terms, place);
    struct sampling_memo *memo = &table->memo[place->template_id % SAMPLING_MEMOS];
    if (!memo->valid || memo->has_selector != terms->has_selector ||
        memo->selector != terms->selector || memo->template_id != place->template_id) {
        *memo = (struct sampling_memo){.valid = true,
                                       .has_selector = terms->has_selector,
                                       .template_id = place->template_id,
                                       .selector = terms->selector,
                                       .rate = find(table, terms, place)};
    }
    return memo->rate;
}
