// The insides of a lane; for lane*.c only.
#pragma once

#include "collector/errand.h"
#include "collector/mailbox.h"

#include <pthread.h>

// When the filter has its look at a flow.
enum sifting {
    SIFTING_NONE,
    SIFTING_EARLY, // what it looks at is not changed by enrichment, which those it drops are spared
    SIFTING_LATE,
};

struct lane {
    struct layout *layout;
    struct sink *sink;
    struct sink_writer *writer;
    struct snapshot *snapshot;
    struct allow *allow;
    enum sifting sifting;
    struct decoder *decoder;
    struct raw *raw; // -produce raw; else NULL
    struct traffic traffic;
    struct stranger_table strangers;
    struct lane *const *peers; // itself among them
    unsigned peer_count;
    struct share *share;
    bool spread; // peers get datagrams of the same exporters
    struct mailbox mailbox;
    int alarm_fd;
    bool alarmed;
    bool stopping;
    uint64_t refused; // datagrams, up to the last batch
    struct lane_report books;

    pthread_mutex_t lock; // guards all below
    pthread_cond_t answered;
    uint64_t asked;
    uint64_t answer;
    struct lane_report copy;
};
