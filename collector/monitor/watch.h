// The look that the main thread has once a second at what the lanes have counted: losses are told
// of while they happen, and the pages get sums and rates that no lane needs to be asked for.
//
// A lane that does not answer (it waits for the reader of the output) costs a fraction of a second
// at most, and counts with what it said last.
#pragma once

#include "collector/lane.h"
#include "collector/listener.h"
#include "common/base/loss.h"
#include "common/base/mute.h"

struct watch_options {
    struct lane *const *lanes;
    unsigned lane_count;
    const struct listener *listeners;
    int listener_count;
    struct sink *sink;
    struct mute mute; // of lines that exporters can cause
};

// What was seen last.
struct watch_view {
    struct lane_report sum; // of all lanes; listener_errors: one of them
    struct loss losses[LOSS_COUNT];
    double datagrams_per_second;
    double bits_per_second; // of datagrams
    double flows_per_second;
    double delivered_per_second;
    double listener_datagrams_per_second[LISTEN_URIS_MAX];
};

struct watch;

// Everything that the options point to outlives it. NULL after having logged why.
struct watch *watch_new(const struct watch_options *options);
void watch_free(struct watch *watch); // NULL is allowed

// Main thread, once a second.
void watch_look(struct watch *watch);

// Any thread.
void watch_copy(struct watch *watch, struct watch_view *view);

// Adds the books of a lane to a sum.
void watch_add_report(struct lane_report *sum, const struct lane_report *part);

// "netflow://192.0.2.1:2055".
#define WATCH_LISTENER_MAX (LISTEN_HOST_MAX + 32)
const char *watch_listener_name(char room[static WATCH_LISTENER_MAX],
                                const struct listener *listener);
