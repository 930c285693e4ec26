#include "collector/decode/trail.h"

#include "collector/decode/domain_state.h"
#include "collector/decode/exporter.h"

#define LINE 64

// How much of it may be looked at for a datagram.
static const uint16_t LENS[TRAIL_STEPS] = {
    [TRAIL_EXPORTER_SLOT] = sizeof(struct table_slot),
    [TRAIL_EXPORTER] = sizeof(struct exporter),
    [TRAIL_DOMAIN_SLOT] = sizeof(struct table_slot),
    [TRAIL_DOMAIN] = sizeof(struct domain),
    [TRAIL_SAMPLING] = LINE,
    [TRAIL_TEMPLATE_SLOTS] = LINE,
    [TRAIL_TEMPLATE] = sizeof(struct template),
    [TRAIL_TEMPLATE_LIFE] = sizeof(struct template_life),
    [TRAIL_PLAN] = LINE,
};

void trail_begin(struct trail *trail, const struct exporter_table *exporters,
                 const struct exporter *exporter)
{
    *trail = (struct trail){.at = {0}};
    if (exporter == NULL)
        return;
    trail->at[TRAIL_EXPORTER_SLOT] = (uintptr_t)table_slot(&exporters->table, exporter->entry.hash);
    trail->at[TRAIL_EXPORTER] = (uintptr_t)exporter;
}

void trail_go_on(struct trail *trail, const struct domain_store *store, const struct domain *domain,
                 const struct template *template)
{
    trail->at[TRAIL_DOMAIN_SLOT] = (uintptr_t)table_slot(&store->domains, domain->entry.hash);
    trail->at[TRAIL_DOMAIN] = (uintptr_t)domain;
    trail->at[TRAIL_SAMPLING] = (uintptr_t)domain->sampling;
    trail->at[TRAIL_TEMPLATE_SLOTS] = (uintptr_t)domain->templates.slots;
    trail->at[TRAIL_TEMPLATE] = (uintptr_t) template;
    trail->at[TRAIL_TEMPLATE_LIFE] = (uintptr_t) template->life;
    trail->at[TRAIL_PLAN] = (uintptr_t) template->plan;
}

void trail_fetch(const struct trail *trail)
{
    for (int step = 0; step < TRAIL_STEPS; step++) {
        uintptr_t end = trail->at[step] + LENS[step];
        if (trail->at[step] == 0)
            continue;
        for (uintptr_t line = trail->at[step] & ~(uintptr_t)(LINE - 1); line < end; line += LINE)
            __builtin_prefetch((const void *)line, 1);
    }
}
