// The senders of all lanes as one list: the busiest, each once per listener.
#pragma once

#include "collector/monitor/survey.h"

struct sender_list {
    struct survey_sender *items;
    size_t count;
    struct traffic_counts others[LISTEN_URIS_MAX]; // of those not in the list, by listener
};

// Merges the surveys into the `room` busiest. 0, or -1 without memory; free it with
// sender_list_fini.
int sender_list_init(struct sender_list *list, struct survey *const *surveys, unsigned count,
                     size_t room);
void sender_list_fini(struct sender_list *list);
