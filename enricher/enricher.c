#include "enricher/enricher.h"

#include "common/base/clock.h"
#include "common/base/ledger.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/enrich/reload.h"
#include "enricher/formatting.h"
#include "enricher/monitor.h"
#include "enricher/source/nats.h"
#include "enricher/source/stdin.h"
#include "enricher/watch.h"
#include "enricher/worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WATCH_MS 1000 // between looks at what the worker has to say

struct enricher {
    const struct enricher_options *options;
    struct formatting *formatting;
    struct source *source;
    struct sink *sink;
    struct worker *worker;
    struct reload *reload;
    struct snapshot_facts facts; // of the first snapshot
    struct monitor *monitor;
    struct reload_tally mapping; // of the reloads
    struct watch *watch;
    int signal_fd;
    int drain_ms;
    bool stopping;
    int64_t abandon_ms; // when the output is waited for no longer, once it is stopping
    int64_t looked_ms;
};

// Before the first thread, which then inherits the mask: signals come through the descriptor.
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); // the sink reports a reader that went away
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void adopt(void *user, struct snapshot *snapshot)
{
    worker_offer(user, snapshot);
}

static int start_monitor(struct enricher *e)
{
    const struct monitor_options options = {
        .address = e->options->address,
        .names = e->options->names,
        .worker = e->worker,
        .source = e->source,
        .reload = e->reload,
        .mapping = *e->options->mapping_path == '\0' ? NULL : &e->mapping,
        .sink = e->sink,
        .watch = e->watch,
        .facts = e->facts};
    if (*options.address == '\0')
        return 0;
    e->monitor = monitor_start(&options);
    if (e->monitor == NULL) // what is looked at is worth less than what is enriched
        log_warn("runs without its pages: no metrics, -health", "addr", options.address);
    return 0;
}

static int open_pipeline(struct enricher *e)
{
    const struct enricher_options *o = e->options;
    struct snapshot *snapshot = snapshot_new(&o->snapshot);
    e->formatting = formatting_new(o); // all that is wrong is said at once
    if (snapshot == NULL || e->formatting == NULL) {
        snapshot_unref(snapshot);
        return -1;
    }
    reload_log("starting enricher", snapshot);
    snapshot_facts(snapshot, &e->facts);
    e->source = o->from_nats ? nats_source_open(&o->nats_source) : stdin_open(STDIN_FILENO);
    e->sink = o->sink_ops->open(&o->sink);
    if (e->source == NULL || e->sink == NULL) {
        snapshot_unref(snapshot);
        return -1;
    }
    if (e->sink->ops->settled != NULL && !e->source->ops->acknowledges)
        log_info(
            "the input cannot be told what was inserted: of flows in memory exactly once holds "
            "as long as this process lives",
            "source", e->source->ops->name);
    const struct worker_options options = {
        .source = e->source,
        .sink = e->sink,
        .format = e->formatting->format,
        .filter = e->formatting->filter,
        .enrich = {.sampling_rate = (uint64_t)o->sampling_rate},
        .drain_ms = e->drain_ms,
    };
    e->worker = worker_start(&options, snapshot);
    if (e->worker == NULL)
        return -1;
    const struct watch_options watch = {.worker = e->worker, .source = e->source, .sink = e->sink};
    e->watch = watch_new(&watch);
    e->reload = reload_start(&o->snapshot, adopt, e->worker);
    return e->watch == NULL || e->reload == NULL ? -1 : start_monitor(e);
}

static void reload_format(struct enricher *e)
{
    struct formatting *formatting = formatting_new(e->options);
    reload_count(&e->mapping, formatting == NULL);
    if (formatting == NULL) {
        log_error("mapping not reloaded, what was loaded before stays", "file",
                  e->options->mapping_path);
        return;
    }
    worker_offer_formatting(e->worker, formatting);
    log_info("reloaded the mapping", "file", e->options->mapping_path);
}

static void hang_up(struct enricher *e)
{
    int result = sink_reopen(e->sink);
    if (result != 0)
        log_error("output cannot be opened again, the old one stays", "file", e->options->file,
                  "error", strerror(-result));
    if (*e->options->mapping_path != '\0')
        reload_format(e);
    reload_request(e->reload);
}

// Asked to end: the worker finishes and drains. A second signal, or the end of the time for it,
// cuts that short.
static void stop(struct enricher *e)
{
    if (e->stopping)
        sink_abandon(e->sink);
    e->stopping = true;
    e->abandon_ms = clock_steady_ms() + e->drain_ms;
    monitor_ending(e->monitor);
    worker_stop(e->worker);
}

static void take_signals(struct enricher *e)
{
    struct signalfd_siginfo info;
    while (read(e->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            hang_up(e);
        else
            stop(e);
    }
}

// Signals may come oftener than that.
static void look(struct enricher *e)
{
    int64_t now_ms = clock_steady_ms();
    if (e->stopping && now_ms >= e->abandon_ms)
        sink_abandon(e->sink);
    if (now_ms - e->looked_ms < WATCH_MS)
        return;
    e->looked_ms = now_ms;
    watch_look(e->watch);
}

static void serve(struct enricher *e)
{
    struct standard_pulse pulse = standard_pulse_asked();
    for (;;) {
        struct pollfd fds[] = {
            {.fd = worker_done_fd(e->worker), .events = POLLIN},
            {.fd = e->signal_fd, .events = POLLIN},
        };
        int most_ms = e->stopping && e->drain_ms < WATCH_MS ? e->drain_ms : WATCH_MS;
        poll(fds, 2, standard_pulse(&pulse, most_ms));
        if (fds[0].revents != 0)
            return;
        if (fds[1].revents != 0)
            take_signals(e);
        look(e);
    }
}

// 0, or -1 when something failed on the way.
static int close_pipeline(struct enricher *e)
{
    int result = -1;
    monitor_ending(e->monitor);
    if (e->worker != NULL) {
        worker_stop(e->worker); // it may run when the start failed half-way
        result = worker_join(e->worker);
    }
    monitor_stop(e->monitor);
    watch_free(e->watch);
    reload_end(e->reload);
    if (e->sink != NULL)
        sink_close(e->sink);
    if (e->worker != NULL) {
        ledger_log_flows(worker_ledger(e->worker));
        worker_free(e->worker);
    }
    if (e->source != NULL)
        source_close(e->source);
    formatting_free(e->formatting);
    return result;
}

int enricher_run(const struct enricher_options *options)
{
    int64_t drain_ms = options->drain_ns / 1000000;
    struct enricher e = {.options = options,
                         .signal_fd = open_signals(),
                         .drain_ms = drain_ms > INT_MAX ? INT_MAX : (int)drain_ms};
    if (e.signal_fd < 0) {
        log_error("signals cannot be received", "error", strerror(errno));
        return EXIT_FAILURE;
    }
    bool opened = open_pipeline(&e) == 0;
    if (opened) {
        standard_tell_ready();
        serve(&e);
    }
    bool closed = close_pipeline(&e) == 0;
    close(e.signal_fd);
    return opened && closed ? EXIT_SUCCESS : EXIT_FAILURE;
}
