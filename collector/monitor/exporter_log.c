#include "collector/monitor/exporter_log.h"

#include "collector/monitor/page.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/loss.h"

#include <stdlib.h>
#include <string.h>

#define SILENT_NS (300 * (uint64_t)CLOCK_NS_PER_S) // as the verdict has it
#define ANSWER_NS (200 * CLOCK_NS_PER_MS)          // how long the lanes are waited for

// What is to be compared with the next look.
struct exporter_memory {
    struct exporter_key key;
    uint64_t last_seen_ns;
    size_t templates;
};

static bool same_key(const struct exporter_key *a, const struct exporter_key *b)
{
    return a->type == b->type && a->id == b->id && addr_equal(&a->source, &b->source) &&
           addr_equal(&a->sender, &b->sender);
}

// Both are in the same order, so the next one is most often where it is looked for first.
static const struct exporter_memory *find(const struct exporter_log *log,
                                          const struct exporter_key *key, size_t *next)
{
    for (size_t i = 0; i < log->count; i++) {
        size_t at = (*next + i) % log->count;
        if (same_key(&log->items[at].key, key)) {
            *next = at + 1;
            return &log->items[at];
        }
    }
    return NULL;
}

static bool may_say(struct exporter_log *log)
{
    uint64_t skipped;
    enum mute_answer answer = mute_ask(&log->mute, clock_steady_ns(), &skipped);
    if (skipped != 0)
        log_info("skipped lines about exporters", "count", log_unsigned(skipped).text);
    if (answer == MUTE_BEGIN)
        log_info("too many lines about exporters, muting");
    return answer == MUTE_WRITE;
}

static void say(struct exporter_log *log, int level, const char *what,
                const struct survey_exporter *one, const char *name, const char *value)
{
    const struct exporter *e = &one->exporter;
    char source[ADDR_TEXT_MAX];
    if (log_enabled(level) && may_say(log))
        log_pairs(level, what, "exporter", addr_string(source, &e->key.source), "port",
                  log_unsigned(e->port).text, "protocol", exporter_protocol(e->key.type), "domain",
                  log_unsigned(e->key.id).text, name, value, (char *)0);
}

static void compare(struct exporter_log *log, const struct survey_exporter *one,
                    const struct exporter_memory *before, uint64_t now_ns)
{
    const struct exporter *e = &one->exporter;
    bool silent = now_ns > e->last_seen_ns + SILENT_NS;
    bool was_silent = log->looked_ns > e->last_seen_ns + SILENT_NS;
    bool came = before != NULL && log->looked_ns > before->last_seen_ns + SILENT_NS && !silent;
    if (e->first_seen_ns >= log->looked_ns)
        say(log, LOG_LEVEL_INFO, "exporter is new", one, "templates",
            log_unsigned(one->templates).text);
    else if (silent && !was_silent)
        say(log, LOG_LEVEL_INFO, "exporter is silent", one, "last_seen",
            loss_time((int64_t)e->last_seen_ns).text);
    else if (came)
        say(log, LOG_LEVEL_INFO, "exporter sends again", one, "silent_since",
            loss_time((int64_t)before->last_seen_ns).text);
    if (before != NULL && one->templates > before->templates)
        say(log, LOG_LEVEL_DEBUG, "exporter has more templates", one, "templates",
            log_unsigned(one->templates).text);
}

static void remember(struct exporter_log *log, const struct exporter_list *list)
{
    struct exporter_memory *items = calloc(list->count + 1, sizeof *items);
    if (items == NULL)
        return; // the next look is compared with the one before
    for (size_t i = 0; i < list->count; i++)
        items[i] = (struct exporter_memory){.key = list->items[i].exporter.key,
                                            .last_seen_ns = list->items[i].exporter.last_seen_ns,
                                            .templates = list->items[i].templates};
    free(log->items);
    log->items = items;
    log->count = list->count;
}

void exporter_log_take(struct exporter_log *log, const struct exporter_list *list, uint64_t now_ns)
{
    size_t next = 0;
    for (size_t i = 0; i < list->count; i++)
        compare(log, &list->items[i], find(log, &list->items[i].exporter.key, &next), now_ns);
    remember(log, list);
    log->looked_ns = now_ns;
}

void exporter_log_fini(struct exporter_log *log)
{
    free(log->items);
}

static unsigned send_surveys(struct survey *surveys[], struct lane *const *lanes, unsigned count)
{
    const struct survey_limits limits = {.exporters = MONITOR_SERIES_MAX};
    for (unsigned i = 0; i < count; i++) {
        surveys[i] = survey_new(&limits);
        if (surveys[i] != NULL && lane_send(lanes[i], &surveys[i]->errand) == 0)
            continue;
        survey_free(surveys[i]);
        return i;
    }
    return count;
}

void exporter_log_look(struct exporter_log *log, struct lane *const *lanes, unsigned count)
{
    struct survey *surveys[LISTEN_SOCKETS_MAX];
    struct exporter_list list;
    struct timespec until = clock_steady_after(ANSWER_NS);
    uint64_t now_ns = (uint64_t)clock_unix_ns();
    unsigned sent = send_surveys(surveys, lanes, count);
    unsigned kept = 0;
    for (unsigned i = 0; i < sent; i++)
        if (lane_await(lanes[i], &surveys[i]->errand, &until))
            surveys[kept++] = surveys[i];
    if (kept == count && exporter_list_init(&list, surveys, count, MONITOR_SERIES_MAX) == 0) {
        exporter_log_take(log, &list, now_ns);
        exporter_list_fini(&list);
    }
    for (unsigned i = 0; i < kept; i++)
        survey_free(surveys[i]);
}
