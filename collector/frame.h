// Captured frames: the UDP datagram inside one, through its link layer, VLAN tags, IPv4 or IPv6.
// No state.
#pragma once

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

// False when there is no datagram to be had, and then *why is REASON_CAPTURE_NOT_UDP,
// REASON_CAPTURE_FRAGMENT or REASON_CAPTURE_SHORT.
bool frame_udp(struct frame_udp *out, int link_type, const uint8_t *bytes, size_t len,
               enum reason *why);
