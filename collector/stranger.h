// Senders whose datagrams are refused: who they are and what they send, by its first bytes. NetFlow
// at the port of sFlow, syslog, a router that -allow does not name.
//
// A small table: of those that share a set the one that sent least gives way, or one that has sent
// nothing for ten minutes, so that forged senders of single datagrams do not push out a router that
// goes on. One thread, the owner of the lane; nothing here is on the way of what is taken.
#pragma once

#include "collector/decode/datagram.h"

#include <stdbool.h>

#define STRANGER_SETS 64
#define STRANGER_WAYS 4
#define STRANGERS_MAX (STRANGER_SETS * STRANGER_WAYS)

enum stranger_why {
    STRANGER_NOT_ALLOWED,
    STRANGER_NOT_TAKEN, // the listener does not take that protocol
    STRANGER_MALFORMED, // it does, but not this
    STRANGER_WHYS,
};

enum stranger_payload {
    STRANGER_UNKNOWN,
    STRANGER_NOTHING,
    STRANGER_NETFLOW, // of that version
    STRANGER_IPFIX,
    STRANGER_SFLOW, // of that version
    STRANGER_SYSLOG,
    STRANGER_SNMP,
    STRANGER_TEXT,
};

// Of one sender at one listener, of one kind of payload.
struct stranger {
    struct addr source;
    uint8_t listener;
    uint8_t payload; // enum stranger_payload
    uint8_t version;
    uint8_t why;    // of the latest: enum stranger_why
    uint8_t takers; // schemes that would take it: bit n is scheme n
    uint64_t count; // 0: the place is free
    uint64_t first_ns;
    uint64_t last_ns;
};

struct stranger_table {
    uint64_t seed;
    struct stranger sets[STRANGER_SETS][STRANGER_WAYS];
};

// Counts a datagram that a listener of that scheme refused: its sender, valid until the next call.
const struct stranger *stranger_take(struct stranger_table *table, const struct datagram *datagram,
                                     unsigned listener, enum decode_scheme scheme, bool allowed);

// What the first bytes say, without a sender: payload, version and takers.
struct stranger stranger_recognise(const struct datagram *datagram);

// Whether both are of one sender, listener and payload.
bool stranger_same(const struct stranger *a, const struct stranger *b);
