// Exporters whose template changed its layout: it happens after an upgrade, and when someone forges
// templates. The first change of each exporter is put here for the operator.
//
// A value, copied out by the owner of the decoder.
#pragma once

#include "common/base/addr.h"
#include "common/flow/flow.h"

#include <stdint.h>

#define ALARM_LATEST_MAX 16

struct alarm {
    struct addr source;
    uint16_t port;
    uint16_t template_id;
    enum flow_type type;
    uint32_t domain;
};

struct alarm_list {
    uint64_t total;
    struct alarm latest[ALARM_LATEST_MAX]; // alarm n, from 0, at n modulo the size
};

static inline void alarm_put(struct alarm_list *list, const struct alarm *alarm)
{
    list->latest[list->total++ % ALARM_LATEST_MAX] = *alarm;
}
