// The books of one thread: everything that came in, and where each of it went.
//
//   datagrams received = parsed + refused (reasons of class DATAGRAM)
//   units received     = decoded + held + dropped (reasons of class UNIT)
//   flows made         = delivered + filtered + waiting + failed (reasons of class FLOW)
//
// A unit is a NetFlow or IPFIX set, the record block of a NetFlow v5 datagram, or an sFlow sample.
// Plain counters with one writer, the owning thread; another thread reads a copy made by the owner.
#pragma once

#include "common/base/reason.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger {
    uint64_t datagrams_received;
    uint64_t datagrams_parsed;
    uint64_t bytes_received;
    uint64_t units_received;
    uint64_t units_decoded;
    uint64_t units_held; // a gauge
    uint64_t flows_made;
    uint64_t flows_delivered;
    uint64_t flows_filtered;
    uint64_t flows_waiting; // a gauge: ring, window, spool
    uint64_t reasons[REASON_COUNT];
};

static inline void ledger_count(struct ledger *ledger, enum reason reason, uint64_t n)
{
    ledger->reasons[reason] += n;
}

void ledger_add(struct ledger *sum, const struct ledger *part);

// What is counted under the reasons of one class.
uint64_t ledger_lost(const struct ledger *ledger, enum reason_class class);

// Whether the three equations hold.
bool ledger_balanced(const struct ledger *ledger);

// Logs the three equations and every reason that is not zero; of who gets no datagrams only that of
// flows.
void ledger_log(const struct ledger *ledger);
void ledger_log_flows(const struct ledger *ledger);
