// The pages of the monitor, each made of the surveys of all lanes. The server's thread.
#pragma once

#include "collector/monitor/monitor.h"
#include "collector/monitor/survey.h"
#include "common/base/http.h"

#include <stdio.h>

#define MONITOR_EXPORTERS_MAX 10000 // on the page of exporters
#define MONITOR_STRANGERS_MAX 100   // on the page of the status
#define MONITOR_SERIES_MAX    1000  // exporters, and senders, with metrics of their own

// One survey of each lane that has answered, lately or before.
struct monitor_view {
    const struct monitor_options *options;
    struct survey *surveys[LISTEN_SOCKETS_MAX];
    unsigned worker[LISTEN_SOCKETS_MAX]; // whose it is
    unsigned count;
    unsigned late; // lanes of which it is an old one, or none
    uint64_t now_ns;
};

void monitor_status(const struct monitor_view *view, bool as_text, struct http_answer *answer);
void monitor_metrics(const struct monitor_view *view, struct http_answer *answer);
void monitor_exporters(const struct monitor_view *view, bool as_table, struct http_answer *answer);

// The page borrows the surveys until it is sent, or cut off.
void monitor_templates(const struct monitor_view *view, struct http_answer *answer);

// Takes over what was written to the stream of open_memstream, and closes it.
void monitor_answer(struct http_answer *answer, FILE *out, char **body, size_t *len,
                    const char *type);
