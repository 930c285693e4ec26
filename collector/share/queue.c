#include "collector/share/queue.h"

#include <stdlib.h>
#include <string.h>

void share_queue_init(struct share_queue *queue)
{
    *queue = (struct share_queue){.left_out = 0};
    pthread_mutex_init(&queue->lock, NULL);
    queue->proven.last = &queue->proven.first;
    queue->others.last = &queue->others.first;
}

static struct share_item *take(struct share_list *list)
{
    struct share_item *item = list->first;
    if (item == NULL)
        return NULL;
    list->first = item->next;
    list->last = item->next == NULL ? &list->first : list->last;
    list->count--;
    list->bytes -= item->announcement.len;
    return item;
}

static bool put(struct share_list *list, struct share_item *item)
{
    if (list->count == SHARE_QUEUE_COUNT ||
        list->bytes + item->announcement.len > SHARE_QUEUE_BYTES)
        return false;
    *list->last = item;
    list->last = &item->next;
    list->count++;
    list->bytes += item->announcement.len;
    return true;
}

static struct share_item *copy(const struct datagram *announcement)
{
    struct share_item *item = malloc(sizeof *item + announcement->len);
    if (item == NULL)
        return NULL;
    item->next = NULL;
    item->announcement = *announcement;
    item->announcement.data = memcpy(item + 1, announcement->data, announcement->len);
    return item;
}

void share_queue_put(struct share_queue *queue, const struct datagram *announcement, bool proven)
{
    struct share_item *item = announcement->len <= UINT16_MAX ? copy(announcement) : NULL;
    pthread_mutex_lock(&queue->lock);
    bool taken = item != NULL && put(proven ? &queue->proven : &queue->others, item);
    queue->left_out += !taken;
    pthread_mutex_unlock(&queue->lock);
    if (!taken)
        free(item);
}

struct share_item *share_queue_take(struct share_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct share_item *item = take(&queue->proven);
    if (item == NULL)
        item = take(&queue->others);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

bool share_queue_empty(struct share_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool empty = queue->proven.first == NULL && queue->others.first == NULL;
    pthread_mutex_unlock(&queue->lock);
    return empty;
}

uint64_t share_queue_left_out(struct share_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint64_t left_out = queue->left_out;
    pthread_mutex_unlock(&queue->lock);
    return left_out;
}

void share_queue_fini(struct share_queue *queue)
{
    struct share_item *item;
    while ((item = share_queue_take(queue)) != NULL)
        free(item);
    pthread_mutex_destroy(&queue->lock);
}
