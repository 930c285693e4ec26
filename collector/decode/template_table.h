// The templates of one domain, by their id.
//
// Bounded in count and bytes. When it is full, the template that was neither announced nor used
// for longest goes (by the clock algorithm: each use marks it, a hand going round takes the first
// without a mark): exporters that number their templates anew at each start never lock themselves
// out. Embedded by its owner. One thread.
#pragma once

#include "collector/decode/template.h"

#define TEMPLATE_TABLE_COUNT_MAX 16384
#define TEMPLATE_TABLE_BYTES_MAX (8u << 20)

struct template_table {
    uint64_t factor;         // senders choose ids: where they stand must not be theirs to choose
    struct template **slots; // open addressing; a power of two, half of them free
    unsigned slot_count;
    unsigned shift;    // 64 less the bits of slot_count
    unsigned count[2]; // of data and of options templates
    unsigned hand;
    size_t bytes; // of everything above and the templates
};

// The seed is secret.
void template_table_init(struct template_table *table, uint64_t seed);
void template_table_fini(struct template_table *table);

// Where the template stands, or the free slot where its probe ends; there is room for one.
static inline unsigned template_table_slot(const struct template_table *table, uint16_t id)
{
    unsigned slot = (unsigned)(id * table->factor >> table->shift);
    while (table->slots[slot] != NULL && table->slots[slot]->id != id)
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

// The template, marked as used, or NULL. In line, since each port of an address is asked.
static inline const struct template *template_table_find(const struct template_table *table,
                                                         uint16_t id)
{
    if (table->slot_count == 0)
        return NULL;
    struct template *template = table->slots[template_table_slot(table, id)];
    if (template != NULL)
        template->used = true;
    return template;
}

unsigned template_table_count(const struct template_table *table);

// Takes the template over, in place of one of the same id. Returns how many others had to go, or
// -1 without memory, when the template was freed.
int template_table_put(struct template_table *table, struct template *template);

// Compiles all data templates again for that mapping; those for which there is no memory are
// removed and their number returned.
unsigned template_table_map(struct template_table *table, enum template_dialect dialect,
                            const struct mapping *mapping);

void template_table_remove(struct template_table *table, uint16_t id);
void template_table_remove_all(struct template_table *table, bool options);

// Removes templates that were neither announced since that time nor, when use counts, used.
unsigned template_table_expire(struct template_table *table, uint64_t before_ns, bool use_counts);
