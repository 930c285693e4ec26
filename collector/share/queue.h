// Announcements that wait to be put into the bucket: those of exporters that have sent data before
// those of others, of equals the oldest first. Bounded, each of the two by itself.
//
// Any thread.
#pragma once

#include "collector/decode/decode.h"

#include <pthread.h>

#define SHARE_QUEUE_COUNT 4096        // announcements of each kind,
#define SHARE_QUEUE_BYTES (16u << 20) // and their bytes

struct share_item {
    struct share_item *next;
    struct datagram announcement; // its bytes are behind it
};

struct share_list {
    struct share_item *first;
    struct share_item **last;
    unsigned count;
    size_t bytes;
};

struct share_queue {
    pthread_mutex_t lock; // guards all below
    struct share_list proven;
    struct share_list others;
    uint64_t left_out;
};

void share_queue_init(struct share_queue *queue);
void share_queue_fini(struct share_queue *queue);

// Copies the announcement; what there is no room or memory for is counted as left out.
void share_queue_put(struct share_queue *queue, const struct datagram *announcement, bool proven);

// The next one, the caller's to free, or NULL.
struct share_item *share_queue_take(struct share_queue *queue);

bool share_queue_empty(struct share_queue *queue);
uint64_t share_queue_left_out(struct share_queue *queue);
