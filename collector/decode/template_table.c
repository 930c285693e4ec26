#include "collector/decode/template_table.h"

#include "common/base/siphash.h"

#include <stdlib.h>

#define SLOTS_INIT_BITS 3

void template_table_init(struct template_table *table, uint64_t seed)
{
    *table = (struct template_table){.factor = siphash_words(seed, NULL, 0) | 1};
}

void template_table_fini(struct template_table *table)
{
    for (unsigned i = 0; i < table->slot_count; i++)
        template_free(table->slots[i]);
    free(table->slots);
    *table = (struct template_table){.factor = table->factor};
}

unsigned template_table_count(const struct template_table *table)
{
    return table->count[0] + table->count[1];
}

static int grow(struct template_table *table)
{
    unsigned old_count = table->slot_count;
    struct template **old = table->slots;
    unsigned shift = old_count == 0 ? 64 - SLOTS_INIT_BITS : table->shift - 1;
    unsigned count = 1u << (64 - shift);
    struct template **slots = calloc(count, sizeof(struct template *));
    if (slots == NULL)
        return -1;
    table->slots = slots;
    table->slot_count = count;
    table->shift = shift;
    table->bytes += (count - old_count) * sizeof(struct template *);
    for (unsigned i = 0; i < old_count; i++)
        if (old[i] != NULL)
            slots[template_table_slot(table, old[i]->id)] = old[i];
    free(old);
    return 0;
}

static void forget(struct template_table *table, unsigned slot)
{
    struct template *template = table->slots[slot];
    table->slots[slot] = NULL;
    table->count[template->options]--;
    table->bytes -= template_bytes(template);
    template_free(template);
}

// Empties the slot and puts the templates behind it back where their probes now begin. The last
// template takes the slots with it: what a table costs does not outlast what is in it.
static void empty_slot(struct template_table *table, unsigned slot)
{
    forget(table, slot);
    if (template_table_count(table) == 0) {
        table->bytes -= table->slot_count * sizeof(struct template *);
        free(table->slots);
        table->slots = NULL;
        table->slot_count = 0;
        return;
    }
    for (unsigned i = (slot + 1) & (table->slot_count - 1); table->slots[i] != NULL;
         i = (i + 1) & (table->slot_count - 1)) {
        struct template *moved = table->slots[i];
        table->slots[i] = NULL;
        table->slots[template_table_slot(table, moved->id)] = moved;
    }
}

// Gives up the first template under the hand that was not used since the hand's last round.
static void evict(struct template_table *table)
{
    for (;;) {
        table->hand = (table->hand + 1) & (table->slot_count - 1);
        struct template *template = table->slots[table->hand];
        if (template != NULL && !template->used)
            break;
        if (template != NULL)
            template->used = false;
    }
    empty_slot(table, table->hand);
}

int template_table_put(struct template_table *table, struct template *template)
{
    int evicted = 0;
    template_table_remove(table, template->id);
    size_t bytes = template_bytes(template);
    while (template_table_count(table) != 0 &&
           (template_table_count(table) >= TEMPLATE_TABLE_COUNT_MAX ||
            table->bytes + bytes > TEMPLATE_TABLE_BYTES_MAX)) {
        evict(table);
        evicted++;
    }
    // Half the slots stay free, so that probes are short.
    if (2 * template_table_count(table) >= table->slot_count && grow(table) != 0) {
        template_free(template);
        return -1;
    }
    template->used = true;
    table->slots[template_table_slot(table, template->id)] = template;
    table->count[template->options]++;
    table->bytes += bytes;
    return evicted;
}

void template_table_remove(struct template_table *table, uint16_t id)
{
    if (table->slot_count == 0)
        return;
    unsigned slot = template_table_slot(table, id);
    if (table->slots[slot] != NULL)
        empty_slot(table, slot);
}

void template_table_remove_all(struct template_table *table, bool options)
{
    // The count spares a walk over many empty slots to whoever asks for it again and again.
    for (unsigned i = 0; i < table->slot_count && table->count[options] != 0;) {
        if (table->slots[i] != NULL && table->slots[i]->options == options)
            empty_slot(table, i); // another one may have moved here
        else
            i++;
    }
}

unsigned template_table_map(struct template_table *table, enum template_dialect dialect,
                            const struct mapping *mapping)
{
    unsigned removed = 0;
    for (unsigned i = 0; i < table->slot_count;) {
        struct template *template = table->slots[i];
        size_t before = template == NULL ? 0 : template_bytes(template);
        if (template != NULL && template_map(template, dialect, mapping) != 0) {
            empty_slot(table, i); // another one may have moved here
            removed++;
            continue;
        }
        table->bytes += template == NULL ? 0 : template_bytes(template) - before;
        i++;
    }
    return removed;
}

static bool is_expired(const struct template *template, uint64_t before_ns, bool use_counts)
{
    const struct template_life *life = template->life;
    return life->updated_ns < before_ns && !(use_counts && life->used_ns >= before_ns);
}

unsigned template_table_expire(struct template_table *table, uint64_t before_ns, bool use_counts)
{
    unsigned removed = 0;
    for (unsigned i = 0; i < table->slot_count;) {
        if (table->slots[i] == NULL || !is_expired(table->slots[i], before_ns, use_counts)) {
            i++;
            continue;
        }
        empty_slot(table, i); // another one may have moved here
        removed++;
    }
    return removed;
}
