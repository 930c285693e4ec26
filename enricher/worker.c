#include "enricher/worker.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/flow/wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_MS    100  // how often a sink that waits and cannot be polled is tried
#define QUIET_MS    200  // without input, at the end: whoever wrote it has no more
#define SYNC_BLOCKS 256  // that one sync of the sink covers
#define PENDING_MAX 4096 // blocks that a sink gathers flows of

// A block whose flows are handed to the sink and that is not answered yet.
struct pending {
    struct source_block block;
    enum source_answer answer; // when they are safe there
    uint64_t written;          // flows that the sink was given, up to its last
};

// Frames whose addresses are looked up together.
struct group {
    struct enrich_plan plans[ENRICH_GROUP_MAX];
    size_t begins[ENRICH_GROUP_MAX]; // where each begins in the block
    size_t count;
};

struct worker {
    struct worker_options options;
    struct snapshot *snapshot;
    _Atomic(struct snapshot *) offered;
    struct formatting *formatting; // adopted, in place of what the options have
    _Atomic(struct formatting *) offered_formatting;
    atomic_uint stop; // how often it was asked for
    int wake_fd;      // readable: look at `offered` and `stop`
    int done_fd;
    bool ending; // no input for QUIET_MS is its end
    bool failed;
    bool sink_dead;
    bool decodes;         // the output needs the flow's fields
    bool filter_enriched; // the filter needs what enrichment fills
    bool settles;         // the sink says itself up to where flows are safe
    bool invalid_told;
    size_t bad_at; // in the block: where the frame begins that is no flow
    pthread_t thread;
    struct sink_writer *writer;
    struct ledger ledger;
    struct flow flow;
    struct group group;
    struct pending pending[PENDING_MAX]; // from pending_head on, in a ring
    unsigned pending_head;
    unsigned pending_count;
    uint64_t written; // flows that the sink was given

    pthread_mutex_t report_lock;
    struct ledger report; // guarded by it
};

static void ring(int fd)
{
    // Fails only when the count is at its maximum: then it is readable as it is.
    (void)!write(fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void adopt_formatting(struct worker *worker)
{
    struct formatting *fresh = atomic_exchange(&worker->offered_formatting, NULL);
    if (fresh == NULL)
        return;
    formatting_free(worker->formatting);
    worker->formatting = fresh;
    worker->options.format = fresh->format;
    worker->options.filter = fresh->filter;
}

// After filter or snapshot were replaced.
static void look_at_filter(struct worker *worker)
{
    const struct filter *filter = worker->options.filter;
    uint64_t filled = enrich_fields(worker->snapshot, &worker->options.enrich);
    worker->filter_enriched = filter != NULL && (filter_fields(filter) & filled) != 0;
}

static void adopt_offered(struct worker *worker)
{
    adopt_formatting(worker);
    struct snapshot *fresh = atomic_exchange(&worker->offered, NULL);
    if (fresh != NULL) {
        snapshot_unref(worker->snapshot);
        worker->snapshot = fresh;
    }
    look_at_filter(worker);
}

static void count_made(struct worker *worker, bool fits)
{
    worker->ledger.flows_made++;
    if (!fits)
        ledger_count(&worker->ledger, REASON_OUTPUT_TOO_LARGE, 1);
}

// Binary output: the frame as it came, and what is new behind it. A sink that looks at fields sees
// those that came.
static int append(struct worker *worker, struct flow_view *view, const struct enrich_plan *plan)
{
    if (worker->options.sink->wants_fields) {
        if (wire_read(&worker->flow, plan->body, plan->len) != 0)
            return -1;
        view->flow = &worker->flow;
        view->key = format_key(worker->options.format, &worker->flow);
    }
    size_t bound = enrich_frame_bound(worker->snapshot, plan->len);
    uint8_t *room = sink_room(worker->writer, bound);
    count_made(worker, room != NULL);
    if (room == NULL)
        return 0;
    const struct enrich_options *options = &worker->options.enrich;
    const uint8_t *end = enrich_planned_frame(worker->snapshot, options, plan, room);
    worker->sink_dead |= sink_write(worker->writer, view, room, (size_t)(end - room)) != 0;
    return 0;
}

// Output made of the flow's fields, by the sink or here.
static void put(struct worker *worker, struct flow_view *view)
{
    const struct format *format = worker->options.format;
    if (worker->options.sink->fields_only) {
        count_made(worker, true);
        view->flow = &worker->flow;
        worker->written++;
        worker->sink_dead |= sink_write(worker->writer, view, NULL, 0) != 0;
        return;
    }
    uint8_t *room = sink_room(worker->writer, format_bound(format, &worker->flow));
    count_made(worker, room != NULL);
    if (room == NULL)
        return;
    view->flow = &worker->flow;
    view->key = format_key(format, &worker->flow);
    const uint8_t *end = format_flow(format, &worker->flow, room);
    worker->sink_dead |= sink_write(worker->writer, view, room, (size_t)(end - room)) != 0;
}

static int decode(struct worker *worker, struct flow_view *view, const struct enrich_plan *plan)
{
    if (wire_read(&worker->flow, plan->body, plan->len) != 0)
        return -1;
    enrich_planned_flow(worker->snapshot, &worker->options.enrich, plan, &worker->flow);
    put(worker, view);
    return 0;
}

// Hands on what the filter keeps.
static int sift(struct worker *worker, struct flow_view *view, const struct enrich_plan *plan)
{
    if (wire_read(&worker->flow, plan->body, plan->len) != 0)
        return -1;
    if (worker->decodes || worker->filter_enriched)
        enrich_planned_flow(worker->snapshot, &worker->options.enrich, plan, &worker->flow);
    if (!filter_match(worker->options.filter, &worker->flow)) {
        worker->ledger.flows_made++;
        worker->ledger.flows_filtered++;
        return 0;
    }
    if (!worker->decodes)
        return append(worker, view, plan);
    put(worker, view);
    return 0;
}

static void note_invalid(struct worker *worker, uint64_t offset)
{
    if (!worker->options.source->ops->messages || !worker->invalid_told)
        source_log_invalid(worker->options.source, offset, "not a flow");
    worker->invalid_told = true;
    if (worker->options.source->ops->messages)
        ledger_count(&worker->ledger, REASON_MESSAGE_INVALID, 1);
}

// Fills the group with the frames from `at` on. Returns where the next one begins: before the end
// of the block while the group is not full, what begins there is no frame.
static size_t gather(struct group *group, const struct source_block *block, size_t at)
{
    group->count = 0;
    while (group->count < ENRICH_GROUP_MAX && at < block->len) {
        size_t head;
        size_t len;
        const uint8_t *frame = block->data + at;
        if (wire_frame(frame, block->len - at, &head, &len) != WIRE_FRAME)
            break;
        group->begins[group->count] = at;
        group->plans[group->count].body = frame + head;
        group->plans[group->count++].len = len;
        at += head + len + block->lines;
    }
    return at;
}

typedef int hand_frame(struct worker *worker, struct flow_view *view,
                       const struct enrich_plan *plan);

// Looks the group up. Returns how many frames are worth going on with.
static size_t plan(struct worker *worker, struct group *group)
{
    if (!worker->decodes)
        return enrich_plan_group(worker->snapshot, &worker->options.enrich, group->plans,
                                 group->count);
    enrich_peek_group(worker->snapshot, group->plans, group->count);
    return group->count;
}

// Enriches the group and hands it on. Returns how many frames, up to the first that is no flow.
static size_t hand_on(struct worker *worker, struct flow_view *view, struct group *group)
{
    size_t good = plan(worker, group);
    hand_frame *hand = worker->options.filter != NULL ? sift : worker->decodes ? decode : append;
    for (size_t i = 0; i < good; i++, view->origin.index++)
        if (hand(worker, view, &group->plans[i]) != 0)
            return i;
    return good;
}

// 0, or -1: one of the frames is no flow, and what follows it is not known.
static int process(struct worker *worker, const struct source_block *block)
{
    struct flow_view view = {.origin = {.stream = block->stream,
                                        .sequence = block->sequence,
                                        .time_ns = block->time_ns,
                                        .again = block->again}};
    struct group *group = &worker->group;
    for (size_t at = 0; at < block->len;) {
        at = gather(group, block, at);
        size_t good = hand_on(worker, &view, group);
        if (good < group->count)
            at = group->begins[good];
        if (good < ENRICH_GROUP_MAX && at < block->len) {
            note_invalid(worker, block->offset + at);
            worker->bad_at = at;
            return -1;
        }
    }
    return 0;
}

// What the sink has not taken yet must go out even when no new flow comes. False: no more is to be
// waited for.
static bool wait(struct worker *worker)
{
    int sink_fd = sink_poll_fd(worker->options.sink);
    struct pollfd fds[] = {
        {.fd = source_fd(worker->options.source), .events = POLLIN},
        {.fd = worker->wake_fd, .events = POLLIN},
        {.fd = sink_fd, .events = POLLOUT},
        {.fd = sink_settled_fd(worker->options.sink), .events = POLLIN},
    };
    bool blind = sink_fd < 0 && worker->ledger.flows_waiting != 0;
    int ready = poll(fds, 4, worker->ending ? QUIET_MS : blind ? RETRY_MS : -1);
    if (ready < 0)
        return true;
    if (fds[3].revents != 0)
        (void)!read(fds[3].fd, &(uint64_t){0}, sizeof(uint64_t));
    if (fds[1].revents != 0)
        (void)!read(worker->wake_fd, &(uint64_t){0}, sizeof(uint64_t));
    if (fds[2].revents != 0)
        (void)sink_drain(worker->options.sink, 0); // the next flush says if it is dead
    return ready != 0 || !worker->ending;
}

// Answers the oldest block.
static void answer_first(struct worker *worker, bool safe, enum source_answer otherwise)
{
    const struct pending *pending = &worker->pending[worker->pending_head];
    source_answer(worker->options.source, &pending->block, safe ? pending->answer : otherwise);
    worker->pending_head = (worker->pending_head + 1) % PENDING_MAX;
    worker->pending_count--;
}

// Answers those blocks whose flows are safe by now.
static void answer_settled(struct worker *worker)
{
    if (!worker->settles || worker->pending_count == 0)
        return;
    uint64_t settled = sink_settled(worker->writer);
    while (worker->pending_count != 0 && worker->pending[worker->pending_head].written <= settled)
        answer_first(worker, true, SOURCE_DONE);
}

// A source that waits for answers is not to wait for flows that the sink would rather gather.
static void answer_idle(struct worker *worker)
{
    size_t most = worker->options.source->blocks_max;
    answer_settled(worker);
    if (worker->settles && most != 0 && worker->pending_count >= most / 2)
        (void)sink_sync(worker->writer, 0);
}

// Answers the blocks whose flows are with the sink, once they are safe there. Of a sink that
// settles flows by itself it is not known what becomes of the others.
static void answer_pending(struct worker *worker, int timeout_ms)
{
    if (worker->pending_count == 0)
        return;
    bool safe = sink_sync(worker->writer, timeout_ms) == 0;
    answer_settled(worker);
    while (worker->pending_count != 0)
        answer_first(worker, safe, worker->settles ? SOURCE_LEFT : SOURCE_AGAIN);
}

// What comes before the fault of a broken block has been handed on; where blocks are messages the
// next one is as good as any.
static int take_block(struct worker *worker, const struct source_block *block)
{
    struct source *source = worker->options.source;
    enum source_answer answer = process(worker, block) == 0 ? SOURCE_DONE : SOURCE_BAD;
    if (!source->ops->acknowledges) {
        bool goes_on = answer == SOURCE_DONE || source->ops->messages ||
                       (source->ops->skip != NULL &&
                        source->ops->skip(source, block, worker->bad_at));
        source_answer(source, block, answer);
        return goes_on ? 0 : -1;
    }
    unsigned at = (worker->pending_head + worker->pending_count++) % PENDING_MAX;
    worker->pending[at] = (struct pending){
        .block = *block, .answer = answer, .written = worker->written};
    answer_settled(worker);
    if (worker->pending_count == (worker->settles ? PENDING_MAX : SYNC_BLOCKS))
        answer_pending(worker, -1);
    return 0;
}

static void publish(struct worker *worker)
{
    pthread_mutex_lock(&worker->report_lock);
    worker->report = worker->ledger;
    pthread_mutex_unlock(&worker->report_lock);
}

// False when the loop is to end.
static bool step(struct worker *worker)
{
    struct source_block block;
    switch (source_next(worker->options.source, &block)) {
    case SOURCE_BLOCK:
        worker->failed = take_block(worker, &block) != 0;
        publish(worker);
        return !worker->failed && !worker->sink_dead;
    case SOURCE_IDLE:
        if (!worker->settles)
            answer_pending(worker, -1);
        answer_idle(worker);
        if (sink_flush(worker->writer) != 0)
            return false;
        publish(worker);
        return wait(worker);
    case SOURCE_END:
        return false;
    case SOURCE_FAILED:
        worker->failed = true;
        return false;
    }
    return false;
}

// What a pipe holds was sent to us and to nobody else. Who writes it was asked to end too, it may
// be, and has some flows left: it is read to its end, or while there is time.
static void empty_source(struct worker *worker)
{
    int64_t end_ms = clock_steady_ms() + worker->options.drain_ms / 2;
    bool more = true;
    worker->ending = true;
    while (more && clock_steady_ms() < end_ms && atomic_load(&worker->stop) < 2)
        more = step(worker);
    int64_t unread = source_unread(worker->options.source);
    if (unread > 0)
        log_warn("stopped before the end of the input", "unread_bytes",
                 log_unsigned((uint64_t)unread).text);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    bool more = true;
    while (more && atomic_load(&worker->stop) == 0) {
        adopt_offered(worker);
        more = step(worker);
    }
    if (more && source_unread(worker->options.source) >= 0)
        empty_source(worker);
    int drain_ms = atomic_load(&worker->stop) != 0 ? worker->options.drain_ms : -1;
    answer_pending(worker, drain_ms);
    int result = sink_sync(worker->writer, drain_ms);
    if (result != 0 && !atomic_load(&worker->stop)) {
        log_error("ending, the output did not take all flows", "error", strerror(-result));
        worker->failed = true;
    }
    sink_writer_free(worker->writer);
    ring(worker->done_fd);
    return NULL;
}

static int start(struct worker *worker)
{
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake_fd < 0 || worker->done_fd < 0)
        return -errno;
    worker->writer = sink_writer_new(worker->options.sink, &worker->ledger);
    if (worker->writer == NULL)
        return -ENOMEM;
    int error = pthread_create(&worker->thread, NULL, run, worker);
    if (error != 0)
        sink_writer_free(worker->writer);
    return -error;
}

struct worker *worker_start(const struct worker_options *options, struct snapshot *take)
{
    int error = -ENOMEM;
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        snapshot_unref(take);
        goto out;
    }
    worker->options = *options;
    worker->options.source->ledger = &worker->ledger;
    worker->snapshot = take;
    worker->wake_fd = worker->done_fd = -1;
    pthread_mutex_init(&worker->report_lock, NULL);
    worker->decodes = options->sink->fields_only || format_kind(options->format) != FORMAT_BIN;
    worker->settles = options->sink->ops->settled != NULL;
    error = start(worker);
    if (error == 0)
        return worker;
    worker_free(worker);
out:
    log_error("worker cannot start", "error", strerror(-error));
    return NULL;
}

void worker_offer(struct worker *worker, struct snapshot *take)
{
    snapshot_unref(atomic_exchange(&worker->offered, take));
    ring(worker->wake_fd);
}

void worker_offer_formatting(struct worker *worker, struct formatting *take)
{
    formatting_free(atomic_exchange(&worker->offered_formatting, take));
    ring(worker->wake_fd);
}

void worker_stop(struct worker *worker)
{
    atomic_fetch_add(&worker->stop, 1);
    ring(worker->wake_fd);
}

void worker_report(struct worker *worker, struct ledger *report)
{
    pthread_mutex_lock(&worker->report_lock);
    *report = worker->report;
    pthread_mutex_unlock(&worker->report_lock);
}

int worker_done_fd(const struct worker *worker)
{
    return worker->done_fd;
}

int worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    return worker->failed ? -1 : 0;
}

const struct ledger *worker_ledger(const struct worker *worker)
{
    return &worker->ledger;
}

void worker_free(struct worker *worker)
{
    snapshot_unref(worker->snapshot);
    snapshot_unref(atomic_load(&worker->offered));
    formatting_free(worker->formatting);
    formatting_free(atomic_load(&worker->offered_formatting));
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    if (worker->done_fd >= 0)
        close(worker->done_fd);
    pthread_mutex_destroy(&worker->report_lock);
    free(worker);
}
