// Datagrams on their way out of the generator: onto the network, or into a capture file.
//
// A parcel is one or more datagrams of one exporter, all of one length; several are cut apart again
// by the kernel (UDP_SEGMENT), which reaches a receiver with UDP GRO as one piece. One thread.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define PARCEL_SEGMENTS_MAX 64  // the kernel's UDP_MAX_SEGMENTS
#define PARCEL_BATCH_MAX    256 // of one call

struct parcel {
    struct iovec *pieces;
    size_t count;
    uint32_t source; // the exporter's IPv4 address, one of this machine
};

struct sender;

// NULL after one line on stderr.
struct sender *sender_new(const struct sockaddr_in *to);
void sender_free(struct sender *sender);

// 0, or a negative errno.
int sender_send(struct sender *sender, const struct parcel *parcels, size_t count);

struct capture_out;

// NULL after one line on stderr.
struct capture_out *capture_out_new(const char *path, const struct sockaddr_in *to);

// 0, or -1 when the file could not be written whole.
int capture_out_free(struct capture_out *capture);
void capture_out_put(struct capture_out *capture, const struct parcel *parcel, uint64_t now_ns);
