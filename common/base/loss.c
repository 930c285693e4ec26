#include "common/base/loss.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAUSE_NS       (60 * CLOCK_NS_PER_S) // between two lines of a kind, at first
#define PAUSE_MAX_NS   (600 * CLOCK_NS_PER_S)
#define PAUSE_NOTED_NS (3600 * CLOCK_NS_PER_S) // what a stranger sends may come for ever
#define CALM_NS        (3600 * CLOCK_NS_PER_S) // without a loss: the next one is news again

static const struct loss_row ROWS[LOSS_COUNT] = {
#define LOSS_OF(name, grade, advice) {NULL, LOSS_##grade, NULL, NULL, advice, true, REASON_##name},
#define LOSS_AS(name, grade, title, advice)                                                        \
    {NULL, LOSS_##grade, title, NULL, advice, true, REASON_##name},
#define LOSS(id, label, grade, title, text, advice)                                                \
    {label, LOSS_##grade, title, text, advice, true, -1},
#define STATE(id, label, grade, text, advice) {label, LOSS_##grade, text, text, advice, false, -1},
#include "common/base/loss.def"
#undef LOSS_OF
#undef LOSS_AS
#undef LOSS
#undef STATE
};

static const char *const TITLES[] = {
    [REASON_CLASS_DATAGRAM] = "datagrams refused",
    [REASON_CLASS_UNIT] = "sets or samples dropped",
    [REASON_CLASS_FLOW] = "flows lost",
    [REASON_CLASS_NOTE] = "messages lost",
};

struct entry {
    struct loss_row row;
    struct loss loss;
    uint64_t fed; // what was counted by now
    bool lasts;   // a state
    bool told;    // that it began
    int64_t last_steady_ns;
    int64_t told_steady_ns; // the latest line; 0: none
    uint64_t told_count;
    int64_t pause_ns; // until the next
};

struct loss_watch {
    pthread_mutex_t lock;
    struct entry entries[LOSS_COUNT];
};

struct loss_row loss_row(enum loss_kind kind)
{
    assert(kind < LOSS_COUNT);
    struct loss_row row = ROWS[kind];
    if (row.reason < 0)
        return row;
    enum reason reason = (enum reason)row.reason;
    row.label = reason_label(reason);
    if (row.title == NULL)
        row.title = TITLES[reason_class(reason)];
    row.text = reason_text(reason);
    return row;
}

struct loss_watch *loss_watch_new(void)
{
    struct loss_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    pthread_mutex_init(&watch->lock, NULL);
    for (int i = 0; i < LOSS_COUNT; i++)
        watch->entries[i] = (struct entry){.row = loss_row((enum loss_kind)i),
                                           .pause_ns = PAUSE_NS};
    return watch;
}

void loss_watch_free(struct loss_watch *watch)
{
    if (watch == NULL)
        return;
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

static void set_detail(struct entry *entry, const char *detail)
{
    if (detail != NULL)
        snprintf(entry->loss.detail, sizeof entry->loss.detail, "%s", detail);
}

void loss_watch_count(struct loss_watch *watch, enum loss_kind kind, uint64_t total,
                      const char *detail)
{
    struct entry *entry = &watch->entries[kind];
    assert(entry->row.counted);
    pthread_mutex_lock(&watch->lock);
    if (total > entry->fed) {
        set_detail(entry, detail);
        entry->fed = total;
    }
    pthread_mutex_unlock(&watch->lock);
}

void loss_watch_ledger(struct loss_watch *watch, const struct ledger *ledger)
{
    for (int i = 0; i < LOSS_COUNT; i++) {
        int reason = watch->entries[i].row.reason;
        if (reason >= 0)
            loss_watch_count(watch, (enum loss_kind)i, ledger->reasons[reason], NULL);
    }
}

void loss_watch_state(struct loss_watch *watch, enum loss_kind kind, bool lasts, const char *detail)
{
    struct entry *entry = &watch->entries[kind];
    assert(!entry->row.counted);
    pthread_mutex_lock(&watch->lock);
    if (lasts)
        set_detail(entry, detail);
    entry->lasts = lasts;
    pthread_mutex_unlock(&watch->lock);
}

struct log_text loss_time(int64_t unix_ns)
{
    struct log_text out = {.text = "never"};
    time_t seconds = (time_t)(unix_ns / CLOCK_NS_PER_S);
    struct tm parts;
    if (unix_ns != 0 && gmtime_r(&seconds, &parts) != NULL)
        strftime(out.text, sizeof out.text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return out;
}

static struct log_text title_of(const char *when, const struct loss_row *row)
{
    struct log_text out;
    snprintf(out.text, sizeof out.text, "%s%s", when, row->title);
    return out;
}

static void tell(const struct entry *entry)
{
    const struct loss_row *row = &entry->row;
    const struct loss *loss = &entry->loss;
    struct log_text title = title_of(entry->told ? "still: " : "", row);
    struct log_text since = loss_time(loss->begun_ns);
    const char *detail = *loss->detail == '\0' ? NULL : "detail"; // no key ends the line
    if (row->counted)
        log_warn(title.text, "reason", row->label, "count", log_unsigned(loss->count).text, "since",
                 since.text, "why", row->text, "do", row->advice, detail, loss->detail);
    else
        log_warn(title.text, "state", row->label, "since", since.text, "do", row->advice, detail,
                 loss->detail);
}

static void tell_end(const struct entry *entry)
{
    const struct loss_row *row = &entry->row;
    const struct loss *loss = &entry->loss;
    struct log_text title = title_of("over: ", row);
    struct log_text since = loss_time(loss->begun_ns);
    struct log_text seconds = log_number((loss->last_ns - loss->begun_ns) / CLOCK_NS_PER_S);
    if (row->counted)
        log_info(title.text, "reason", row->label, "count", log_unsigned(loss->count).text, "since",
                 since.text, "seconds", seconds.text);
    else
        log_info(title.text, "state", row->label, "since", since.text, "seconds", seconds.text);
}

static void begin(struct entry *entry, int64_t steady_ns, int64_t unix_ns)
{
    struct loss *loss = &entry->loss;
    if (entry->row.grade != LOSS_NOTED || steady_ns - entry->last_steady_ns >= CALM_NS)
        entry->pause_ns = PAUSE_NS;
    loss->current = true;
    loss->count = 0;
    loss->begun_ns = unix_ns;
    if (loss->first_ns == 0)
        loss->first_ns = unix_ns;
    entry->told = false;
    entry->told_count = 0;
}

static void end(struct entry *entry)
{
    entry->loss.current = false;
    if (entry->told)
        tell_end(entry);
}

// Takes over what it was fed with. Whether there was something.
static bool take(struct entry *entry, int64_t steady_ns, int64_t unix_ns)
{
    struct loss *loss = &entry->loss;
    uint64_t fresh = entry->fed - loss->total;
    if (fresh == 0 && !entry->lasts)
        return false;
    if (!loss->current)
        begin(entry, steady_ns, unix_ns);
    loss->total += fresh;
    loss->count += fresh;
    loss->last_ns = unix_ns;
    entry->last_steady_ns = steady_ns;
    return true;
}

static void tell_in_time(struct entry *entry, int64_t steady_ns)
{
    int64_t most_ns = entry->row.grade == LOSS_NOTED ? PAUSE_NOTED_NS : PAUSE_MAX_NS;
    bool news = !entry->row.counted || entry->loss.count > entry->told_count;
    if (!news ||
        (entry->told_steady_ns != 0 && steady_ns - entry->told_steady_ns < entry->pause_ns))
        return;
    if (entry->told_steady_ns != 0)
        entry->pause_ns = 2 * entry->pause_ns < most_ns ? 2 * entry->pause_ns : most_ns;
    tell(entry);
    entry->told = true;
    entry->told_steady_ns = steady_ns;
    entry->told_count = entry->loss.count;
}

static void look(struct entry *entry, int64_t steady_ns, int64_t unix_ns)
{
    bool fresh = take(entry, steady_ns, unix_ns);
    int64_t quiet_ns = steady_ns - entry->last_steady_ns;
    if (entry->loss.current && !fresh && (!entry->row.counted || quiet_ns >= LOSS_RECENT_NS))
        end(entry);
    if (entry->loss.current)
        tell_in_time(entry, steady_ns);
}

void loss_watch_tick(struct loss_watch *watch, int64_t steady_ns, int64_t unix_ns)
{
    pthread_mutex_lock(&watch->lock);
    for (int i = 0; i < LOSS_COUNT; i++)
        look(&watch->entries[i], steady_ns, unix_ns);
    pthread_mutex_unlock(&watch->lock);
}

void loss_watch_copy(struct loss_watch *watch, struct loss losses[static LOSS_COUNT])
{
    pthread_mutex_lock(&watch->lock);
    for (int i = 0; i < LOSS_COUNT; i++)
        losses[i] = watch->entries[i].loss;
    pthread_mutex_unlock(&watch->lock);
}
