#include "collector/decode/hold.h"

#include "collector/decode/exporter.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const struct held *held)
{
    return sizeof *held + held->len;
}

static void link_held(struct hold *hold, struct held *held)
{
    struct held_list *list = &held->exporter->held;
    held->older = hold->newest;
    held->previous = list->last;
    *(hold->newest != NULL ? &hold->newest->newer : &hold->oldest) = held;
    *(list->last != NULL ? &list->last->next : &list->first) = held;
    hold->newest = held;
    list->last = held;
    list->count++;
    list->bytes += size_of(held);
    hold->bytes += size_of(held);
    hold->ledger->units_held++;
}

void hold_release(struct hold *hold, struct held *held)
{
    struct held_list *list = &held->exporter->held;
    *(held->older != NULL ? &held->older->newer : &hold->oldest) = held->newer;
    *(held->newer != NULL ? &held->newer->older : &hold->newest) = held->older;
    *(held->previous != NULL ? &held->previous->next : &list->first) = held->next;
    *(held->next != NULL ? &held->next->previous : &list->last) = held->previous;
    list->count--;
    list->bytes -= size_of(held);
    hold->bytes -= size_of(held);
    hold->ledger->units_held--;
    free(held);
}

static void drop(struct hold *hold, struct held *held)
{
    ledger_count(hold->ledger, held->reason, 1);
    held->exporter->counts.units_dropped++;
    hold_release(hold, held);
}

bool hold_put(struct hold *hold, struct exporter *exporter, const struct held_message *message,
              enum reason reason, uint16_t set_id, const uint8_t *data, size_t len)
{
    size_t size = sizeof(struct held) + len;
    if (exporter->held.bytes + size > hold->limits.exporter_bytes ||
        size > hold->limits.total_bytes)
        return false;
    while (hold->bytes + size > hold->limits.total_bytes) {
        if (exporter->entry.rank == TABLE_NEWCOMER)
            return false;
        drop(hold, hold->oldest);
    }
    struct held *held = calloc(1, size);
    if (held == NULL)
        return false;
    held->exporter = exporter;
    held->message = *message;
    held->reason = reason;
    held->set_id = set_id;
    held->len = (uint16_t)len;
    memcpy(held->data, data, len);
    link_held(hold, held);
    return true;
}

void hold_expire(struct hold *hold, uint64_t now_ns)
{
    while (hold->oldest != NULL &&
           (int64_t)(now_ns - hold->oldest->message.received_ns) > (int64_t)hold->limits.time_ns)
        drop(hold, hold->oldest);
}

void hold_drop_exporter(struct hold *hold, struct exporter *exporter)
{
    while (exporter->held.first != NULL)
        drop(hold, exporter->held.first);
}

void hold_fini(struct hold *hold)
{
    while (hold->oldest != NULL)
        hold_release(hold, hold->oldest);
}
