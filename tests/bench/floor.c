// The floor of the benches: receives datagrams and only counts them. What it costs is what the
// kernel asks for one datagram, so that nothing that receives can cost less.
//
// Ends on SIGTERM and prints its counts as one line of JSON.
#include "common/base/options.h"
#include "tests/bench/endpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104 // linux/udp.h
#endif

#define SLOTS           64
#define SLOTS_GRO       16
#define DATAGRAM_MAX    2048
#define BURST_MAX       65536
#define DEFAULT_RECEIVE (UINT64_C(32) << 20)
#define WAKE_US         100000 // so that a stop between looking and waiting is seen

static volatile sig_atomic_t stop;

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

struct batch {
    size_t slots;
    uint8_t *room;
    struct mmsghdr messages[SLOTS];
    struct iovec pieces[SLOTS];
    struct sockaddr_in names[SLOTS];
    union control controls[SLOTS];
};

struct counts {
    uint64_t datagrams;
    uint64_t bytes;
    uint64_t calls;
};

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

static int open_socket(const struct sockaddr_in *at, uint64_t buffer_bytes, bool gro)
{
    const int buffer = (int)buffer_bytes;
    const struct timeval wake = {.tv_usec = WAKE_US};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wake, sizeof wake) == 0 &&
        (!gro || setsockopt(fd, SOL_UDP, UDP_GRO, &(int){1}, sizeof(int)) == 0) &&
        bind(fd, (const struct sockaddr *)at, sizeof *at) == 0)
        return fd;
    close(fd);
    return -1;
}

static int init_batch(struct batch *batch, bool gro)
{
    size_t room = gro ? BURST_MAX : DATAGRAM_MAX;
    batch->slots = gro ? SLOTS_GRO : SLOTS;
    batch->room = malloc(batch->slots * room);
    if (batch->room == NULL)
        return -1;
    for (size_t i = 0; i < batch->slots; i++)
        batch->pieces[i] = (struct iovec){batch->room + i * room, room};
    return 0;
}

// The kernel wrote over the lengths of the batch before.
static void prepare(struct batch *batch, bool gro)
{
    for (size_t i = 0; i < batch->slots; i++)
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i],
            .msg_namelen = sizeof batch->names[i],
            .msg_iov = &batch->pieces[i],
            .msg_iovlen = 1,
            .msg_control = gro ? &batch->controls[i] : NULL,
            .msg_controllen = gro ? sizeof batch->controls[i] : 0};
}

// How many datagrams the kernel joined in this message.
static uint64_t joined(const struct mmsghdr *message)
{
    int segment_len = 0;
    struct cmsghdr *control = CMSG_FIRSTHDR(&message->msg_hdr);
    if (control == NULL || control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO)
        return 1;
    memcpy(&segment_len, CMSG_DATA(control), sizeof segment_len);
    return segment_len <= 0 ? 1 : (message->msg_len - 1) / (unsigned)segment_len + 1;
}

static int receive(int fd, struct batch *batch, bool gro, struct counts *counts)
{
    while (!stop) {
        prepare(batch, gro);
        int got = recvmmsg(fd, batch->messages, (unsigned)batch->slots, MSG_WAITFORONE, NULL);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        counts->calls++;
        for (int i = 0; i < got; i++) {
            counts->datagrams += joined(&batch->messages[i]);
            counts->bytes += batch->messages[i].msg_len;
        }
    }
    return 0;
}

static int run(const struct sockaddr_in *at, uint64_t buffer_bytes, bool gro)
{
    struct batch batch = {0};
    struct counts counts = {0};
    int fd = open_socket(at, buffer_bytes, gro);
    int result = -1;
    if (fd >= 0 && init_batch(&batch, gro) == 0)
        result = receive(fd, &batch, gro, &counts);
    if (result != 0)
        dprintf(STDERR_FILENO, "floor: %s\n", strerror(errno));
    else
        printf("{\"datagrams\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"calls\": %" PRIu64 "}\n",
               counts.datagrams, counts.bytes, counts.calls);
    free(batch.room);
    if (fd >= 0)
        close(fd);
    return result;
}

int main(int argc, char *argv[])
{
    const char *listen = "127.0.0.1:2055";
    uint64_t buffer_bytes = DEFAULT_RECEIVE;
    bool gro = false;
    const struct option table[] = {
        {"listen", OPTION_STRING, &listen, "address and port", "Input"},
        {"rcvbuf", OPTION_BYTES, &buffer_bytes, "receive buffer", NULL},
        {"gro", OPTION_BOOL, &gro, "let the kernel join datagrams", NULL},
    };
    const size_t count = sizeof table / sizeof table[0];
    struct sockaddr_in at;
    int rest = 0;
    if (options_parse(table, count, argc, argv, &rest) != OPTIONS_OK ||
        endpoint_parse(&at, listen) != 0)
        return 2;
    const struct sigaction action = {.sa_handler = ask_to_stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return run(&at, buffer_bytes, gro) == 0 ? 0 : 1;
}
