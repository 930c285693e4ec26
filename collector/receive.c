#include "collector/receive.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef UDP_GRO
#define UDP_GRO 104 // linux/udp.h
#endif

#define DATAGRAM_MAX 65536
#define SLOT_STRIDE  (DATAGRAM_MAX + 1600) // off the power of two by a usual datagram
#define ROOM_BYTES   ((size_t)SLOT_STRIDE * RECEIVE_SLOTS)

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

struct receive_batch {
    uint8_t *room;
    uint64_t received_ns;
    struct mmsghdr messages[RECEIVE_SLOTS];
    struct iovec pieces[RECEIVE_SLOTS];
    struct sockaddr_storage names[RECEIVE_SLOTS];
    union control controls[RECEIVE_SLOTS];
};

static bool map_room(struct receive_batch *batch)
{
    void *room = mmap(NULL, ROOM_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return false;
    madvise(room, ROOM_BYTES, MADV_NOHUGEPAGE); // a huge page would fill what nobody touches
    batch->room = room;
    return true;
}

struct receive_batch *receive_new(void)
{
    struct receive_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    if (!map_room(batch)) {
        free(batch);
        return NULL;
    }
    for (size_t i = 0; i < RECEIVE_SLOTS; i++) {
        batch->pieces[i] = (struct iovec){batch->room + i * SLOT_STRIDE, DATAGRAM_MAX};
        batch->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &batch->names[i], .msg_iov = &batch->pieces[i], .msg_iovlen = 1};
    }
    return batch;
}

void receive_free(struct receive_batch *batch)
{
    if (batch == NULL)
        return;
    munmap(batch->room, ROOM_BYTES);
    free(batch);
}

// The kernel wrote over the lengths of the batch before.
static void prepare(struct receive_batch *batch, int slots, bool gro)
{
    for (int i = 0; i < slots; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        header->msg_namelen = sizeof batch->names[i];
        header->msg_control = gro ? &batch->controls[i] : NULL;
        header->msg_controllen = gro ? sizeof batch->controls[i] : 0;
    }
}

int receive_run(struct receive_batch *batch, int fd, bool gro)
{
    int slots = gro ? RECEIVE_SLOTS_GRO : RECEIVE_SLOTS;
    prepare(batch, slots, gro);
    int got = recvmmsg(fd, batch->messages, (unsigned)slots, MSG_DONTWAIT, NULL);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    batch->received_ns = (uint64_t)clock_unix_ns();
    return got;
}

static void read_name(const struct sockaddr_storage *name, struct datagram *out)
{
    if (name->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, name, sizeof v4);
        out->source = addr_of((const uint8_t *)&v4.sin_addr, 4);
        out->port = ntohs(v4.sin_port);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, name, sizeof v6);
        out->source = addr_of(v6.sin6_addr.s6_addr, 16);
        out->port = ntohs(v6.sin6_port);
    }
}

static size_t segment_len(const struct msghdr *header)
{
    struct cmsghdr *control = header->msg_controllen == 0 ? NULL : CMSG_FIRSTHDR(header);
    int len = 0;
    if (control == NULL || control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO)
        return 0;
    memcpy(&len, CMSG_DATA(control), sizeof len);
    return len > 0 ? (size_t)len : 0;
}

void receive_slot(const struct receive_batch *batch, int index, struct receive_slot *out)
{
    assert(index >= 0 && index < RECEIVE_SLOTS);
    const struct mmsghdr *message = &batch->messages[index];
    *out = (struct receive_slot){
        .datagram = {.data = batch->pieces[index].iov_base,
                     .len = message->msg_len,
                     .received_ns = batch->received_ns},
        .segment_len = segment_len(&message->msg_hdr),
        .truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0,
    };
    read_name(&batch->names[index], &out->datagram);
}

// SO_RXQ_OVFL would be stamped on a datagram when it is queued, and so comes late or never.
uint32_t receive_kernel_drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof info;
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0)
        return 0;
    return info[SK_MEMINFO_DROPS];
}
