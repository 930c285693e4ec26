// A data template compiled once into the few operations that fill a flow, and run for each record.
//
// Only the fields that mean something to the schema become operations. A record of fixed size was
// checked whole by the caller, so its operations read at fixed offsets without a check each; behind
// a field of variable length the offsets count from that field's end and are checked once a
// stretch.
#pragma once

#include "collector/decode/sampling.h"
#include "collector/decode/template.h"
#include "common/base/ledger.h"
#include "common/flow/flow.h"

struct mapping;
struct plan;

enum plan_clock {
    PLAN_CLOCK_NONE,
    PLAN_CLOCK_UPTIME,   // milliseconds since the exporter's start
    PLAN_CLOCK_ABSOLUTE, // nanoseconds, Unix
    PLAN_CLOCK_DELTA,    // microseconds before the export time
    PLAN_CLOCK_INVALID,  // a time that is past what nanoseconds can hold
};

struct plan_time {
    enum plan_clock clock;
    uint64_t value;
};

// What one run leaves behind for its caller, and what it is told. Cleared by plan_run.
struct plan_result {
    struct plan_time start;
    struct plan_time end;
    uint64_t init_ms;     // systemInitTimeMilliseconds, 0 when the record has none
    uint64_t duration_ns; // of the flow
    bool has_duration;    // the record says it
    bool has_sampling;    // some sampling element was there
    struct sampling_terms sampling;
};

// Compiles the fields of a data template, with what the mapping (NULL: none) does to them; the
// mapping is borrowed for the life of the plan. NULL only without memory.
struct plan *plan_new(const struct template *template, enum template_dialect dialect,
                      const struct mapping *mapping);
void plan_free(struct plan *plan);
size_t plan_bytes(const struct plan *plan);

// What the reverse elements of the records say (biflow.h), as a plan of its own over the same
// bytes: run it for the flow that was turned around. NULL when the template has none.
const struct plan *plan_reverse(const struct plan *plan);

// How many fields of the template mean nothing to schema and mapping.
uint32_t plan_unused(const struct plan *plan);

// Whether some operation of it takes that field of its template.
bool plan_takes(const struct plan *plan, const struct template_field *field);

enum {
    PLAN_ICMP_V4 = 1,
    PLAN_ICMP_V6 = 58,
};

// Whether the protocol is ICMP, and so what exporters put into ports is its type and code.
static inline bool plan_icmp_is(uint64_t proto)
{
    return proto == PLAN_ICMP_V4 || proto == PLAN_ICMP_V6;
}

// Type and code, type * 256 + code, that a port of ICMP says. Cisco IOS-XR and Procera send the
// bare type: there is no type 0 of ICMPv6, and none but code 0 of ICMP's (IANA's registries; RFC
// 792).
static inline uint64_t plan_icmp_of(uint64_t port)
{
    return port < 256 ? port << 8 : port;
}

// Gives a flow of ICMP without a type and code those of its destination port, or of its source port
// where the other one is 0.
static inline void plan_icmp_ports(struct flow *flow)
{
    uint64_t port = flow_num(flow, FLOW_DST_PORT);
    if (port == 0)
        port = flow_num(flow, FLOW_SRC_PORT);
    if (flow_has(flow, FLOW_ICMP_TYPE) || flow_has(flow, FLOW_ICMP_CODE))
        return;
    port = plan_icmp_of(port);
    flow_set_num(flow, FLOW_ICMP_TYPE, port >> 8 & 0xff);
    flow_set_num(flow, FLOW_ICMP_CODE, port & 0xff);
}

// Fills `flow` from the record at `data`, `len` bytes up to the end of its set, at least the
// template's min_len. Fields already set stay unless the record has them. Returns the record's
// length, or 0 when a variable length passes the end (RFC 7011, section 7). Odd values are counted
// in `ledger`.
size_t plan_run(const struct plan *plan, const uint8_t *data, size_t len, struct flow *flow,
                struct plan_result *result, struct ledger *ledger);
