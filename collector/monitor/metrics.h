// What the parts of the page of metrics share; inside the monitor only.
#pragma once

#include "collector/monitor/exporter_list.h"
#include "collector/monitor/page.h"
#include "collector/monitor/sender_list.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

// The labels of one listener.
struct metrics_place {
    char ip[ADDR_TEXT_MAX];
    struct metrics_number port;
    const char *scheme;
};

struct metrics_page {
    const struct monitor_view *view;
    struct metrics *metrics;
    struct exporter_list exporters;
    struct sender_list senders;
    struct lane_report sum;
    struct metrics_place places[LISTEN_URIS_MAX];
};

void monitor_metrics_exporters(const struct metrics_page *page);
void monitor_metrics_templates(const struct metrics_page *page);
