// Captured frames: the UDP datagram inside one, or the fragment of one, through its link layer,
// VLAN tags, IPv4 or IPv6. No state.
#pragma once

#include "collector/fragment.h"
#include "common/base/addr.h"
#include "common/base/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_udp {
    struct addr source;
    uint16_t port;
    const uint8_t *payload; // borrowed from the frame
    size_t len;
    bool cut; // the capture has less of it than was sent
};

// Whether frames of that link type (a DLT_ number of libpcap) can be read.
bool frame_link_known(int link_type);

enum frame_kind {
    FRAME_UDP,
    FRAME_FRAGMENT, // of a UDP datagram, as far as it shows
    FRAME_OTHER,    // neither, for REASON_CAPTURE_NOT_UDP or REASON_CAPTURE_SHORT
};

// What the frame holds: `udp`, `fragment` (borrowed from the frame too) or `why` is filled.
enum frame_kind frame_read(int link_type, const uint8_t *bytes, size_t len, struct frame_udp *udp,
                           struct fragment *fragment, enum reason *why);

// The same of a datagram that was put together, of which the fragment was the last one needed.
// Never a fragment again.
enum frame_kind frame_read_whole(const struct fragment *last, const struct fragment_whole *whole,
                                 struct frame_udp *udp, enum reason *why);
