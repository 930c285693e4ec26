#include "collector/monitor/survey.h"

#include <stdlib.h>
#include <string.h>

// The busiest of many, found in one pass: a heap with the least busy of them on top.
struct pick {
    uint64_t datagrams;
    const void *what;
};

struct picks {
    struct pick *items;
    size_t count;
    size_t room;
};

static void sink_down(struct picks *picks, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < picks->count; child++)
            if (picks->items[child].datagrams < picks->items[least].datagrams)
                least = child;
        if (least == at)
            return;
        struct pick moved = picks->items[at];
        picks->items[at] = picks->items[least];
        picks->items[least] = moved;
        at = least;
    }
}

static void rise(struct picks *picks, size_t at)
{
    while (at != 0) {
        size_t parent = (at - 1) / 2;
        if (picks->items[parent].datagrams <= picks->items[at].datagrams)
            return;
        struct pick moved = picks->items[at];
        picks->items[at] = picks->items[parent];
        picks->items[parent] = moved;
        at = parent;
    }
}

// Takes one in; returns the one that is left out for it, or NULL.
static const void *offer(struct picks *picks, const void *what, uint64_t datagrams)
{
    if (picks->count < picks->room) {
        picks->items[picks->count] = (struct pick){datagrams, what};
        rise(picks, picks->count++);
        return NULL;
    }
    if (picks->room == 0 || datagrams <= picks->items[0].datagrams)
        return what;
    const void *out = picks->items[0].what;
    picks->items[0] = (struct pick){datagrams, what};
    sink_down(picks, 0);
    return out;
}

struct picking {
    struct survey *survey;
    struct picks picks;
};

static struct picking begin_picking(struct survey *survey, size_t room)
{
    return (struct picking){.survey = survey, .picks = {.items = survey->scratch, .room = room}};
}

static void pick_exporter(void *user, const struct exporter *exporter)
{
    struct picking *picking = user;
    struct survey *survey = picking->survey;
    survey->exporters_seen++;
    const struct exporter *out = offer(&picking->picks, exporter, exporter->counts.datagrams);
    if (out != NULL)
        exporter_sums_add(&survey->others[out->key.type], out);
}

static void copy_exporters(struct survey *survey, const struct decoder *decoder)
{
    struct picking picking = begin_picking(survey, survey->limits.exporters);
    memcpy(survey->others, decoder_gone(decoder), sizeof survey->others);
    decoder_exporters(decoder, pick_exporter, &picking);
    for (size_t i = 0; i < picking.picks.count; i++) {
        struct survey_exporter *copy = &survey->exporters[survey->exporter_count++];
        copy->exporter = *(const struct exporter *)picking.picks.items[i].what;
        copy->templates = decoder_template_count(decoder, &copy->exporter);
        if (survey->limits.unused)
            copy->unused_count = decoder_unused(decoder, &copy->exporter, copy->unused,
                                                SURVEY_UNUSED_MAX);
    }
}

static void pick_senders(struct picking *picking, const struct table_order *order)
{
    for (const struct table_entry *e = order->newest; e != NULL; e = e->older) {
        const struct traffic_entry *one = (const struct traffic_entry *)e;
        const struct traffic_entry *out = offer(&picking->picks, one, one->counts.datagrams);
        if (out != NULL)
            traffic_add(&picking->survey->other_senders[out->listener], &out->counts);
    }
}

static void copy_senders(struct survey *survey, const struct traffic *traffic)
{
    struct picking picking = begin_picking(survey, survey->limits.senders);
    memcpy(survey->other_senders, traffic->gone, sizeof survey->other_senders);
    pick_senders(&picking, &traffic->table.ranks[TABLE_PROVEN]);
    pick_senders(&picking, &traffic->table.ranks[TABLE_NEWCOMER]);
    for (size_t i = 0; i < picking.picks.count; i++) {
        const struct traffic_entry *one = picking.picks.items[i].what;
        survey->senders[survey->sender_count++] = (struct survey_sender){
            .source = one->source, .listener = one->listener, .counts = one->counts};
    }
}

static void copy_strangers(struct survey *survey, const struct stranger_table *table)
{
    for (size_t i = 0; i < STRANGERS_MAX; i++) {
        const struct stranger *one = &table->sets[i / STRANGER_WAYS][i % STRANGER_WAYS];
        if (one->count != 0)
            survey->strangers[survey->stranger_count++] = *one;
    }
}

static bool copy_template(void *user, const struct domain_key *key, const struct template *template)
{
    struct survey *survey = user;
    size_t fields_len = template->field_count * sizeof template->fields[0];
    const struct survey_template copy = {.key = *key,
                                         .id = template->id,
                                         .options = template->options,
                                         .field_count = template->field_count,
                                         .scope_count = template->scope_count,
                                         .life = *template->life};
    if (survey->limits.template_bytes - survey->templates_len < sizeof copy + fields_len) {
        survey->templates_left_out++;
        return true;
    }
    char *at = survey->templates + survey->templates_len;
    memcpy(at, &copy, sizeof copy);
    memcpy(at + sizeof copy, template->fields, fields_len);
    survey->templates_len += sizeof copy + fields_len;
    return true;
}

static void run(struct errand *errand, const struct lane_view *view)
{
    struct survey *survey = (struct survey *)errand;
    survey->report = *view->report;
    if (survey->limits.exporters != 0)
        copy_exporters(survey, view->decoder);
    if (survey->limits.senders != 0)
        copy_senders(survey, view->traffic);
    if (survey->limits.strangers != 0)
        copy_strangers(survey, view->strangers);
    if (survey->limits.template_bytes != 0)
        decoder_templates(view->decoder, copy_template, survey);
}

static void free_errand(struct errand *errand)
{
    survey_free((struct survey *)errand);
}

struct survey *survey_new(const struct survey_limits *limits)
{
    struct survey *survey = calloc(1, sizeof *survey);
    size_t picks = limits->exporters > limits->senders ? limits->exporters : limits->senders;
    if (survey == NULL)
        return NULL;
    survey->errand = (struct errand){.run = run, .free = free_errand};
    survey->limits = *limits;
    survey->exporters = calloc(limits->exporters + 1, sizeof survey->exporters[0]);
    survey->senders = calloc(limits->senders + 1, sizeof survey->senders[0]);
    survey->strangers = calloc(limits->strangers + 1, sizeof survey->strangers[0]);
    survey->templates = malloc(limits->template_bytes + 1);
    survey->scratch = calloc(picks + 1, sizeof(struct pick));
    if (survey->exporters != NULL && survey->senders != NULL && survey->strangers != NULL &&
        survey->templates != NULL && survey->scratch != NULL)
        return survey;
    survey_free(survey);
    return NULL;
}

void survey_free(struct survey *survey)
{
    if (survey == NULL)
        return;
    free(survey->exporters);
    free(survey->senders);
    free(survey->strangers);
    free(survey->templates);
    free(survey->scratch);
    free(survey);
}

bool survey_template_at(const struct survey *survey, size_t *offset, struct survey_template *out,
                        const struct template_field **fields)
{
    if (*offset == survey->templates_len)
        return false;
    const char *at = survey->templates + *offset;
    memcpy(out, at, sizeof *out);
    *fields = (const struct template_field *)(const void *)(at + sizeof *out);
    *offset += sizeof *out + out->field_count * sizeof(struct template_field);
    return true;
}
