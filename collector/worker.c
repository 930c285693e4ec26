#include "collector/worker.h"

#include "collector/receive.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BATCHES_MAX 16   // of one socket before the others and the mailbox have their turn
#define TICK_MS     1000 // between looks at the kernel's drop counters
#define EVENTS_MAX  (LISTEN_URIS_MAX + 2)
#define COUNT_MS    500 // at most, for counting what was not decoded

// epoll's data: a socket's index, or one of these.
enum {
    EVENT_MAIL = LISTEN_URIS_MAX,
    EVENT_OUTPUT,
};

struct worker_socket {
    int fd;
    unsigned listener; // its number
    enum decode_scheme scheme;
    bool gro;
    uint32_t kernel_drops;
};

struct worker {
    pthread_t thread;
    struct worker_options options;
    struct lane *lane;
    struct receive_batch *batch;
    int epoll_fd;
    int64_t ticked_ms;
    bool late; // what is read now is only counted
    unsigned socket_count;
    struct worker_socket sockets[LISTEN_URIS_MAX];
};

// The kernel joined datagrams of one sender: all but the last are of one length. How many it was.
static unsigned take_burst(struct worker *worker, const struct worker_socket *socket,
                           const struct receive_slot *slot)
{
    unsigned count = 0;
    size_t at = 0;
    size_t len = slot->datagram.len;
    size_t step = slot->segment_len == 0 ? len : slot->segment_len;
    do {
        struct datagram one = slot->datagram;
        one.data += at;
        one.len = len - at < step ? len - at : step;
        at += one.len;
        count++;
        if (worker->late)
            lane_refuse(worker->lane, socket->listener, REASON_DATAGRAM_UNREAD, &one);
        else if (slot->truncated && at == len)
            lane_refuse(worker->lane, socket->listener, REASON_DATAGRAM_TRUNCATED, &one);
        else
            lane_datagram(worker->lane, socket->listener, socket->scheme, &one);
    } while (at < len);
    return count;
}

// So many slots from that one on. How many datagrams it was.
static unsigned take_slots(struct worker *worker, const struct worker_socket *socket, int from,
                           unsigned slots)
{
    struct receive_slot taken[TRAFFIC_AHEAD_MAX];
    const struct addr *sources[TRAFFIC_AHEAD_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < slots; i++) {
        receive_slot(worker->batch, from + (int)i, &taken[i]);
        sources[i] = &taken[i].datagram.source;
    }
    lane_look_ahead(worker->lane, socket->listener, sources, slots);
    for (unsigned i = 0; i < slots; i++)
        count += take_burst(worker, socket, &taken[i]);
    return count;
}

// How many datagrams there are is known only when the batch is done, and so is their time.
static void take_batch(struct worker *worker, const struct worker_socket *socket, int slots)
{
    int64_t begun_ns = clock_steady_ns();
    unsigned count = 0;
    for (int i = 0; i < slots; i += TRAFFIC_AHEAD_MAX) {
        int left = slots - i;
        count += take_slots(worker, socket, i,
                            left < TRAFFIC_AHEAD_MAX ? (unsigned)left : TRAFFIC_AHEAD_MAX);
    }
    lane_batch(worker->lane, socket->listener, socket->scheme,
               (uint64_t)(clock_steady_ns() - begun_ns), count);
}

// Whether the sockets are to wait for the output.
static bool is_behind(const struct worker *worker)
{
    return worker->options.blocking && sink_poll_fd(worker->options.sink) >= 0;
}

// Reads a socket until it is empty or has had its turn; true when more may be there. When flows
// wait for the output one batch is the turn: a longer one would wait inside, and the mail with it.
static bool read_socket(struct worker *worker, const struct worker_socket *socket)
{
    int full = socket->gro ? RECEIVE_SLOTS_GRO : RECEIVE_SLOTS;
    int got = full;
    for (int batch = 0; batch < BATCHES_MAX && got == full; batch++) {
        if (batch != 0 && is_behind(worker))
            break;
        got = receive_run(worker->batch, socket->fd, socket->gro);
        if (got > 0)
            take_batch(worker, socket, got);
    }
    lane_listener_error(worker->lane, socket->listener, got < 0 ? -got : 0);
    return got == full;
}

static void count_kernel_drops(struct worker *worker)
{
    for (unsigned i = 0; i < worker->socket_count; i++) {
        struct worker_socket *socket = &worker->sockets[i];
        uint32_t drops = receive_kernel_drops(socket->fd);
        lane_kernel_drops(worker->lane, socket->listener, drops - socket->kernel_drops);
        socket->kernel_drops = drops;
    }
}

static void tick(struct worker *worker)
{
    int64_t now = clock_steady_ms();
    if (now - worker->ticked_ms < TICK_MS)
        return;
    worker->ticked_ms = now;
    count_kernel_drops(worker);
    // What waits for space on a disk has no descriptor that would wake us.
    (void)sink_drain(worker->options.sink, 0);
}

// Waits for the output as well while something waits there. Once only: it is writable most of the
// time, and of no interest then. The descriptor may have been replaced meanwhile.
static void watch_output(struct worker *worker)
{
    int fd = sink_poll_fd(worker->options.sink);
    struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = EVENT_OUTPUT};
    if (fd >= 0 && epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0)
        epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

// With blocking=true the sockets fill up while the output is behind: the kernel's counters tell
// what that cost. True when the sockets must wait.
static bool wait_for_output(struct worker *worker)
{
    int fd = worker->options.blocking ? sink_poll_fd(worker->options.sink) : -1;
    if (fd < 0)
        return false;
    struct pollfd ready[] = {{.fd = fd, .events = POLLOUT},
                             {.fd = lane_mail_fd(worker->lane), .events = POLLIN}};
    poll(ready, 2, TICK_MS);
    (void)sink_drain(worker->options.sink, 0);
    return true;
}

static void work(struct worker *worker)
{
    struct epoll_event events[EVENTS_MAX];
    watch_output(worker);
    int count = epoll_wait(worker->epoll_fd, events, EVENTS_MAX, TICK_MS);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 < worker->socket_count)
            (void)read_socket(worker, &worker->sockets[events[i].data.u32]);
        else if (events[i].data.u32 == EVENT_OUTPUT)
            (void)sink_drain(worker->options.sink, 0);
    }
    (void)lane_flush(worker->lane); // a dead sink has told the main thread
}

// A turn for each socket; true when more may be there.
static bool read_sockets(struct worker *worker)
{
    bool more = false;
    for (unsigned i = 0; i < worker->socket_count; i++)
        more |= read_socket(worker, &worker->sockets[i]);
    return more;
}

// What the kernel holds was received: it is decoded before the end, as far as time allows.
static void empty_sockets(struct worker *worker)
{
    int64_t late_ms = clock_steady_ms() + worker->options.drain_ns / 2000000;
    bool more = true;
    while (more && clock_steady_ms() <= late_ms) {
        more = read_sockets(worker);
        (void)lane_flush(worker->lane); // a dead sink has told the main thread
    }
}

void worker_count_rest(struct worker *worker)
{
    int64_t end_ms = clock_steady_ms() + COUNT_MS;
    bool more = true;
    worker->late = true;
    while (more && clock_steady_ms() <= end_ms)
        more = read_sockets(worker);
    if (more)
        log_warn("more datagrams at the end than could be counted");
    count_kernel_drops(worker);
}

static void *run(void *user)
{
    struct worker *worker = user;
    while (lane_serve(worker->lane)) {
        if (!wait_for_output(worker))
            work(worker);
        tick(worker);
    }
    empty_sockets(worker);
    lane_finish(worker->lane);
    return NULL;
}

static int watch(struct worker *worker, int fd, uint32_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static int take_sockets(struct worker *worker, const struct listener *listeners, int listener_count,
                        unsigned number)
{
    int result = watch(worker, lane_mail_fd(worker->lane), EVENT_MAIL);
    for (int i = 0; i < listener_count && result == 0; i++) {
        const struct listener *listener = &listeners[i];
        if (number >= listener->count)
            continue;
        struct worker_socket *socket = &worker->sockets[worker->socket_count];
        *socket = (struct worker_socket){.fd = listener->fds[number],
                                         .listener = (unsigned)i,
                                         .scheme = listener->uri.scheme,
                                         .gro = listener->uri.gro};
        result = watch(worker, socket->fd, worker->socket_count++);
    }
    return result;
}

static int init(struct worker *worker, const struct listener *listeners, int listener_count,
                unsigned number)
{
    worker->batch = receive_new();
    if (worker->batch == NULL)
        return -ENOMEM;
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (worker->epoll_fd < 0)
        return -errno;
    int result = take_sockets(worker, listeners, listener_count, number);
    return result != 0 ? result : -pthread_create(&worker->thread, NULL, run, worker);
}

struct worker *worker_start(const struct worker_options *options, struct lane *lane,
                            const struct listener *listeners, int listener_count, unsigned number)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        log_error("cannot start a worker", "error", strerror(ENOMEM));
        return NULL;
    }
    worker->options = *options;
    worker->lane = lane;
    worker->epoll_fd = -1;
    int result = init(worker, listeners, listener_count, number);
    if (result == 0)
        return worker;
    log_error("cannot start a worker", "error", strerror(-result));
    worker_free(worker);
    return NULL;
}

// Of the two functions that wait until a moment, ThreadSanitizer knows this one.
int worker_join(struct worker *worker, int64_t until_ns)
{
    const struct timespec until = clock_on_wall(until_ns);
    return -pthread_timedjoin_np(worker->thread, NULL, &until);
}

void worker_free(struct worker *worker)
{
    receive_free(worker->batch);
    if (worker->epoll_fd >= 0)
        close(worker->epoll_fd);
    free(worker);
}
