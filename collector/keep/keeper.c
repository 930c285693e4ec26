#include "collector/keep/keeper.h"

#include "collector/balance.h"
#include "collector/keep/disk.h"
#include "collector/keep/keeper_page.h"
#include "collector/keep/template_load.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_S   1 // how long the lanes are waited for
#define SOONEST_NS INT64_C(100000000)

struct keeper {
    struct keeper_options options;
    char terms_path[PATH_MAX];
    pthread_t thread;
    bool started;
    bool failing;                         // it was said that saving fails
    uint64_t changes[LISTEN_SOCKETS_MAX]; // that the files have, and one
    pthread_mutex_t lock;                 // guards the one below
    pthread_cond_t changed;
    bool ending;
};

static void warn(const struct fault *fault)
{
    log_warn("error preloading templates JSON", "error", fault->text);
}

// Which lanes will get datagrams of the exporter.
static void find_lanes(const struct keeper *keeper, const struct addr *source, uint16_t port,
                       bool wanted[static LISTEN_SOCKETS_MAX])
{
    const struct keeper_options *o = &keeper->options;
    memset(wanted, o->listener_count == 0, LISTEN_SOCKETS_MAX * sizeof wanted[0]);
    for (int i = 0; i < o->listener_count; i++) {
        const struct listener *listener = &o->listeners[i];
        unsigned lane = listener->count == 1
                            ? 0
                            : balance_pick(listener->uri.balance, source, port, listener->count);
        for (unsigned j = 0; j < listener->count; j++)
            wanted[j] |= lane == j || lane == listener->count;
    }
}

static size_t give_templates(const struct keeper *keeper, struct template_list *list)
{
    bool wanted[LISTEN_SOCKETS_MAX];
    for (size_t i = 0; i < list->count; i++) {
        struct datagram *datagram = &list->items[i];
        datagram->received_ns = (uint64_t)clock_unix_ns();
        find_lanes(keeper, &datagram->source, datagram->port, wanted);
        for (unsigned j = 0; j < keeper->options.lane_count; j++)
            if (wanted[j])
                decoder_recall(lane_decoder(keeper->options.lanes[j]), datagram);
    }
    return list->count;
}

// What a port announced that never sent data does not serve other ports after a restart either.
static size_t give_terms(const struct keeper *keeper, const struct terms_list *list)
{
    bool wanted[LISTEN_SOCKETS_MAX];
    for (unsigned j = 0; j < keeper->options.lane_count && list->tells_proven; j++)
        domain_doubt(decoder_domains(lane_decoder(keeper->options.lanes[j])));
    for (size_t i = 0; i < list->count; i++) {
        const struct terms_row *row = &list->rows[i];
        find_lanes(keeper, &row->key.source, row->key.port, wanted);
        for (unsigned j = 0; j < keeper->options.lane_count; j++)
            if (wanted[j])
                domain_restore(decoder_domains(lane_decoder(keeper->options.lanes[j])), &row->key,
                               &row->terms);
    }
    return list->count;
}

static size_t load_templates(const struct keeper *keeper)
{
    struct fault fault = {.text = ""};
    struct template_list list = {.items = NULL};
    char *text;
    size_t len;
    size_t count = 0;
    const char *path = keeper->options.path;
    if (disk_read(&text, &len, path, KEEPER_FILE_BYTES_MAX, &fault) != 0 ||
        template_load(&list, path, text, len, &fault) != 0)
        warn(&fault);
    else
        count = give_templates(keeper, &list);
    if (list.left_out != 0)
        log_info("templates of the file that are none left out", "file", path, "count",
                 log_unsigned(list.left_out).text);
    template_list_fini(&list);
    free(text);
    return count;
}

static size_t load_terms(const struct keeper *keeper)
{
    struct fault fault = {.text = ""};
    struct terms_list list = {.rows = NULL};
    char *text;
    size_t len;
    size_t count = 0;
    if (disk_read(&text, &len, keeper->terms_path, KEEPER_FILE_BYTES_MAX, &fault) != 0 ||
        terms_load(&list, keeper->terms_path, text, len, &fault) != 0)
        warn(&fault);
    else
        count = give_terms(keeper, &list);
    terms_list_fini(&list);
    free(text);
    return count;
}

struct keeper *keeper_new(const struct keeper_options *options)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL || strlen(options->path) >= sizeof keeper->terms_path - 16) {
        log_error("cannot keep templates", "file", options->path, "error",
                  keeper == NULL ? "out of memory" : "the path is too long");
        free(keeper);
        return NULL;
    }
    keeper->options = *options;
    snprintf(keeper->terms_path, sizeof keeper->terms_path, "%s.sampling", options->path);
    size_t templates = load_templates(keeper);
    size_t terms = load_terms(keeper);
    for (unsigned i = 0; i < options->lane_count;
         i++) // a file that was refused is not replaced yet
        keeper->changes[i] = decoder_changes(lane_decoder(options->lanes[i])) + 1;
    if (templates != 0 || terms != 0)
        log_info("loaded what exporters announced before", "file", options->path, "templates",
                 log_unsigned(templates).text, "domains_with_sampling", log_unsigned(terms).text);
    return keeper;
}

// Says that saving fails once, and once that it does no more.
static void save(struct keeper *keeper, struct keeper_page *page)
{
    struct fault fault = {.text = ""};
    bool failed = keeper_page_write(page, keeper->options.path, keeper->terms_path, &fault) != 0;
    if (failed && !keeper->failing)
        log_error("template persistence error", "error", fault.text);
    if (!failed && keeper->failing)
        log_info("templates are saved again", "file", keeper->options.path);
    keeper->failing = failed;
    for (unsigned i = 0; i < page->count; i++)
        keeper->changes[i] = failed ? 0 : page->terms[i]->changes + 1;
}

static bool has_changed(const struct keeper *keeper, const struct keeper_page *page)
{
    for (unsigned i = 0; i < page->count; i++)
        if (page->terms[i]->changes + 1 != keeper->changes[i])
            return true;
    return false;
}

// What the lanes know now, while their threads run: one that does not answer in time, since it
// waits for the reader of the output, puts it off.
static void look(struct keeper *keeper)
{
    struct keeper_page page = {.count = 0};
    struct timespec until = clock_steady_after(ANSWER_S * CLOCK_NS_PER_S);
    if (keeper_page_ask_terms(&page, keeper->options.lanes, keeper->options.lane_count, &until) &&
        has_changed(keeper, &page) &&
        keeper_page_ask_templates(&page, keeper->options.lanes, &until))
        save(keeper, &page);
    keeper_page_fini(&page);
}

static void look_last(struct keeper *keeper)
{
    struct keeper_page page = {.count = 0};
    if (keeper_page_take(&page, keeper->options.lanes, keeper->options.lane_count) &&
        has_changed(keeper, &page))
        save(keeper, &page);
    keeper_page_fini(&page);
}

static struct timespec next_look(const struct keeper *keeper)
{
    int64_t interval_ns = keeper->options.interval_ns;
    return clock_steady_after(interval_ns < SOONEST_NS ? SOONEST_NS : interval_ns);
}

static void *run(void *user)
{
    struct keeper *keeper = user;
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->ending) {
        struct timespec at = next_look(keeper);
        int error = 0;
        while (!keeper->ending && error == 0)
            error = pthread_cond_timedwait(&keeper->changed, &keeper->lock, &at);
        if (keeper->ending)
            break;
        pthread_mutex_unlock(&keeper->lock);
        look(keeper);
        pthread_mutex_lock(&keeper->lock);
    }
    pthread_mutex_unlock(&keeper->lock);
    return NULL;
}

int keeper_start(struct keeper *keeper)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int error = pthread_create(&keeper->thread, NULL, run, keeper);
    keeper->started = error == 0;
    if (keeper->started)
        return 0;
    log_error("cannot start the thread that saves templates", "error", strerror(error));
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->lock);
    return -1;
}

void keeper_end(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    if (keeper->started) {
        pthread_mutex_lock(&keeper->lock);
        keeper->ending = true;
        pthread_cond_signal(&keeper->changed);
        pthread_mutex_unlock(&keeper->lock);
        pthread_join(keeper->thread, NULL);
        look_last(keeper);
        pthread_cond_destroy(&keeper->changed);
        pthread_mutex_destroy(&keeper->lock);
    }
    free(keeper);
}
