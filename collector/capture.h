// -read: flow exports out of capture files (pcap, pcapng; also compressed with gzip or Zstandard,
// whatever their names), in a thread of its own.
//
// Every UDP payload goes the way of a datagram from a socket, as scheme flow; the packet's time is
// its receive time, its source the exporter. Fragments are put together first. Of a file that is
// cut or damaged, all in front of that is read. Reading waits for the output. The thread ends at
// the end of the last file, or when its lane is told to stop.
#pragma once

#include "collector/lane.h"

struct capture_options {
    const char *files;  // comma separated; "-" is stdin
    const char *filter; // BPF expression; NULL or "": everything
    int done_fd;        // eventfd, written when the thread has ended
};

struct capture;

// Whether libpcap takes the expression, for Ethernet. 0, or -1 and a fault.
int capture_check_filter(const char *filter, struct fault *fault);

// Borrows the options' texts and the lane. NULL after having logged why.
struct capture *capture_start(const struct capture_options *options, struct lane *lane);

bool capture_ended(const struct capture *capture);

// Waits for the thread until that time of the steady clock: 0, or -ETIMEDOUT.
int capture_join(struct capture *capture, int64_t until_ns);

// After the join. 0, or -1 when a file could not be read to its end (which was logged).
int capture_free(struct capture *capture);
