#include "collector/collector.h"

#include "collector/capture.h"
#include "collector/keep/keeper.h"
#include "collector/lane.h"
#include "collector/layout.h"
#include "collector/listener.h"
#include "collector/monitor/monitor.h"
#include "collector/monitor/watch.h"
#include "collector/reread.h"
#include "collector/privilege.h"
#include "collector/share/share.h"
#include "collector/spread.h"
#include "collector/worker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/standard.h"
#include "common/enrich/reload.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WATCH_MS     1000 // between looks at what the workers have to say
#define SPREAD_LOOKS 60   // of these, between looks at how datagrams spread over the workers
#define FOREVER_NS   (INT64_C(100) * 365 * 86400 * CLOCK_NS_PER_S) // a century

struct collector {
    const struct collector_options *options;
    struct sink *sink;
    struct layout *layout;
    struct snapshot *snapshot;
    struct privilege *privilege; // until the listeners are open
    struct listener *listeners;
    int listener_count;
    struct lane *lanes[LISTEN_SOCKETS_MAX];
    unsigned lane_count;
    struct worker *workers[LISTEN_SOCKETS_MAX];
    unsigned worker_count;
    struct capture *capture;
    struct reload *reload;
    struct snapshot_facts facts; // of the first snapshot
    struct reread reread;
    struct monitor *monitor;
    struct keeper *keeper;
    struct share *share;
    struct allow *allow;
    struct watch *watch;
    struct spread spread;
    unsigned looks;
    int64_t looked_ms;
    int signal_fd;
    int alarm_fd; // a lane's: the output is dead
    int done_fd;  // the capture's: it has ended
};

static int fail(const char *what)
{
    log_error("cannot start", "what", what, "error", strerror(errno));
    return -1;
}

// SIGHUP never ends the process (standard_hold_reload). The others do as long as the opening of a
// FIFO waits for its reader; from then on all come through a descriptor.
static int open_output(struct collector *c)
{
    sigset_t signals;
    c->sink = c->options->sink_ops->open(&c->options->sink);
    if (c->sink == NULL)
        return -1;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    c->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    c->alarm_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->signal_fd < 0 || c->alarm_fd < 0 || c->done_fd < 0)
        return fail("event descriptors");
    return 0;
}

static bool given(const char *path)
{
    return path != NULL && *path != '\0';
}

static void adopt(void *user, struct snapshot *snapshot)
{
    struct collector *c = user;
    for (unsigned i = 0; i < c->lane_count; i++)
        lane_adopt(c->lanes[i], snapshot_ref(snapshot));
    snapshot_unref(snapshot);
}

static struct layout *load_layout(const struct collector *c)
{
    const struct layout_options options = collector_options_layout(c->options);
    return layout_new(&options);
}

static int open_enrichment(struct collector *c)
{
    c->layout = load_layout(c);
    if (collector_options_layout(c->options).columns != 0) {
        c->snapshot = snapshot_new(&c->options->snapshot);
        if (c->snapshot == NULL)
            return -1;
        reload_log("loaded context and databases", c->snapshot);
        snapshot_facts(c->snapshot, &c->facts);
    }
    return c->layout == NULL ? -1 : 0;
}

static int open_listeners(void *user)
{
    struct collector *c = user;
    const struct collector_options *options = c->options;
    c->listeners = calloc((size_t)options->uri_count, sizeof c->listeners[0]);
    if (c->listeners == NULL)
        return fail("listeners");
    for (int i = 0; i < options->uri_count; i++) {
        if (listener_open(&c->listeners[i], &options->uris[i]) != 0)
            return -1;
        c->listener_count++;
    }
    return 0;
}

static struct hold_limits hold_limits(const struct collector_options *options, unsigned lanes)
{
    return (struct hold_limits){
        .exporter_bytes = options->hold_ns == 0 ? 0 : options->hold_exporter_bytes,
        .total_bytes = options->hold_total_bytes / lanes,
        .time_ns = (uint64_t)options->hold_ns,
    };
}

static struct domain_expiry expiry(const struct collector_options *options)
{
    int64_t ttl_ns = options->templates_ttl_ns;
    int64_t sweep_ns = options->templates_sweep_ns;
    return (struct domain_expiry){.ttl_ns = ttl_ns < 0 ? 0 : (uint64_t)ttl_ns,
                                  .sweep_ns = sweep_ns < 0 ? 0 : (uint64_t)sweep_ns,
                                  .use_counts = options->templates_extend};
}

// What was learnt before the restart is there before the first datagram.
static int load_templates(struct collector *c)
{
    const struct keeper_options options = {.path = c->options->templates_json_path,
                                           .interval_ns = c->options->templates_json_interval_ns,
                                           .lanes = c->lanes,
                                           .lane_count = c->lane_count,
                                           .listeners = c->listeners,
                                           .listener_count = c->listener_count};
    if (!given(options.path))
        return 0;
    c->keeper = keeper_new(&options);
    return c->keeper == NULL ? -1 : 0;
}

static int make_lanes(struct collector *c, unsigned count)
{
    const struct collector_options *o = c->options;
    struct decode_options decode = {.templates_shared = o->templates_shared,
                                    .hold = hold_limits(o, count),
                                    .expiry = expiry(o),
                                    .limit_flows = (uint64_t)o->limit_flows,
                                    .sampling_defaults = o->sampling_defaults,
                                    .sampling_default_count = (size_t)o->sampling_default_count,
                                    .sampling_overrides = o->sampling_overrides,
                                    .sampling_override_count = (size_t)o->sampling_override_count,
                                    .biflow = o->biflow};
    if (getrandom(&decode.hash_seed, sizeof decode.hash_seed, 0) < 0)
        return fail("random numbers");
    for (int i = 0; i < c->listener_count; i++)
        decode.spread |= c->listeners[i].uri.balance == LISTEN_BALANCE_PACKET && count > 1;
    const struct lane_options options = {.decode = &decode,
                                         .layout = c->layout,
                                         .sink = c->sink,
                                         .snapshot = c->snapshot,
                                         .allow = c->allow,
                                         .share = c->share,
                                         .alarm_fd = c->alarm_fd};
    for (; c->lane_count < count; c->lane_count++) {
        c->lanes[c->lane_count] = lane_new(&options);
        if (c->lanes[c->lane_count] == NULL)
            return -1;
    }
    for (unsigned i = 0; i < count; i++)
        lane_introduce(c->lanes[i], c->lanes, count);
    // The lanes hold them now; a reload replaces them there.
    snapshot_unref(c->snapshot);
    c->snapshot = NULL;
    layout_unref(c->layout);
    c->layout = NULL;
    return load_templates(c);
}

static int open_allow(struct collector *c)
{
    struct fault fault = {.text = ""};
    if (!given(c->options->allow))
        return 0;
    c->allow = allow_new(c->options->allow, &fault);
    if (c->allow != NULL)
        return 0;
    log_error("cannot read -allow", "error", fault.text);
    return -1;
}

static int start_watch(struct collector *c)
{
    int64_t lines = c->options->error_count;
    const struct watch_options options = {.lanes = c->lanes,
                                          .lane_count = c->lane_count,
                                          .listeners = c->listeners,
                                          .listener_count = c->listener_count,
                                          .sink = c->sink,
                                          .mute = {.lines = lines < 0 ? 0 : (uint64_t)lines,
                                                   .interval_ns = c->options->error_interval_ns}};
    c->watch = watch_new(&options);
    return c->watch == NULL ? -1 : 0;
}

static int start_reload(struct collector *c)
{
    c->reload = reload_start(&c->options->snapshot, adopt, c);
    return c->reload == NULL ? -1 : 0;
}

static int start_monitor(struct collector *c)
{
    const struct collector_options *o = c->options;
    c->reread = (struct reread){.options = o,
                                .sink = c->sink,
                                .lanes = c->lanes,
                                .lane_count = c->lane_count,
                                .reload = c->reload};
    const struct reload_books reloads = {.reload = c->reload,
                                         .facts = c->facts,
                                         .mapping = given(o->mapping_path) ? &c->reread.mapping
                                                                           : NULL,
                                         .allow = *o->allow == '@' ? &c->reread.allow : NULL};
    const struct monitor_options options = {.address = c->options->address,
                                            .names = c->options->names,
                                            .templates_path = c->options->templates_path,
                                            .lanes = c->lanes,
                                            .lane_count = c->lane_count,
                                            .listeners = c->listeners,
                                            .listener_count = c->listener_count,
                                            .sink = c->sink,
                                            .watch = c->watch,
                                            .reloads = reloads,
                                            .capture = c->capture != NULL};
    if (!given(options.address))
        return 0;
    c->monitor = monitor_start(&options);
    if (c->monitor == NULL) // what is looked at is worth less than what is received
        log_warn("runs without its pages: no metrics, -status, -health", "addr", options.address);
    return 0;
}

static int start_capture(struct collector *c)
{
    const struct capture_options options = {
        .files = c->options->read, .filter = c->options->read_filter, .done_fd = c->done_fd};
    if (make_lanes(c, 1) != 0)
        return -1;
    c->capture = capture_start(&options, c->lanes[0]);
    return c->capture == NULL ? -1 : 0;
}

// Every listener's socket i belongs to worker i, so the largest listener says how many there are.
static int start_workers(struct collector *c)
{
    const struct worker_options options = {
        .sink = c->sink, .blocking = c->options->sink.blocking, .drain_ns = c->options->drain_ns};
    unsigned count = 0;
    if (privilege_spend(&c->privilege, open_listeners, c) != 0)
        return -1;
    for (int i = 0; i < c->listener_count; i++)
        count = c->listeners[i].count > count ? c->listeners[i].count : count;
    if (make_lanes(c, count) != 0)
        return -1;
    for (; c->worker_count < count; c->worker_count++) {
        unsigned number = c->worker_count;
        c->workers[number] = worker_start(&options, c->lanes[number], c->listeners,
                                          c->listener_count, number);
        if (c->workers[number] == NULL)
            return -1;
    }
    return 0;
}

static int start(struct collector *c)
{
    int wrong = open_output(c); // all that is wrong is said at once
    wrong |= open_enrichment(c);
    wrong |= open_allow(c);
    if (wrong != 0 || share_open(&c->share, &c->options->nats, c->options->bucket) != 0)
        return -1;
    bool enriches = c->snapshot != NULL;
    if ((given(c->options->read) ? start_capture(c) : start_workers(c)) != 0 ||
        start_watch(c) != 0 || (enriches && start_reload(c) != 0) || start_monitor(c) != 0 ||
        (c->keeper != NULL && keeper_start(c->keeper) != 0) ||
        share_start(c->share, c->lanes, c->lane_count) != 0)
        return -1;
    return 0;
}

// False when the signal ends the process.
static bool take_signal(struct collector *c)
{
    struct signalfd_siginfo info;
    if (read(c->signal_fd, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo == SIGHUP) {
        reread_all(&c->reread);
        return true;
    }
    log_info("ending", "signal", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    return false;
}

// Signals may come oftener than that.
static void look(struct collector *c)
{
    if (clock_steady_ms() - c->looked_ms < WATCH_MS)
        return;
    c->looked_ms = clock_steady_ms();
    watch_look(c->watch);
    if (++c->looks % SPREAD_LOOKS == 0)
        spread_watch(&c->spread, c->lanes, c->lane_count);
}

// Waits for the reason to end. 0, or 1 when the output is dead.
static int supervise(struct collector *c)
{
    struct pollfd ready[] = {{.fd = c->signal_fd, .events = POLLIN},
                             {.fd = c->alarm_fd, .events = POLLIN},
                             {.fd = c->done_fd, .events = POLLIN}};
    struct standard_pulse pulse = standard_pulse_asked();
    standard_tell_ready();
    for (;;) {
        int count = poll(ready, 3, standard_pulse(&pulse, WATCH_MS));
        if (count > 0 && ready[1].revents != 0)
            return 1;
        if (count > 0 && (ready[2].revents != 0 || (ready[0].revents != 0 && !take_signal(c))))
            return 0;
        look(c);
    }
}

static int left_ms(int64_t until_ns)
{
    int64_t ms = (until_ns - clock_steady_ns()) / CLOCK_NS_PER_MS;
    return ms < 0 ? 0 : ms > 1 << 30 ? 1 << 30 : (int)ms;
}

static int join_one(struct collector *c, unsigned i, int64_t until_ns)
{
    return c->capture != NULL ? capture_join(c->capture, until_ns)
                              : worker_join(c->workers[i], until_ns);
}

// A thread that waits for the reader of the output gets until then; afterwards it drops.
static void stop_threads(struct collector *c, int64_t until_ns)
{
    unsigned threads = c->capture != NULL ? 1 : c->worker_count;
    for (unsigned i = 0; i < threads; i++)
        lane_stop(c->lanes[i]);
    for (unsigned i = 0; i < threads; i++) {
        if (join_one(c, i, until_ns) == 0)
            continue;
        sink_abandon(c->sink);
        (void)join_one(c, i, FOREVER_NS);
    }
    for (unsigned i = threads; i < c->lane_count; i++) // made, but never started
        lane_finish(c->lanes[i]);
}

// However long the output takes now, no datagram waits in a socket uncounted: none comes any more,
// and what came since its worker left it is counted.
static void stop_listening(struct collector *c)
{
    for (int i = 0; i < c->listener_count; i++)
        listener_refuse(&c->listeners[i]);
    for (unsigned i = 0; i < c->worker_count; i++)
        worker_count_rest(c->workers[i]);
    for (int i = 0; i < c->listener_count; i++)
        listener_close(&c->listeners[i]);
}

// The books of all threads. They are complete only after sink_close.
static uint64_t log_books(const struct collector *c)
{
    struct ledger sum = {.datagrams_received = 0};
    uint64_t kernel_drops = 0;
    for (unsigned i = 0; i < c->lane_count; i++) {
        struct lane_report report;
        lane_final(c->lanes[i], &report);
        ledger_add(&sum, &report.ledger);
        kernel_drops += report.kernel_drops;
    }
    ledger_log(&sum);
    if (c->capture == NULL)
        log_info("ledger kernel", "dropped", log_unsigned(kernel_drops).text);
    return ledger_lost(&sum, REASON_CLASS_FLOW);
}

static void close_all(struct collector *c)
{
    watch_free(c->watch);
    for (unsigned i = 0; i < c->worker_count; i++)
        worker_free(c->workers[i]);
    for (unsigned i = 0; i < c->lane_count; i++)
        lane_free(c->lanes[i]);
    free(c->listeners);
    allow_unref(c->allow);
    snapshot_unref(c->snapshot);
    layout_unref(c->layout);
    const int fds[] = {c->signal_fd, c->alarm_fd, c->done_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

// Ends in the order of the flows' way: threads, output, books. 0, or 1 when a capture did not go
// out whole.
static int finish(struct collector *c, bool started)
{
    int64_t drain_ns = c->options->drain_ns < FOREVER_NS ? c->options->drain_ns : FOREVER_NS;
    int64_t until_ns = clock_steady_ns() + drain_ns;
    int status = 0;
    monitor_ending(c->monitor);
    stop_threads(c, until_ns);
    stop_listening(c);
    keeper_end(c->keeper);
    share_end(c->share);
    if (c->sink != NULL)
        (void)sink_drain(c->sink, left_ms(until_ns)); // what still waits is counted by the close
    monitor_stop(c->monitor);
    reload_end(c->reload);
    if (c->sink != NULL)
        sink_close(c->sink);
    if (started && log_books(c) != 0 && c->capture != NULL)
        status = 1;
    if (c->capture != NULL && capture_free(c->capture) != 0)
        status = 1;
    close_all(c);
    return status;
}

int collector_run(const struct collector_options *options)
{
    struct collector *c = calloc(1, sizeof *c);
    if (c == NULL)
        return 1;
    *c = (struct collector){.options = options, .signal_fd = -1, .alarm_fd = -1, .done_fd = -1};
    log_info("starting GoFlow2+");
    c->privilege = privilege_set_apart();
    bool started = start(c) == 0;
    int status = started ? supervise(c) : 1;
    status |= finish(c, started);
    privilege_free(c->privilege);
    free(c);
    return status;
}
