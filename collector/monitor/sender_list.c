#include "collector/monitor/sender_list.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b)
{
    const struct survey_sender *x = a;
    const struct survey_sender *y = b;
    if (x->listener != y->listener)
        return x->listener < y->listener ? -1 : 1;
    if (x->source.len != y->source.len)
        return x->source.len < y->source.len ? -1 : 1;
    return memcmp(x->source.bytes, y->source.bytes, sizeof x->source.bytes);
}

static int compare_datagrams(const void *a, const void *b)
{
    uint64_t x = ((const struct survey_sender *)a)->counts.datagrams;
    uint64_t y = ((const struct survey_sender *)b)->counts.datagrams;
    return x > y ? -1 : x < y;
}

static void gather(struct sender_list *list, struct survey *const *surveys, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct survey *survey = surveys[i];
        if (survey->sender_count != 0)
            memcpy(&list->items[list->count], survey->senders,
                   survey->sender_count * sizeof survey->senders[0]);
        list->count += survey->sender_count;
        for (int listener = 0; listener < LISTEN_URIS_MAX; listener++)
            traffic_add(&list->others[listener], &survey->other_senders[listener]);
    }
}

static void merge_same(struct sender_list *list)
{
    size_t kept = 0;
    qsort(list->items, list->count, sizeof list->items[0], compare_keys);
    for (size_t i = 0; i < list->count; i++) {
        if (kept != 0 && compare_keys(&list->items[kept - 1], &list->items[i]) == 0)
            traffic_add(&list->items[kept - 1].counts, &list->items[i].counts);
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

int sender_list_init(struct sender_list *list, struct survey *const *surveys, unsigned count,
                     size_t room)
{
    size_t most = 0;
    *list = (struct sender_list){.count = 0};
    for (unsigned i = 0; i < count; i++)
        most += surveys[i]->sender_count;
    list->items = calloc(most + 1, sizeof list->items[0]);
    if (list->items == NULL)
        return -1;
    gather(list, surveys, count);
    merge_same(list);
    if (list->count <= room)
        return 0;
    qsort(list->items, list->count, sizeof list->items[0], compare_datagrams);
    for (size_t i = room; i < list->count; i++)
        traffic_add(&list->others[list->items[i].listener], &list->items[i].counts);
    list->count = room;
    return 0;
}

void sender_list_fini(struct sender_list *list)
{
    free(list->items);
}
