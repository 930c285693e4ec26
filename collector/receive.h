// Datagrams from a socket, many with one system call.
//
// Slots take any datagram whole. Their pages are touched only as far as datagrams reach, and they
// are placed so that the beginnings of all slots do not meet in one set of the cache.
// One thread.
#pragma once

#include "collector/decode/decode.h"

#include <stdbool.h>
#include <stddef.h>

#define RECEIVE_SLOTS     64 // datagrams of a batch
#define RECEIVE_SLOTS_GRO 16 // bursts, with gro=1

struct receive_batch;

// NULL without memory.
struct receive_batch *receive_new(void);
void receive_free(struct receive_batch *batch);

// Takes what is there, without waiting: how many slots were filled, 0 when there is nothing, or a
// negative errno. Fewer than asked for means that the socket is empty now.
int receive_run(struct receive_batch *batch, int fd, bool gro);

// One slot: its bytes (several datagrams, each but the last of segment_len bytes, when the kernel
// joined them), when they were received and from whom.
struct receive_slot {
    struct datagram datagram;
    size_t segment_len; // 0: one datagram
    bool truncated;     // the end is missing
};

void receive_slot(const struct receive_batch *batch, int index, struct receive_slot *out);

// Datagrams that the kernel dropped at this socket so far, modulo 2^32: it had no room for them.
uint32_t receive_kernel_drops(int fd);
