#include "collector/monitor/exporter_list.h"

#include <stdlib.h>
#include <string.h>

const char *exporter_protocol(enum flow_type type)
{
    switch (type) {
    case FLOW_TYPE_UNKNOWN:
        break;
    case FLOW_TYPE_SFLOW_5:
        return "sFlow v5";
    case FLOW_TYPE_NETFLOW_V5:
        return "NetFlow v5";
    case FLOW_TYPE_NETFLOW_V9:
        return "NetFlow v9";
    case FLOW_TYPE_IPFIX:
        return "IPFIX";
    }
    return "unknown";
}

const char *exporter_sampling_text(enum exporter_sampling sampling)
{
    switch (sampling) {
    case EXPORTER_SAMPLING_UNKNOWN:
        break;
    case EXPORTER_SAMPLING_SILENT:
        return "not said";
    case EXPORTER_SAMPLING_UNSAMPLED:
        return "unsampled";
    case EXPORTER_SAMPLING_HEADER:
        return "header";
    case EXPORTER_SAMPLING_SAMPLE:
        return "sample";
    case EXPORTER_SAMPLING_OPTIONS:
        return "options";
    case EXPORTER_SAMPLING_DOMAIN:
        return "other domain";
    case EXPORTER_SAMPLING_BORROWED:
        return "borrowed";
    case EXPORTER_SAMPLING_RECORD:
        return "record";
    case EXPORTER_SAMPLING_DEFAULT:
        return "default";
    case EXPORTER_SAMPLING_OVERRIDE:
        return "override";
    }
    return "unknown";
}

const char *exporter_counted(const struct sequence *sequence)
{
    static const char *const counts[SEQUENCE_COUNTS] = {
        "datagrams", "records", "flows", "records and templates", "data datagrams",
    };
    if (sequence_has_rule(sequence))
        return counts[sequence->rule % SEQUENCE_OWN];
    return sequence->rule == SEQUENCE_NOTHING ? "nothing" : "unknown";
}

void exporter_write_counted(struct buf *out, const struct sequence *sequence)
{
    buf_text(out, exporter_counted(sequence));
    if (sequence_has_rule(sequence) && (sequence->rule & SEQUENCE_OWN) != 0)
        buf_text(out, " incl.");
    if (sequence_has_rule(sequence) && (sequence->rule & SEQUENCE_SHARED) != 0)
        buf_text(out, " by port");
}

static int compare_keys(const void *a, const void *b)
{
    const struct exporter_key *x = &((const struct survey_exporter *)a)->exporter.key;
    const struct exporter_key *y = &((const struct survey_exporter *)b)->exporter.key;
    if (x->source.len != y->source.len)
        return x->source.len < y->source.len ? -1 : 1;
    int order = memcmp(x->source.bytes, y->source.bytes, sizeof x->source.bytes);
    if (order != 0)
        return order;
    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->sender.len != y->sender.len)
        return x->sender.len < y->sender.len ? -1 : 1;
    return memcmp(x->sender.bytes, y->sender.bytes, sizeof x->sender.bytes);
}

static int compare_datagrams(const void *a, const void *b)
{
    uint64_t x = ((const struct survey_exporter *)a)->exporter.counts.datagrams;
    uint64_t y = ((const struct survey_exporter *)b)->exporter.counts.datagrams;
    return x > y ? -1 : x < y;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// 0 is never.
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void merge_marks(struct exporter_mark *into, const struct exporter_mark *from)
{
    into->at_ns = earlier(into->at_ns, from->at_ns);
    into->bytes += from->bytes;
    into->flows += from->flows;
    into->taken += from->taken;
    into->lost += from->lost;
}

// What the two lanes say of one exporter; of what cannot be added up the latter word counts.
static void merge(struct survey_exporter *into, const struct survey_exporter *from)
{
    struct exporter *a = &into->exporter;
    const struct exporter *b = &from->exporter;
    struct exporter_sums sums = {.lost = 0};
    exporter_sums_add(&sums, a);
    exporter_sums_add(&sums, b);
    if (b->last_seen_ns > a->last_seen_ns) {
        a->router = b->router;
        a->port = b->port;
        a->skew_ns = b->skew_ns;
        a->sampling = b->sampling;
        a->sampling_rate = b->sampling_rate;
        a->sampling_said = b->sampling_said;
        a->sampling_said_by = b->sampling_said_by;
        a->limit = b->limit;
        a->sequence.rule = b->sequence.rule;
    }
    a->counts = sums.counts;
    a->sequence.lost = sums.lost;
    a->sequence.duplicates = sums.duplicates;
    a->sequence.reordered = sums.reordered;
    a->sequence.resets = sums.resets;
    a->sequence.taken += b->sequence.taken;
    merge_marks(&a->mark_old, &b->mark_old);
    a->first_seen_ns = earlier(a->first_seen_ns, b->first_seen_ns);
    a->last_seen_ns = later(a->last_seen_ns, b->last_seen_ns);
    a->last_flow_ns = later(a->last_flow_ns, b->last_flow_ns);
    a->last_template_ns = later(a->last_template_ns, b->last_template_ns);
    a->last_missing_ns = later(a->last_missing_ns, b->last_missing_ns);
    // One lane's flows do not end what another one misses.
    a->missing_since_ns = a->last_flow_ns > a->last_missing_ns
                              ? 0
                              : earlier(a->missing_since_ns, b->missing_since_ns);
    a->held.count += b->held.count;
    a->held.bytes += b->held.bytes;
    a->volume.bytes |= b->volume.bytes;
    a->volume.packets |= b->volume.packets;
    a->volume.missed = (a->volume.missed || b->volume.missed) && !a->volume.bytes;
    if (from->unused_count > into->unused_count) {
        memcpy(into->unused, from->unused, sizeof into->unused);
        into->unused_count = from->unused_count;
    }
    into->templates = into->templates > from->templates ? into->templates : from->templates;
}

static void gather(struct exporter_list *list, struct survey *const *surveys, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct survey *survey = surveys[i];
        if (survey->exporter_count != 0)
            memcpy(&list->items[list->count], survey->exporters,
                   survey->exporter_count * sizeof survey->exporters[0]);
        list->count += survey->exporter_count;
        list->left_out += survey->exporters_seen - survey->exporter_count;
        for (int type = 0; type < EXPORTER_TYPES; type++)
            exporter_sums_merge(&list->others[type], &survey->others[type]);
    }
}

static void merge_same(struct exporter_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept != 0 && compare_keys(&list->items[kept - 1], &list->items[i]) == 0)
            merge(&list->items[kept - 1], &list->items[i]);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

static bool same_sender(const struct survey_exporter *a, const struct survey_exporter *b)
{
    return a->exporter.key.type == b->exporter.key.type &&
           addr_equal(&a->exporter.key.source, &b->exporter.key.source);
}

// Domains of one sender stand together.
static void note_flows_elsewhere(struct exporter_list *list)
{
    for (size_t begin = 0, end = 0; begin < list->count; begin = end) {
        bool flows = false;
        for (; end < list->count && same_sender(&list->items[begin], &list->items[end]); end++)
            flows |= list->items[end].exporter.last_flow_ns != 0;
        for (size_t i = begin; i < end; i++)
            list->items[i].flows_elsewhere = flows;
    }
}

static void leave_out(struct exporter_list *list, size_t room)
{
    qsort(list->items, list->count, sizeof list->items[0], compare_datagrams);
    for (size_t i = room; i < list->count; i++) {
        const struct exporter *exporter = &list->items[i].exporter;
        exporter_sums_add(&list->others[exporter->key.type], exporter);
    }
    list->left_out += list->count - room;
    list->count = room;
}

int exporter_list_init(struct exporter_list *list, struct survey *const *surveys, unsigned count,
                       size_t room)
{
    size_t most = 0;
    *list = (struct exporter_list){.count = 0};
    for (unsigned i = 0; i < count; i++)
        most += surveys[i]->exporter_count;
    list->items = calloc(most + 1, sizeof list->items[0]);
    if (list->items == NULL)
        return -1;
    gather(list, surveys, count);
    qsort(list->items, list->count, sizeof list->items[0], compare_keys);
    merge_same(list);
    note_flows_elsewhere(list);
    if (list->count > room) {
        leave_out(list, room);
        qsort(list->items, list->count, sizeof list->items[0], compare_keys);
    }
    return 0;
}

void exporter_list_fini(struct exporter_list *list)
{
    free(list->items);
}
