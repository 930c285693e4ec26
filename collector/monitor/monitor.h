// What operators may ask a running collector over HTTP: /status, /metrics, /exporters, /templates,
// /__health.
//
// Of losses and rates the copy of the watch is shown, which is never older than a second or two.
// Everything else is gathered when it is asked for: the owner of each lane copies out what it
// knows, within a second; of one that does not answer in time (it waits for the reader of the
// output) the copy made last is taken. Handlers run in the server's thread, the functions below in
// the main thread.
#pragma once

#include "collector/lane.h"
#include "collector/listener.h"
#include "collector/monitor/watch.h"
#include "common/enrich/reload_metrics.h"

struct monitor_options {
    const char *address;        // -addr
    const char *names;          // -addr.names
    const char *templates_path; // -templates.path; "": none
    struct lane *const *lanes;
    unsigned lane_count;
    const struct listener *listeners;
    int listener_count;
    struct sink *sink;
    struct watch *watch;
    struct reload_books reloads;
    bool capture; // time is that of the latest datagram
};

struct monitor;

// Everything that the options point to outlives it. NULL after having logged why.
struct monitor *monitor_start(const struct monitor_options *options);

// The process ends: /__health says so from now on. NULL is allowed.
void monitor_ending(struct monitor *monitor);

// Before the lanes are freed. NULL is allowed.
void monitor_stop(struct monitor *monitor);
