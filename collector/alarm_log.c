#include "collector/alarm_log.h"

#include "collector/monitor/exporter_list.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static void say(const struct alarm *alarm)
{
    char source[ADDR_TEXT_MAX];
    log_warn("template changed: another layout under a known id", "exporter",
             addr_string(source, &alarm->source), "port", log_unsigned(alarm->port).text,
             "protocol", exporter_protocol(alarm->type), "domain", log_unsigned(alarm->domain).text,
             "template", log_unsigned(alarm->template_id).text);
}

static void take(struct alarm_log *log, const struct alarm *alarm)
{
    uint64_t skipped;
    enum mute_answer answer = mute_ask(&log->mute, clock_steady_ns(), &skipped);
    if (skipped != 0)
        log_warn("skipped template changes", "count", log_unsigned(skipped).text);
    switch (answer) {
    case MUTE_WRITE:
        say(alarm);
        break;
    case MUTE_BEGIN:
        log_warn("too many template changes, muting");
        break;
    case MUTE_SILENT:
        break;
    }
}

void alarm_log_take(struct alarm_log *log, unsigned lane, const struct alarm_list *list)
{
    uint64_t from = log->seen[lane];
    if (list->total - from > ALARM_LATEST_MAX) {
        log_warn("template changes not shown", "count",
                 log_unsigned(list->total - from - ALARM_LATEST_MAX).text);
        from = list->total - ALARM_LATEST_MAX;
    }
    for (; from < list->total; from++)
        take(log, &list->latest[from % ALARM_LATEST_MAX]);
    log->seen[lane] = list->total;
}
