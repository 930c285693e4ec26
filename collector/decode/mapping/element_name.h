// Information elements by name: IANA's (flowDirection), and vendors' behind the vendor's name and a
// dot (cisco.clientIPv4Address). Read when a mapping is loaded, never for a record.
#pragma once

#include "common/base/nearest.h"

#include <stdbool.h>
#include <stdint.h>

// What an element's value is (RFC 7011, section 6.1), as far as that decides where it can go.
enum element_type {
    ELEMENT_UNSIGNED,
    ELEMENT_SIGNED,
    ELEMENT_FLOAT,
    ELEMENT_BOOLEAN,
    ELEMENT_MAC,
    ELEMENT_IPV4,
    ELEMENT_IPV6,
    ELEMENT_TEXT,
    ELEMENT_OCTETS,
    ELEMENT_SECONDS, // since 1970
    ELEMENT_MILLI,   // milliseconds since 1970
    ELEMENT_NTP,     // 64 bits of NTP
    ELEMENT_LIST,    // of a structure of its own (RFC 6313)
    ELEMENT_TYPE_COUNT,
};

struct element_name {
    const char *name;
    uint32_t enterprise;
    uint16_t element;
    enum element_type type;
};

// Fills `out` with the element of that name in NetFlow v9 or IPFIX: 0; or -1, and *nearest is the
// name that may be meant, NULL without one. IANA's elements are the same in both protocols, and
// each has a reverse one (RFC 5103, section 6.1: reverseOctetDeltaCount) in IPFIX.
int element_name_find(const char *name, bool ipfix, struct element_name *out, const char **nearest);

// "a number", "text": for messages.
const char *element_type_name(enum element_type type);
