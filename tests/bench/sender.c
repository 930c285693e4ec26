#include "tests/bench/parcel.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 // linux/udp.h
#endif

#define SOURCE_PORT       40000
#define SEND_BUFFER_BYTES (4 << 20)
#define CONTROL_LEN       (CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

union control {
    struct cmsghdr align;
    char bytes[CONTROL_LEN];
};

struct sender {
    int fd;
    struct sockaddr_in to;
    struct mmsghdr messages[PARCEL_BATCH_MAX];
    union control controls[PARCEL_BATCH_MAX];
};

static int open_socket(void)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(SOURCE_PORT)};
    const int buffer = SEND_BUFFER_BYTES;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) == 0)
        return fd;
    close(fd);
    return -1;
}

struct sender *sender_new(const struct sockaddr_in *to)
{
    struct sender *sender = calloc(1, sizeof *sender);
    int fd = sender == NULL ? -1 : open_socket();
    if (fd < 0) {
        dprintf(STDERR_FILENO, "cannot open a socket to send from port %d: %s\n", SOURCE_PORT,
                strerror(errno));
        free(sender);
        return NULL;
    }
    sender->fd = fd;
    sender->to = *to;
    return sender;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    close(sender->fd);
    free(sender);
}

static void put_control(struct msghdr *header, struct cmsghdr *control, int level, int type,
                        const void *value, size_t len)
{
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(control), value, len);
    header->msg_controllen += CMSG_SPACE(len);
}

// The source address goes with each message: so one socket speaks for any number of exporters.
static void fill(struct sender *sender, size_t index, const struct parcel *parcel)
{
    const struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(parcel->source)};
    union control *control = &sender->controls[index];
    struct msghdr *header = &sender->messages[index].msg_hdr;
    assert(parcel->count >= 1 && parcel->count <= PARCEL_SEGMENTS_MAX);
    memset(control, 0, sizeof *control);
    *header = (struct msghdr){.msg_name = &sender->to,
                              .msg_namelen = sizeof sender->to,
                              .msg_iov = parcel->pieces,
                              .msg_iovlen = parcel->count,
                              .msg_control = control};
    put_control(header, &control->align, IPPROTO_IP, IP_PKTINFO, &from, sizeof from);
    if (parcel->count == 1)
        return;
    const uint16_t segment_len = (uint16_t)parcel->pieces[0].iov_len;
    struct cmsghdr *second = (struct cmsghdr *)(void *)(control->bytes + CMSG_SPACE(sizeof from));
    put_control(header, second, SOL_UDP, UDP_SEGMENT, &segment_len, sizeof segment_len);
}

int sender_send(struct sender *sender, const struct parcel *parcels, size_t count)
{
    assert(count <= PARCEL_BATCH_MAX);
    for (size_t i = 0; i < count; i++)
        fill(sender, i, &parcels[i]);
    for (size_t sent = 0; sent < count;) {
        int result = sendmmsg(sender->fd, sender->messages + sent, (unsigned)(count - sent), 0);
        if (result < 0 && errno != EINTR && errno != ENOBUFS)
            return -errno;
        sent += result < 0 ? 0 : (size_t)result;
    }
    return 0;
}
